"""The page of usage and keys: what it shows, makes and ends, for whoever has an admin key, and nobody else."""

import asyncio
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Error, Locator, Route, expect

from tests.playground.conftest import Serve, prepared
from tests.playground.looks import LOOKS, passes, reach
from tests.support.browser import Visit, Visiting
from tests.support.entries import entry
from tests.support.serving import MODEL, Served, run
from vivavoce.account.keys import Wish
from vivavoce.account.prices import UNIT
from vivavoce.store import clock

PAGE = "/playground/account"
DAY_S = 86_400
MINI = "gpt-4o-mini-audio-preview-2024-12-17"
CHAT = {"model": MINI, "text_in": 100, "cached": 40, "audio_in": 20, "text_out": 7, "audio_out": 60}
USED: list[tuple[int, dict[str, Any]]] = [
    (1, CHAT | {"project": "shop", "cost_in": int(1 / UNIT), "cost_out": int(2 / UNIT)}),
    (1, CHAT | {"project": "desk", "cost_in": int(1 / UNIT)}),
    (2, {"kind": "speech", "model": "tts-1", "characters": 1200, "project": "shop"}),
    (3, {"kind": "transcription", "model": "whisper-1", "heard_ms": 9500, "project": "shop"}),
    (40, CHAT | {"project": "shop"}),
]
"""Rows of the ledger, and how many days ago they were written."""
EVIL = "<img src=x onerror=window.ran=1>"
UNKNOWN = f"sk-vv-admin-{'x' * 43}"


async def made(served: Served, project: str | None = None, name: str = "boss", **more: Any) -> str:
    return (await served.service.keys.create(Wish(name, project, **more))).value


async def use(served: Served, used: list[tuple[int, dict[str, Any]]] = USED) -> None:
    for number, (ago, row) in enumerate(used):
        await served.service.ledger.append(entry(number, at=int(clock.now()) - ago * DAY_S, **row))


async def arrive(visit: Visiting, served: Served, **options: Any) -> Visit:
    """Come without a key to a server that has some."""
    here = await visit(served.url, PAGE, **options)
    here.forgiven.append("status of 401")
    return here


async def enter(here: Visit, key: str) -> None:
    await here.at("#key").fill(key)
    await here.at("#key").press("Enter")


async def opened(visit: Visiting, served: Served, key: str | None = None, **options: Any) -> Visit:
    """The page, open to an admin key."""
    here = await arrive(visit, served, **options)
    await enter(here, key or await made(served))
    await expect(here.at("#reading")).not_to_be_empty()
    return here


async def status(served: Served, key: str, path: str = "/v1/models") -> int:
    return (await served.http.get(path, headers={"authorization": f"Bearer {key}"})).status_code


def row(here: Visit, name: str) -> Locator:
    """The row of a key."""
    return here.page.get_by_role("row").filter(has=here.page.get_by_role("rowheader", name=name, exact=True))


async def test_one_comes_to_it_from_the_playground_and_back(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve()).url)
    if not await here.at("#share").is_visible():
        await here.at("#settings > summary").click()
    await here.page.get_by_role("link", name="Usage and keys").click()
    await expect(here.page).to_have_title("Usage and keys – Viva Voce")
    await here.page.get_by_role("link", name="Playground").click()
    await here.at("#talk").wait_for()


async def test_what_was_used_is_shown_by_day_by_project_and_by_model(visit: Visiting, serve: Serve) -> None:
    served = await serve()
    await use(served)
    here = await opened(visit, served)
    await expect(here.at("#measures b")).to_have_text(["4", "374", "20", "1,200", "$4.00"])
    await expect(here.at("#parts")).to_contain_text("chats: 2")
    await expect(here.at("#numbers tbody tr")).to_have_count(30)
    tall = "[...document.querySelectorAll('#bars [class^=part]')].filter((one) => one.height.baseVal.value > 0).length"
    assert await here.page.evaluate(tall) == 3
    await here.page.get_by_role("radio", name="Tokens").check()
    await expect(here.at("#parts")).to_contain_text("text in: 200audio in: 40text out: 14audio out: 120")
    assert await here.page.evaluate(tall) == 4
    await here.at("#days").select_option("90")
    await expect(here.at("#measures b")).to_have_text(["5", "561", "25", "1,200", "$4.00"])
    await here.at("#project").select_option("desk")
    await expect(here.at("#measures b")).to_have_text(["1", "187", "5", "0", "$1.00"])
    await here.at("#project").select_option("shop")
    await here.at("#model").select_option("whisper-1")
    await expect(here.at("#measures b")).to_have_text(["1", "0", "10", "0", "$0.00"])
    await here.at("#days").select_option("7")
    await expect(here.at("#numbers tbody tr")).to_have_count(7)
    await expect(here.at("#model")).to_have_value("whisper-1")
    await here.at("#numbers summary").click()
    await expect(here.at("#numbers tfoot tr")).to_have_text("Together10100$0.00")


