"""Who may come in, and the headers and errors that every answer has."""

import re
from typing import Any

import openai
import pytest

from tests.support.serving import MODEL, Serving, model
from vivavoce import __version__
from vivavoce.server.service import Access

USER = [{"role": "user", "content": "Hi"}]
BODY = {"model": MODEL, "messages": USER}
NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
    "(i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the "
    "API from your browser and are prompted for a username and password."
)


async def test_every_answer_has_its_headers_errors_too(serving: Serving) -> None:
    served = await serving()
    ids: set[str] = set()
    for method, path, body, status in [
        ("GET", "/", None, 200),
        ("GET", "/v1/models", None, 200),
        ("POST", "/v1/chat/completions", BODY, 200),
        ("POST", "/v1/chat/completions", BODY | {"stream": True}, 200),
        ("POST", "/v1/chat/completions", {}, 400),
        ("GET", "/v1/nothing", None, 404),
        ("DELETE", "/v1/models", None, 405),
    ]:
        response = await served.http.request(method, path, json=body)
        assert response.status_code == status
        assert re.fullmatch(r"req_[0-9a-f]{32}", response.headers["x-request-id"])
        assert response.headers["openai-processing-ms"].isdigit()
        assert response.headers["openai-version"] == "2020-10-01"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "server" not in response.headers
        ids.add(response.headers["x-request-id"])
    assert len(ids) == 7


async def test_the_clients_own_name_for_its_request_is_said_back(serving: Serving) -> None:
    served = await serving(access=Access(keys=("sk-one",)))
    name = "Az09._:-" * 16
    for method, path, body, key, status in [
        ("GET", "/v1/models", None, "sk-one", 200),
        ("POST", "/v1/chat/completions", BODY, "sk-one", 200),
        ("POST", "/v1/chat/completions", BODY | {"stream": True}, "sk-one", 200),
        ("POST", "/v1/chat/completions", {}, "sk-one", 400),
        ("GET", "/v1/nothing", None, "sk-one", 404),
        ("GET", "/v1/models", None, "sk-two", 401),
    ]:
        headers = {"x-client-request-id": name, "authorization": f"Bearer {key}"}
        response = await served.http.request(method, path, json=body, headers=headers)
        assert (response.status_code, response.headers["x-client-request-id"]) == (status, name)
        assert "X-Client-Request-Id" in response.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "names", [[], [b""], [b"x" * 129], [b"a b"], [b"a/b"], [b"a\tb"], ["é".encode()], [b"a", b"a"]]
)
async def test_what_is_no_such_name_is_left_out(serving: Serving, names: list[bytes]) -> None:
    served = await serving()
    response = await served.http.get("/v1/models", headers=[(b"x-client-request-id", name) for name in names])
    assert response.status_code == 200
    assert "x-client-request-id" not in response.headers


async def test_unknown_paths_and_methods_are_told_in_the_originals_words(serving: Serving) -> None:
    served = await serving()
    for path in ("/v1/nothing", "/nothing", "/v1/chat/completions/", "/v2/models"):
        response = await served.http.post(path, json={})
        assert response.status_code == 404
        assert response.json()["error"] == {
            "message": f"Unknown request URL: POST {path}. Please check the URL for typos, or see the docs at "
            "https://platform.openai.com/docs/api-reference/.",
            "type": "invalid_request_error",
            "param": None,
            "code": "unknown_url",
        }
    response = await served.http.put("/v1/chat/completions")
    assert response.status_code == 405
    assert response.json()["error"]["code"] == "method_not_supported"


