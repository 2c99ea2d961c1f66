"""The playground is given to browsers, and to nobody who asks for JSON."""

import re
from dataclasses import replace
from decimal import Decimal
from importlib import resources

import httpx2
import pytest

from tests.support.serving import MODEL, Serving, model
from vivavoce.core.models import Price
from vivavoce.server.service import Access

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
FILES = {
    "account": "text/html; charset=utf-8",
    "account.js": "text/javascript; charset=utf-8",
    "account.css": "text/css; charset=utf-8",
    "playground.js": "text/javascript; charset=utf-8",
    "playground.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "recorder.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
FOLDER = resources.files("vivavoce.playground")


def loaded(page: str) -> dict[str, str]:
    """The files that a page is made of, and their texts: what it names, and what that names in turn."""
    found = {page: FOLDER.joinpath(page).read_text()}
    named = re.findall(r'"(?:\./|playground/)?(\w+\.(?:js|css|svg))"', found[page])
    return found | {name: text for each in named for name, text in loaded(each).items()}


TALKING, ACCOUNT = loaded("index.html"), loaded("account.html")


@pytest.mark.parametrize(
    "accept",
    [CHROME, "text/html", "text/*", "text/html;q=0.9, */*;q=0.1", "TEXT/HTML", "text/html, application/json;q=0"],
)
async def test_who_would_rather_have_a_page_gets_it(serving: Serving, accept: str) -> None:
    served = await serving()
    answer = await served.http.get("/", headers={"accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.content == FOLDER.joinpath("index.html").read_bytes()


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", "application/json", "application/json, text/html", "text/html;q=0", "text/html;q=x", "text/plain"],
)
async def test_everybody_else_gets_what_this_is(serving: Serving, accept: str) -> None:
    served = await serving()
    answer = await served.http.get("/", headers={"accept": accept})
    assert answer.json()["name"] == "vivavoce"
    assert answer.headers["vary"] == "Accept"


async def test_what_this_is_has_what_the_page_shows(serving: Serving) -> None:
    priced = replace(model(), price=Price(*map(Decimal, ("0.15", "0.60", "10.0", "0.0000001"))))
    served = await serving(models={MODEL: priced, "mine": model()}, about="ear: scripted", better="a far better ear")
    about = (await served.http.get("/")).json()
    assert (about["engines"], about["better"]) == ("ear: scripted", "a far better ear")
    assert about["prices"] == {
        MODEL: {"text_in": "0.15", "text_out": "0.6", "audio_in": "10", "audio_out": "0.0000001"}
    }


async def test_prices_are_told_to_whoever_may_use_what_they_are_of(serving: Serving) -> None:
    priced = replace(model(), price=Price(*map(Decimal, ("0.15", "0.60", "10.0", "20"))))
    served = await serving(models={MODEL: priced}, access=Access(("secret",)))
    for key, known in ((None, []), ("wrong", []), ("secret", [MODEL])):
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        about = (await served.http.get("/", headers=headers)).json()
        assert (about["name"], [*about["prices"]]) == ("vivavoce", known)


@pytest.mark.parametrize("path", ["/v1", "/v1/"])
async def test_under_v1_there_is_json_alone(serving: Serving, path: str) -> None:
    served = await serving()
    answer = await served.http.get(path, headers={"accept": CHROME})
    assert answer.json()["name"] == "vivavoce"


@pytest.mark.parametrize("keys", [(), ("secret",)])
async def test_its_files_are_there_for_everybody_and_may_do_little(serving: Serving, keys: tuple[str, ...]) -> None:
    served = await serving(access=Access(keys))
    for path, kind in {
        "/": "text/html; charset=utf-8",
        **{f"/playground/{name}": FILES[name] for name in FILES},
    }.items():
        answer = await served.http.get(path, headers={"accept": CHROME})
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert answer.headers["content-security-policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src 'self' blob:; "
            "img-src 'self' data:; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["vary"] == "Accept"
        assert "set-cookie" not in answer.headers


async def test_what_a_browser_has_it_need_not_fetch_again(serving: Serving) -> None:
    served = await serving()
    async with httpx2.AsyncClient(base_url=served.url, trust_env=False) as http:
        for path in ("/", "/playground/playground.js"):
            first = await http.get(path, headers={"accept": CHROME})
            tag = first.headers["etag"]
            for known in (tag, f'"other", W/{tag}'):
                again = await http.get(path, headers={"accept": CHROME, "if-none-match": known})
                assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
            changed = await http.get(path, headers={"accept": CHROME, "if-none-match": '"other"'})
            assert (changed.status_code, changed.content) == (200, first.content)


@pytest.mark.parametrize("name", ["__init__.py", "nothing.js", "index.htm", "%2e%2e%2fserver%2fapp.py"])
async def test_nothing_else_is_there(serving: Serving, name: str) -> None:
    served = await serving()
    answer = await served.http.get(f"/playground/{name}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url")


@pytest.mark.parametrize(
    ("files", "lines", "size"),
    [
        (TALKING, 1400, 60_000),
        ({name: text for name, text in ACCOUNT.items() if name not in TALKING}, 700, 30_000),
    ],
    ids=["talking", "account"],
)
async def test_a_page_is_small_enough_to_be_read_in_one_sitting(files: dict[str, str], lines: int, size: int) -> None:
    assert sum(text.count("\n") for text in files.values()) <= lines
    assert sum(len(text.encode()) for text in files.values()) <= size
    assert max(len(line) for text in files.values() for line in text.splitlines()) <= 600


async def test_who_comes_to_talk_loads_nothing_of_the_account() -> None:
    names = {"index.html", "playground.js", "playground.css", "page.js", "recorder.js", "icon.svg"}
    assert set(TALKING) == names
    there = {file.name for file in FOLDER.iterdir() if file.is_file()}
    assert there == {"__init__.py", *TALKING, *ACCOUNT}
    assert {name.removesuffix(".html") for name in there} == {"__init__.py", "index", *FILES}


async def test_it_asks_nobody_else_for_anything() -> None:
    for text in (TALKING | ACCOUNT).values():
        assert "innerHTML" not in text
        assert "eval(" not in text
        outside = [word for word in text.replace('"', " ").replace("'", " ").split() if word.startswith(("http", "//"))]
        assert [word for word in outside if "//" in word and "www.w3.org" not in word and word != "//"] == []
