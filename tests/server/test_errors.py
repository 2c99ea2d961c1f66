"""Bad input and failing engines: the exact words, and never a word too many."""

import base64
import json
import logging
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.leaves import SECRET, Fails
from tests.support.serving import MODEL, Serving, model
from vivavoce.audio.wav import write_wav
from vivavoce.core.audio import Pcm
from vivavoce.core.errors import BadRequest, EngineFailed, Overloaded, RateLimited
from vivavoce.engines.pool import Pool
from vivavoce.engines.pooled import Pooled
from vivavoce.server.sound import Sounds
from vivavoce.starting import MEDIA

NOT_JSON = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
    "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
)


def spoken(data: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}]}]


def sound(seconds: float) -> str:
    return base64.b64encode(write_wav(Pcm(bytes(int(16_000 * seconds) * 2), 16_000))).decode()


PARAM = "messages[0].content[0].input_audio.data"
BASE64 = f"Invalid '{PARAM}'. Expected base64-encoded audio bytes but got an invalid value."
AUDIO = {"voice": "alloy", "format": "wav"}
USER = [{"role": "user", "content": "Hi"}]
BAD: dict[str, tuple[dict[str, Any], int, str | None, str | None, str]] = {
    "not base64": ({"messages": spoken("?!")}, 400, "invalid_value", PARAM, BASE64),
    "nothing": ({"messages": spoken("")}, 400, "invalid_value", PARAM, BASE64),
    "not audio": (
        {"messages": spoken(base64.b64encode(b"no sound at all, but bytes").decode())},
        400,
        "unsupported_format",
        "messages",
        "This model does not support the format you provided.",
    ),
    "empty": (
        {"messages": spoken(sound(0))},
        400,
        "audio_too_short",
        "messages",
        "Audio file is too short. Minimum audio length is 0.1 seconds.",
    ),
    "too short": (
        {"messages": spoken(sound(0.09))},
        400,
        "audio_too_short",
        "messages",
        "Audio file is too short. Minimum audio length is 0.1 seconds.",
    ),
    "too long": (
        {"messages": spoken(sound(2.1))},
        400,
        "audio_too_long",
        "messages",
        "Audio is too long. The most this server takes is 2 seconds.",
    ),
    "unknown model": (
        {"model": "gpt-9", "messages": USER},
        404,
        "model_not_found",
        None,
        "The model `gpt-9` does not exist or you do not have access to it.",
    ),
    "unknown voice": (
        {"modalities": ["text", "audio"], "audio": AUDIO | {"voice": "x"}, "messages": USER},
        400,
        "invalid_value",
        "audio.voice",
        "Invalid value: 'x'. Supported values are: 'alloy' and 'echo'.",
    ),
    "wav while streaming": (
        {"modalities": ["text", "audio"], "audio": AUDIO, "stream": True, "messages": USER},
        400,
        "unsupported_value",
        "audio.format",
        "Unsupported value: 'audio.format' does not support 'wav' when stream=true. Supported values are: 'pcm16'.",
    ),
    "unknown answer": (
        {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]},
        400,
        "audio_not_found",
        "content.messages[0].audio.id",
        "Assistant audio audio_1 not found.",
    ),
    "no messages": (
        {},
        400,
        "missing_required_parameter",
        "messages",
        "Missing required parameter: 'messages'.",
    ),
}


@pytest.fixture
async def sounds() -> Any:
    pool = Pool(MEDIA)
    await pool.start()
    yield Sounds(Pooled(pool), seconds=2)
    await pool.stop()


