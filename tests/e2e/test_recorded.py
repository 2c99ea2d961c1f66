"""Recorded traffic with the original, held against our answers to the same requests: keys, types, order, headers."""

import json
from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import Serve
from tests.e2e.sound import SHARED

RECORDED = SHARED / "openai" / "recorded"
OURS = "gpt-audio-1.5"
"""The model most recordings were made with; we list it too."""

LEFT_OUT = {"obfuscation"}
"""Random padding of the original's chunks; every client works without."""
MORE = {"choices[].logprobs", "choices[].finish_reason", "choices[].delta.role", "choices[].delta.content"}
"""Where ours says null, or says it in one more chunk, and the original says nothing."""

pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason="../shared/openai is not here")


def entries(name: str) -> list[dict[str, Any]]:
    """The requests and responses of one recording."""
    return json.loads((RECORDED / f"{name}.json").read_text())["Entries"]


def ours(body: dict[str, Any]) -> dict[str, Any]:
    """The same request, for a model we have."""
    return {**body, "model": OURS}


def paths(value: Any, path: str = "") -> dict[str, str]:
    """Every key path in a JSON value, in order, and the type of what is there."""
    if isinstance(value, dict):
        found = {path: "object"} if path else {}
        for key, item in value.items():
            found |= paths(item, f"{path}.{key}" if path else key)
        return found
    if isinstance(value, list):
        found = {path: "array"}
        for item in value:
            found |= paths(item, f"{path}[]")
        return found
    return {path: type(value).__name__}


def same_shape(theirs: Any, mine: Any, *, more: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    """Both have the same keys, in the same order, with values of the same types."""
    original = {path: kind for path, kind in paths(theirs).items() if path.split(".")[-1] not in LEFT_OUT}
    answered = {path: kind for path, kind in paths(mine).items() if path not in more or path in original}
    assert list(answered) == list(original)
    assert answered == original


def events(body: str) -> list[Any]:
    """The chunks of a stream, without its end."""
    lines = [line.removeprefix("data: ") for line in body.split("\n\n") if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


@pytest.mark.parametrize("name", ["ChatTests-HelloWorldChat", "ChatTests-TwoTurnChat"])
def test_written_answers_have_the_recorded_shape(http: httpx2.Client, name: str) -> None:
    for entry in entries(name):
        answer = http.post("/v1/chat/completions", json=ours(entry["RequestBody"]))
        assert answer.status_code == entry["StatusCode"]
        # Usage of a speaking model has more kinds of tokens than that of the written one that was recorded.
        theirs, mine = entry["ResponseBody"], answer.json()
        for body in (theirs, mine):
            body["usage"] = {key: value for key, value in body["usage"].items() if isinstance(value, int)}
        same_shape(theirs, mine)
        assert_headers(entry, answer)


def test_spoken_answers_and_streams_have_the_recorded_shape(http: httpx2.Client) -> None:
    whole, streamed = entries("ChatTests-ChatWithAudio")
    answer = http.post("/v1/chat/completions", json=ours(whole["RequestBody"]))
    assert answer.status_code == 200
    same_shape(whole["ResponseBody"], answer.json(), more={"choices[].logprobs"})
    assert_headers(whole, answer)

    request = ours(streamed["RequestBody"])
    request["messages"][1]["audio"]["id"] = answer.json()["choices"][0]["message"]["audio"]["id"]
    stream = http.post("/v1/chat/completions", json=request)
    assert_headers(streamed, stream)
    assert_same_stream(streamed, stream)


def test_a_streamed_first_turn_has_the_recorded_shape(http: httpx2.Client) -> None:
    for entry in entries("ChatTests-ChatWithBasicAudioOutput"):
        answer = http.post("/v1/chat/completions", json=ours(entry["RequestBody"]))
        assert answer.status_code == 200
        assert_headers(entry, answer)
        assert_same_stream(entry, answer)


def test_errors_have_the_recorded_bodies(http: httpx2.Client, serve: Serve, tmp_path_factory: Any) -> None:
    (entry,) = entries("ModelsTests-GetModelCanParseServiceError")
    answer = http.get("/v1/models/fake_id")
    assert (answer.status_code, answer.json()) == (entry["StatusCode"], entry["ResponseBody"])

    (entry,) = entries("ModelsTests-GetModelInfo")
    shown = http.get(f"/v1/models/{OURS}").json()
    same_shape(entry["ResponseBody"], shown, more={"shutdown_date"})

    (entry,) = entries("ChatTests-AuthFailure")
    config = tmp_path_factory.mktemp("keys") / "keys.toml"
    config.write_text(
        '[server]\nkeys = ["right"]\n[engines.s]\nuse = "scripted"\n[models."gpt-4o-mini"]\nthink = "s"\n'
    )
    with serve("--config", str(config)) as address:
        headers = {"authorization": "Bearer not-a-real-key-but-it-is-a-long-one-sanitized"}
        refused = httpx2.post(
            f"{address}/v1/chat/completions", json=entry["RequestBody"], headers=headers, trust_env=False
        )
    assert refused.status_code == entry["StatusCode"]
    same_shape(entry["ResponseBody"], refused.json())
    theirs, mine = entry["ResponseBody"]["error"], refused.json()["error"]
    assert {**mine, "message": ""} == {**theirs, "message": ""}
    assert mine["message"].startswith("Incorrect API key provided: not-a-re****")


def assert_same_stream(entry: dict[str, Any], answer: httpx2.Response) -> None:
    """The chunks have the recorded keys and types; the id of the sound and its end each come once, in that order."""
    theirs = events("".join(entry["ResponseBody"]).replace("\n\n\n", "\n\n"))
    mine = events(answer.text)
    original = {k: v for chunk in theirs for k, v in paths(chunk).items() if k not in LEFT_OUT}
    answered = {k: v for chunk in mine for k, v in paths(chunk).items()}
    assert set(answered) - MORE == set(original) - MORE
    for path in set(answered) & set(original) - MORE - {"usage"}:
        assert answered[path] == original[path], path
    assert list(mine[0]) == [key for key in theirs[0] if key not in LEFT_OUT]
    carried = [set(paths(chunk)) & {"choices[].delta.audio.id", "choices[].delta.audio.expires_at"} for chunk in mine]
    assert [sorted(found) for found in carried if found] == [
        ["choices[].delta.audio.id"],
        ["choices[].delta.audio.expires_at"],
    ]


def assert_headers(entry: dict[str, Any], answer: httpx2.Response) -> None:
    """The headers of the original that say something about the answer are there, and say the same."""
    theirs = {name.lower(): value for name, value in entry["ResponseHeaders"].items()}
    assert answer.headers["content-type"] == theirs["content-type"]
    for name in ("openai-version", "x-content-type-options"):
        assert answer.headers[name] == theirs[name]
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["openai-processing-ms"].isdigit()
    assert "X-Request-ID" in answer.headers["access-control-expose-headers"]