async def test_each_day_is_told_to_the_keyboard_and_to_the_pointer(visit: Visiting, serve: Serve) -> None:
    served = await serve()
    await use(served)
    here = await opened(visit, served)
    await here.page.get_by_role("radio", name="USD").check()
    day = here.page.get_by_role("slider", name="Day")
    await day.focus()
    told = ""
    for _ in range(4):
        await here.page.keyboard.press("ArrowLeft")
        told = await day.get_attribute("aria-valuetext") or ""
        assert await here.at("#reading").inner_text() == told
        if "$4.00" in told:
            break
    assert re.fullmatch(r"\w{3} \d+ \w+ – USD: \$4\.00 \(put in: \$2\.00, came out: \$2\.00\)", told)
    box = await here.at("#bars").bounding_box()
    assert box
    await here.page.mouse.move(box["x"] + 3, box["y"] + 20)
    await expect(day).to_have_js_property("value", "0")
    await expect(here.at("#reading")).to_contain_text("$0.00")


async def test_what_was_asked_for_last_is_what_is_shown(visit: Visiting, serve: Serve) -> None:
    served = await serve()
    await use(served)
    here = await opened(visit, served)
    late = asyncio.Event()

    async def hold(route: Route) -> None:
        await late.wait()
        with suppress(Error):  # the page does not wait for it any more
            await route.continue_()

    await here.page.route(re.compile("project_ids=desk|projects/desk"), hold)
    await here.at("#project").select_option("desk")
    await here.at("#project").select_option("shop")
    await expect(here.at("#measures b").first).to_have_text("3")
    late.set()
    await here.at("#days").select_option("90")
    await expect(here.at("#measures b").first).to_have_text("4")
    await expect(here.at("#project")).to_have_value("shop")


async def test_a_key_is_made_and_shown_once_and_is_good_for_what_it_was_made_for(visit: Visiting, serve: Serve) -> None:
    served = await serve()
    here = await opened(visit, served)
    await here.at("#make summary").click()
    fields = {"name": "phone", "project": "shop", "tier": "free", "models": f" {MODEL}, tts-1 ,", "days": "90"}
    for field, value in fields.items():
        await here.at(f"#new-{field}").fill(value)
    await here.page.get_by_role("button", name="Make the key").click()
    await expect(row(here, "phone")).to_contain_text(f"{MODEL}, tts-1")
    value = await here.at("#value").inner_text()
    await here.page.get_by_role("button", name="Copy the key").click()
    await expect(here.at("#copy-value")).to_have_text("Copied")
    assert await here.page.evaluate("navigator.clipboard.readText()") == value
    key = await served.service.keys.find(value)
    assert key
    assert (key.name, key.project, key.tier, key.models) == ("phone", "shop", "free", [MODEL, "tts-1"])
    assert key.expires_at == key.created_at + 90 * DAY_S
    assert await status(served, value) == 200
    await expect(row(here, "phone").get_by_role("cell").first).to_have_text(f"sk-vv-****{value[-4:]}")
    await here.page.get_by_role("button", name="I have it").click()
    assert value not in await here.page.content()
    await here.page.reload()
    await row(here, "phone").wait_for()
    assert value not in await here.page.content()
    assert [request.url for request in here.asked if value in request.url] == []


async def test_an_admin_key_is_made_as_well(visit: Visiting, serve: Serve) -> None:
    served = await serve()
    here = await opened(visit, served)
    await here.at("#make summary").click()
    await here.at("#new-name").fill("deputy")
    await here.at("#new-admin").check()
    await here.page.get_by_role("button", name="Make the key").click()
    await expect(row(here, "deputy")).to_contain_text("admin")
    value = await here.at("#value").inner_text()
    assert await status(served, value, "/v1/organization/projects") == 200


async def test_what_cannot_be_made_is_told_in_the_servers_words(visit: Visiting, serve: Serve) -> None:
    here = await opened(visit, await serve())
    here.forgiven.append("status of 400")
    await here.at("#make summary").click()
    await here.at("#new-name").fill("phone")
    await here.at("#new-models").fill("nothing-of-ours")
    await here.page.get_by_role("button", name="Make the key").click()
    assert "there is no model 'nothing-of-ours' here" in await here.notice("refused")
    await here.at("#new-models").fill("")
    await here.page.get_by_role("button", name="Make the key").click()
    await row(here, "phone").wait_for()
    await expect(here.at("#notice")).to_be_hidden()