async def test_a_wrong_method_is_told_the_right_ones(serving: Serving) -> None:
    served = await serving()
    for path, allowed in (
        ("/v1/chat/completions", "GET, HEAD, POST"),
        ("/models", "GET, HEAD"),
        (f"/models/{MODEL}", "DELETE, GET, HEAD"),
    ):
        answer = await served.http.put(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_every_path_is_there_without_its_prefix_too(serving: Serving) -> None:
    served = await serving()
    for prefix in ("", "/v1"):
        assert (await served.http.post(f"{prefix}/chat/completions", json=BODY)).status_code == 200
        assert (await served.http.get(f"{prefix}/models")).status_code == 200
        assert (await served.http.get(f"{prefix}/models/{MODEL}")).status_code == 200
        assert (await served.http.get(f"{prefix}/")).json()["name"] == "vivavoce"


async def test_models_are_listed_and_an_unknown_one_is_not_found(serving: Serving) -> None:
    served = await serving(models={MODEL: model(), "org/other": model()})
    listed = [each async for each in served.openai.models.list()]
    assert [each.id for each in listed] == [MODEL, "org/other"]
    one = await served.openai.models.retrieve(MODEL)
    assert (one.object, one.owned_by) == ("model", "vivavoce")
    assert (await served.http.get("/v1/models/org/other")).json()["id"] == "org/other"
    with pytest.raises(openai.NotFoundError) as missing:
        await served.openai.models.retrieve("fake_id")
    assert missing.value.body == {
        "message": "The model 'fake_id' does not exist",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }


async def test_no_model_is_deleted(serving: Serving) -> None:
    served = await serving(models={MODEL: model(), "org/other": model()})
    with pytest.raises(openai.NotFoundError) as missing:
        await served.openai.models.delete("fake_id")
    assert missing.value.body == {
        "message": "The model 'fake_id' does not exist",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }
    for name in (MODEL, "org/other"):
        answer = await served.http.delete(f"/v1/models/{name}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "model_not_deletable")
    assert len([each async for each in served.openai.models.list()]) == 2


async def test_the_root_says_what_this_is(serving: Serving) -> None:
    served = await serving(about="brain: small")
    about = (await served.http.get("/")).json()
    assert (about["name"], about["version"], about["engines"]) == ("vivavoce", __version__, "brain: small")


async def test_readiness_is_that_of_the_engines_and_life_is_not(serving: Serving) -> None:
    missing: list[str] = []
    served = await serving(missing=lambda: missing)
    response = await served.http.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ready"})
    missing.append("brain")
    response = await served.http.get("/health/ready")
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json() == {"status": "starting", "missing": ["brain"]}
    assert (await served.http.get("/health/live")).status_code == 200


async def test_a_body_over_the_limit_is_refused_announced_or_not(serving: Serving) -> None:
    served = await serving(body_bytes=1000)
    large = b'{"model": "' + b"x" * 2000 + b'"}'

    async def pieces() -> Any:
        for start in range(0, len(large), 100):
            yield large[start : start + 100]

    for content in (large, pieces()):
        response = await served.http.post(
            "/v1/chat/completions", content=content, headers={"content-type": "application/json"}
        )
        assert response.status_code == 413
        error = response.json()["error"]
        assert (error["type"], error["code"]) == ("invalid_request_error", "request_too_large")
        assert error["message"].startswith("413: Maximum content size limit (1000) exceeded (")
    assert (await served.http.post("/v1/chat/completions", json=BODY)).status_code == 200


async def test_without_keys_only_this_machines_names_are_answered(serving: Serving) -> None:
    served = await serving()
    for host in ("localhost", "LOCALHOST:80", "127.0.0.1", f"127.0.0.1:{served.port}", "[::1]:8000", "[::1]"):
        assert (await served.http.get("/v1/models", headers={"host": host})).status_code == 200, host
    for host in ("evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "8000", ""):
        response = await served.http.get("/v1/models", headers={"host": host})
        assert response.status_code == 403, host
        assert response.json()["error"]["code"] == "host_not_allowed"


async def test_without_keys_a_body_is_json_or_refused(serving: Serving) -> None:
    served = await serving()
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        response = await served.http.post("/v1/chat/completions", content=b"{}", headers={"content-type": kind})
        assert response.status_code == 415, kind
        assert response.json()["error"]["code"] == "unsupported_media_type"
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert (await served.http.post("/v1/chat/completions", content=b"{}", headers=headers)).status_code == 400


async def test_what_is_not_there_is_said_before_what_a_body_should_be(serving: Serving) -> None:
    served = await serving()
    for kind in ("text/plain", "multipart/form-data; boundary=x", ""):
        headers = {"content-type": kind, "origin": "https://evil.example"}
        for path, status, code in (
            ("/v1/nothing", 404, "unknown_url"),
            ("/v1/chat/completions/", 404, "unknown_url"),
            ("/v1/models", 405, "method_not_supported"),
        ):
            response = await served.http.post(path, content=b"{}", headers=headers)
            assert (response.status_code, response.json()["error"]["code"]) == (status, code)


async def test_without_keys_a_form_is_taken_from_programs_and_from_our_own_pages_only(serving: Serving) -> None:
    served = await serving(access=Access(origins=("https://app.example",)))
    form = {"content-type": "multipart/form-data; boundary=x"}
    ours = f"http://127.0.0.1:{served.port}"
    for origin, status in ((None, 400), (ours, 400), ("https://app.example", 400), ("https://evil.example", 403)):
        headers = form | ({"origin": origin} if origin else {})
        response = await served.http.post("/v1/audio/transcriptions", content=b"--x--\r\n", headers=headers)
        assert response.status_code == status, origin


async def test_without_keys_any_key_will_do(serving: Serving) -> None:
    served = await serving()
    for key in ({}, {"authorization": "Bearer anything"}):
        assert (await served.http.post("/v1/chat/completions", json=BODY, headers=key)).status_code == 200


async def test_with_keys_only_those_are_let_in(serving: Serving) -> None:
    served = await serving(access=Access(keys=("sk-first", "sk-second"), loopback=False))
    for key in ("sk-first", "sk-second"):
        headers = {"authorization": f"Bearer {key}", "host": "voice.example"}
        assert (await served.http.post("/v1/chat/completions", json=BODY, headers=headers)).status_code == 200
    for header in ({}, {"authorization": "Basic sk-first"}, {"authorization": "Bearer"}):
        response = await served.http.post("/v1/chat/completions", json=BODY, headers=header)
        assert response.status_code == 401
        error = response.json()["error"]
        assert error["message"].startswith(NO_KEY)
        assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", None, None)
    for key, shown in [
        ("not-a-real-key-at-all-but-a-long-one-1", "not-a-re**************************ne-1"),
        ("not-so-long-a-key", "*" * 17),
        ("short", "*****"),
    ]:
        response = await served.http.get("/v1/models", headers={"authorization": f"Bearer {key}"})
        assert response.status_code == 401
        assert response.json()["error"] == {
            "message": f"Incorrect API key provided: {shown}.",
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_api_key",
        }
    for path in ("/", "/health/live", "/health/ready"):
        assert (await served.http.get(path)).status_code == 200


async def test_no_page_from_elsewhere_may_read_unless_its_origin_is_named(serving: Serving) -> None:
    served = await serving()
    asked = {"origin": "https://page.example", "access-control-request-method": "POST"}
    for response in (
        await served.http.options("/v1/chat/completions", headers=asked),
        await served.http.post("/v1/chat/completions", json=BODY, headers={"origin": "https://page.example"}),
    ):
        assert "access-control-allow-origin" not in response.headers


async def test_a_page_whose_origin_is_named_may_ask_and_read_errors_too(serving: Serving) -> None:
    access = Access(keys=("sk-first",), origins=("https://page.example",))
    served = await serving(access=access)
    origin = {"origin": "https://page.example"}
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    first = await served.http.options("/v1/chat/completions", headers=origin | asked)
    assert first.status_code == 200
    answer = await served.http.post(
        "/v1/chat/completions", json=BODY, headers=origin | {"authorization": "Bearer sk-first"}
    )
    refused = await served.http.post("/v1/chat/completions", json=BODY, headers=origin)
    assert (answer.status_code, refused.status_code) == (200, 401)
    for response in (first, answer, refused):
        assert response.headers["access-control-allow-origin"] == "https://page.example"
        assert response.headers["x-request-id"]
    other = await served.http.post("/v1/chat/completions", json=BODY, headers={"origin": "https://other.example"})
    assert "access-control-allow-origin" not in other.headers
