"""Speech requests and events."""

import base64
import json
from typing import Any

import pytest

from vivavoce.core.errors import BadRequest
from vivavoce.wire import speech

GOOD: dict[str, Any] = {"model": "tts-1", "input": "Hi", "voice": "alloy"}


def test_defaults_are_the_originals() -> None:
    request = speech.decode(json.dumps(GOOD).encode())
    assert (request.form, request.voice_name, request.speed, request.stream_format) == ("mp3", "alloy", None, None)


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b"{", None, None),
        (b"[" * 1000, None, None),
        (b'{"input":"\\ud800","model":"m","voice":"v"}', None, None),
        (b'{"model":"m","voice":"v"}', "input", "missing_required_parameter"),
        (b'{"model":"m","input":"Hi"}', "voice", "missing_required_parameter"),
        (b'{"model":"m","input":"","voice":"v"}', "input", "empty_string"),
        (b'{"model":"m","input":5,"voice":"v"}', "input", "invalid_type"),
        (b'{"model":"m","input":"Hi","voice":5}', "voice", "invalid_type"),
        (b'{"model":"m","input":"Hi","voice":"v","speed":NaN}', None, None),
        (b'{"model":"m","input":"Hi","voice":"v","speed":0.2}', "speed", "decimal_below_min_value"),
        (b'{"model":"m","input":"Hi","voice":"v","stream_format":"x"}', "stream_format", "invalid_value"),
    ],
)
def test_bodies_that_do_not_fit(body: bytes, param: str | None, code: str | None) -> None:
    with pytest.raises(BadRequest) as refused:
        speech.decode(body)
    assert (refused.value.param, refused.value.code) == (param, code)


def test_each_event_is_base64_by_itself() -> None:
    event = speech.audio_delta(b"abcd")
    assert event.endswith(b"\r\n\r\n")
    assert base64.b64decode(json.loads(event[6:])["audio"]) == b"abcd"


def test_the_end_tells_the_usage() -> None:
    event = json.loads(speech.audio_done(3, 4)[6:])
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    assert event == {"type": "speech.audio.done", "usage": usage}


@pytest.mark.parametrize("more", [{"instructions": "slowly"}, {"stream_format": "sse"}, {}])
def test_strict_refuses_what_the_older_models_do_not_take(more: dict[str, str]) -> None:
    body = json.dumps(GOOD | more).encode()
    assert speech.decode(body).input == "Hi"
    if more:
        with pytest.raises(BadRequest, match="is not supported with this model"):
            speech.decode(body, strict=True)
    else:
        assert speech.decode(body, strict=True).voice_name == "alloy"


def test_a_voice_may_be_named_by_its_id() -> None:
    assert speech.decode(json.dumps(GOOD | {"voice": {"id": "echo"}}).encode()).voice_name == "echo"


def test_a_spoken_answer_that_is_not_there_is_named_but_not_at_any_length() -> None:
    error = speech.no_answer("x" * 999)
    assert (error.status, error.param, error.code) == (404, "audio_id", "audio_not_found")
    assert error.message == f"Assistant audio {'x' * 64} not found."