async def test_a_key_is_revoked_once_it_is_meant(visit: Visiting, serve: Serve) -> None:
    served = await serve()
    key = await made(served, "shop", "phone")
    here = await opened(visit, served)
    for keep in ("Escape", "Enter"):  # what has the focus is the button that leaves it
        await here.page.get_by_role("button", name="Revoke phone").click()
        await expect(here.page.get_by_role("dialog", name="Revoke phone?")).to_be_visible()
        await here.page.keyboard.press(keep)
        await expect(here.at("#sure")).to_be_hidden()
    assert await status(served, key) == 200
    await here.page.get_by_role("button", name="Revoke phone").click()
    await here.at("#sure-yes").click()
    await expect(row(here, "phone")).to_have_count(0)
    await expect(here.page.get_by_role("status").first).to_have_text("phone is revoked.")
    assert await status(served, key) == 401


async def test_a_key_that_somebody_else_revoked_is_gone_as_well(visit: Visiting, serve: Serve) -> None:
    served = await serve()
    found = await served.service.keys.find(await made(served, "shop", "phone"))
    assert found
    here = await opened(visit, served)
    here.forgiven.append("status of 404")
    await served.service.keys.revoke(found.id)
    await here.page.get_by_role("button", name="Revoke phone").click()
    await here.at("#sure-yes").click()
    assert "There is no key of that id" in await here.notice("refused")
    await expect(row(here, "phone")).to_have_count(0)


async def test_another_key_takes_the_place_of_one_and_the_old_one_has_its_grace(visit: Visiting, serve: Serve) -> None:
    served = await serve()
    key = await made(served, "shop", "phone", tier="free")
    here = await opened(visit, served)
    await here.page.get_by_role("button", name="Rotate phone").click()
    await here.at("#grace").select_option("3600")
    await here.at("#sure-yes").click()
    await expect(here.at("#value")).to_contain_text("sk-vv-")
    value = await here.at("#value").inner_text()
    assert [await status(served, each) for each in (key, value)] == [200, 200]
    await expect(row(here, "phone")).to_have_count(2)
    await expect(row(here, "phone").filter(has_text="never")).to_have_count(1)


async def test_the_page_goes_on_with_the_key_that_takes_the_place_of_its_own(visit: Visiting, serve: Serve) -> None:
    served = await serve()
    key = await made(served)
    here = await opened(visit, served, key)
    await here.page.get_by_role("button", name="Rotate boss").click()
    await expect(here.at("#sure-text")).to_contain_text("the key that you opened this page with")
    await here.at("#sure-yes").click()
    await expect(here.at("#value")).to_contain_text("sk-vv-admin-")
    assert await status(served, key, "/v1/organization/projects") == 401
    await here.page.reload()
    await row(here, "boss").wait_for()


async def test_only_an_admin_key_opens_it(visit: Visiting, serve: Serve) -> None:
    served = await serve()
    await made(served)
    here = await arrive(visit, served)
    here.forgiven.append("status of 403")
    for key, code in (
        (UNKNOWN, "key-wrong"),
        (await made(served, "shop", "phone"), "not-admin"),
        ("ключ", "key-wrong"),
    ):
        await enter(here, key)
        assert re.fullmatch(r"[A-Z][^{}<>]{10,250}\.", await here.notice(code))
        await expect(here.at("#account")).to_be_hidden()
    await enter(here, await made(served, name="deputy"))
    await row(here, "deputy").wait_for()
    await expect(here.at("#notice")).to_be_hidden()


async def test_where_there_are_no_keys_it_says_how_the_first_is_made(visit: Visiting, serve: Serve) -> None:
    served = await serve()
    here = await visit(served.url, PAGE)
    here.forgiven.append("status of 403")
    await expect(here.at("#keyless")).to_be_visible()
    await expect(here.at("#command")).to_have_text("vivavoce keys create boss --admin")
    await enter(here, UNKNOWN)
    await here.notice("not-admin")
    await enter(here, await made(served))
    await row(here, "boss").wait_for()
    await expect(here.at("#measures b")).to_have_text(["0", "0", "0", "0", "$0.00"])
    await expect(here.at("#reading")).to_contain_text("Requests: 0")


async def test_a_server_that_is_gone_and_comes_back(visit: Visiting, tmp_path: Path) -> None:
    async with run(tmp_path, **prepared()) as served:
        await use(served)
        here = await opened(visit, served)
        here.forgiven.extend(("net::ERR", "Failed to fetch"))
    await here.at("#days").select_option("7")
    await here.notice("server-gone")
    async with run(tmp_path, port=served.port, **prepared()):
        await here.at("#days").select_option("90")
        await expect(here.at("#measures b").first).to_have_text("5")
        await expect(here.at("#notice")).to_be_hidden()