async def test_bad_input_is_refused_in_the_originals_words(
    serving: Serving, sounds: Sounds, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serving(sounds=sounds)
    for case, (body, status, code, param, message) in BAD.items():
        response = await served.post(**body)
        kind = "invalid_request_error"
        assert response.status_code == status, case
        assert response.json() == {"error": {"message": message, "type": kind, "param": param, "code": code}}, case
    assert caplog.messages == []


NO_JSON = {
    "empty": b"",
    "open": b"{",
    "not utf-8": b"\xff\xfe{}",
    "cut": b'{"model": "m", "messages": ',
    "deep list": b"[" * 100_000,
    "deep object": b'{"a":' * 50_000,
    "no json": b"nan",
    "half a character": b'{"model": "\\ud800"}',
}


async def test_a_body_that_is_no_json_is_told_so(serving: Serving) -> None:
    served = await serving()
    for case, body in NO_JSON.items():
        headers = {"content-type": "application/json"}
        response = await served.http.post("/v1/chat/completions", content=body, headers=headers)
        error = {"message": NOT_JSON, "type": "invalid_request_error", "param": None, "code": None}
        assert (response.status_code, response.json()) == (400, {"error": error}), case


async def test_odd_ids_and_names_are_no_bugs(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    served = await serving()
    for odd in ["\0", "x" * 5000, "../../etc/passwd", "audio_../../../x", "audio_", "\U0001f600", "' or 1=1 --"]:
        named = [{"role": "assistant", "audio": {"id": odd}}]
        assert (await served.post(messages=named)).json()["error"]["code"] == "audio_not_found"
        assert (await served.post(messages=USER, model=odd)).json()["error"]["code"] == "model_not_found"
        voice = {"modalities": ["text", "audio"], "audio": AUDIO | {"voice": odd}}
        assert (await served.post(messages=USER, **voice)).json()["error"]["code"] == "invalid_value"
    assert caplog.messages == []


async def test_a_failure_before_the_first_event_is_a_real_status(serving: Serving) -> None:
    failures = {"a": (EngineFailed(), 500), "b": (Overloaded(), 503), "c": (BadRequest("no", code="x"), 400)}
    models = {name: model(think=Fails("prompt", error)) for name, (error, _) in failures.items()}
    served = await serving(models=models)
    for name, (error, status) in failures.items():
        for stream in (False, True):
            response = await served.http.post("/v1/chat/completions", json=served.say(stream=stream, model=name))
            assert response.status_code == status
            assert response.json()["error"]["message"] == error.message
            assert response.headers["content-type"] == "application/json"
            assert response.headers.get("retry-after") == ("1" if status == 503 else None)


async def test_the_limit_of_a_server_behind_this_one_is_passed_on(serving: Serving) -> None:
    limits = {"later": (RateLimited(7, kind="tokens"), "7"), "some time": (RateLimited(), None)}
    models = {name: model(think=Fails("prompt", error)) for name, (error, _) in limits.items()}
    served = await serving(models=models)
    for name, (error, after) in limits.items():
        for stream in (False, True):
            response = await served.http.post("/v1/chat/completions", json=served.say(stream=stream, model=name))
            assert (response.status_code, response.headers.get("retry-after")) == (429, after)
            told = response.json()["error"]
            assert (told["type"], told["code"]) == (error.kind, "rate_limit_exceeded")
    with pytest.raises(openai.RateLimitError):
        await served.openai.chat.completions.create(**served.say(model="later"))


async def test_a_failure_in_the_middle_of_a_stream_is_its_last_event(serving: Serving) -> None:
    served = await serving(models={MODEL: model(think=Fails("think", EngineFailed()))})
    response = await served.http.post("/v1/chat/completions", json=served.say(stream=True))
    assert response.status_code == 200
    last = response.text.rstrip("\n").split("\n\n")[-1]
    assert json.loads(last.removeprefix("data: "))["error"]["type"] == "server_error"
    assert "[DONE]" not in response.text
    stream = await served.openai.chat.completions.create(**served.say(stream=True))
    with pytest.raises(openai.APIError, match="had an error"):
        [chunk async for chunk in stream]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_bug_is_told_by_an_id_that_the_log_knows_and_nothing_else(
    serving: Serving, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "vivavoce")
    served = await serving(models={MODEL: model(think=Fails("prompt", ValueError(SECRET)))})
    response = await served.http.post("/v1/chat/completions", json=served.say(stream=stream, text="my question"))
    assert response.status_code == 500
    message = response.json()["error"]["message"]
    bug = message.rsplit(" ", 1)[-1].rstrip(")")
    assert f"bug {bug}: ValueError at leaves.py" in caplog.text
    for secret in (SECRET, "my question"):
        assert secret not in response.text + caplog.text


async def test_a_bug_after_the_words_is_told_in_the_stream(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    served = await serving(models={MODEL: model(think=Fails("count", ValueError(SECRET)))})
    response = await served.http.post("/v1/chat/completions", json=served.say(stream=True))
    assert response.text.count('"error"') == 1
    assert "[DONE]" not in response.text
    assert SECRET not in response.text + caplog.text


async def test_nothing_said_or_heard_is_in_the_logs(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("openai").setLevel(logging.WARNING)
    served = await serving()
    headers = {"authorization": "Bearer sk-very-secret-key"}
    for stream in (False, True):
        body = served.say(stream=stream, text="my question")
        await served.http.post("/v1/chat/completions", json=body, headers=headers)
        await served.http.post("/v1/chat/completions", json=body | {"messages": spoken("my question")}, headers=headers)
    text = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("http"))
    for secret in ("my question", "Hello there", "sk-very-secret-key"):
        assert secret not in text


async def test_an_answer_that_cannot_be_kept_is_an_error_and_the_next_one_is_given(
    serving: Serving, tmp_path: Path
) -> None:
    served = await serving()
    (tmp_path / "answers").write_text("in the way")
    for stream in (False, True):
        response = await served.http.post("/v1/chat/completions", json=served.say(stream=stream))
        assert "cannot record requests" in response.text
        assert "[DONE]" not in response.text
    assert (await served.post(messages=USER)).status_code == 200
    (tmp_path / "answers").unlink()
    assert (await served.http.post("/v1/chat/completions", json=served.say())).status_code == 200