async def test_a_key_that_ends_while_the_page_is_open_closes_it(visit: Visiting, serve: Serve) -> None:
    served = await serve()
    key = await made(served)
    here = await opened(visit, served, key)
    found = await served.service.keys.find(key)
    assert found
    await served.service.keys.revoke(found.id)
    await here.at("#days").select_option("7")
    await here.notice("key-wrong")
    await expect(here.at("#account")).to_be_hidden()


async def test_the_key_stays_in_the_tab_and_who_leaves_leaves_nothing(visit: Visiting, serve: Serve) -> None:
    served = await serve()
    key = await made(served)
    here = await opened(visit, served, key)
    kept = "JSON.stringify([location.href, document.cookie, {...localStorage}])"
    assert key not in await here.page.evaluate(kept)
    assert await here.page.context.cookies() == []
    assert [request.url for request in here.asked if key in request.url] == []
    await here.page.reload()
    await row(here, "boss").wait_for()
    await here.page.get_by_role("button", name="Leave").click()
    await expect(here.at("#key")).to_have_value("")
    assert await here.page.evaluate("sessionStorage.length") == 0
    await expect(row(here, "boss")).to_have_count(0)
    await here.page.reload()
    await expect(here.at("#enter")).to_be_visible()


async def test_names_are_text(visit: Visiting, serve: Serve) -> None:
    served = await serve()
    await use(served, [(1, CHAT | {"project": EVIL, "model": EVIL})])
    await made(served, EVIL, EVIL, tier=EVIL, models=[EVIL])
    here = await opened(visit, served)
    await expect(row(here, EVIL)).to_contain_text(EVIL)
    for choice in ("#project", "#model"):
        await here.at(choice).select_option(EVIL)
        await expect(here.at("#measures b").first).to_have_text("1")
    await here.page.get_by_role("button", name=f"Rotate {EVIL}").click()
    await expect(here.at("#sure-title")).to_contain_text(EVIL)
    await here.at("#sure-yes").click()
    await expect(here.at("#made-title")).to_contain_text(EVIL)
    assert await here.page.evaluate("window.ran") is None
    assert await here.at("body img, body script").count() == 0


async def test_a_script_that_stands_in_the_page_is_not_run(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve()).url, PAGE)
    here.forgiven.append("Content Security Policy")
    await here.page.evaluate(
        """() => {
          const script = document.createElement('script')
          script.textContent = 'window.ran = 1'
          document.body.append(script)
        }"""
    )
    assert await here.page.evaluate("window.ran") is None


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
async def test_axe_finds_nothing_serious(visit: Visiting, serve: Serve, look: str) -> None:
    served = await serve()
    await use(served)
    await made(served, "shop", "a-long-name-" * 10, models=[MODEL, "tts-1"])
    here = await arrive(visit, served, **LOOKS[look])
    if look in {"light", "phone"}:
        await passes(here)
    await enter(here, await made(served))
    await expect(here.at("#reading")).not_to_be_empty()
    await here.at("#numbers summary").click()
    await here.at("#make summary").click()
    await here.page.get_by_role("button", name="Rotate boss").click()
    if look in {"light", "dark"}:
        await passes(here)
    await here.at("#sure-yes").click()
    await expect(here.at("#value")).not_to_be_empty()
    await passes(here)


async def test_the_keyboard_is_enough(visit: Visiting, serve: Serve) -> None:
    served = await serve()
    key = await made(served)
    here = await arrive(visit, served)
    keyboard = here.page.keyboard
    await reach(here, "#key")
    await keyboard.type(key)
    await keyboard.press("Enter")
    await expect(here.at("#reading")).not_to_be_empty()
    await reach(here, "#measures input")
    await keyboard.press("ArrowRight")
    await expect(here.at("#reading")).to_contain_text("Tokens: 0")
    await reach(here, "#day")
    await reach(here, "#make summary")
    await keyboard.press("Enter")
    await reach(here, "#new-name")
    await keyboard.type("phone")
    await keyboard.press("Enter")
    await expect(here.at("#copy-value")).to_be_focused()
    await reach(here, "#made-done")
    await keyboard.press("Enter")
    await expect(here.at("#made")).to_be_hidden()
    await reach(here, '[aria-label="Revoke phone"]')
    await keyboard.press("Enter")
    await reach(here, "#sure-yes")
    await keyboard.press("Enter")
    await expect(row(here, "phone")).to_have_count(0)
