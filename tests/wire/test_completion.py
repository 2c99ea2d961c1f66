import json
from base64 import b64decode

import pytest
from openai.types.chat import ChatCompletion

from tests.wire.recorded import shape, whole
from vivavoce.core.turn import Reason, Usage
from vivavoce.wire.completion import Head, audio_body, encode, usage_body

HEAD = Head("chatcmpl-1", 1_780_693_548, "gpt-4o-mini-audio-preview-2024-12-17", "fp_0123456789")
USAGE = Usage(text_in=11, audio_in=17, text_out=32, audio_out=93)
AUDIO = audio_body("audio_1", b"RIFF", 1_780_697_149, "Hi there!")


def test_a_spoken_answer_has_its_words_in_the_transcript_alone() -> None:
    body = json.loads(encode(HEAD, "Hi there!", AUDIO, "stop", USAGE))
    message = body["choices"][0]["message"]
    assert message["content"] is None
    assert message["audio"]["transcript"] == "Hi there!"
    assert b64decode(message["audio"]["data"]) == b"RIFF"


def test_a_written_answer_has_no_audio_key() -> None:
    message = json.loads(encode(HEAD, "Hi there!", None, "stop", USAGE))["choices"][0]["message"]
    assert message["content"] == "Hi there!"
    assert "audio" not in message


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "content_filter"])
@pytest.mark.parametrize("audio", [None, AUDIO])
def test_the_official_client_reads_it_strictly(reason: Reason, audio: object) -> None:
    body = json.loads(encode(HEAD, "Hi", audio, reason, USAGE))  # type: ignore[arg-type]
    read = ChatCompletion.model_validate(body, strict=True)
    assert read.choices[0].finish_reason == reason
    assert read.usage is not None
    assert read.usage.total_tokens == 153
    assert not read.model_extra


def test_details_of_usage_sum_to_their_totals() -> None:
    body = usage_body(USAGE)
    prompt, answer = body.prompt_tokens_details, body.completion_tokens_details
    assert prompt.audio_tokens + prompt.text_tokens + prompt.image_tokens == body.prompt_tokens == 28
    assert answer.audio_tokens + answer.text_tokens + answer.reasoning_tokens == body.completion_tokens == 125
    assert body.prompt_tokens + body.completion_tokens == body.total_tokens == 153


def test_no_more_is_cached_than_was_asked() -> None:
    assert usage_body(Usage(text_in=9, cached=5)).prompt_tokens_details.cached_tokens == 5
    assert usage_body(Usage(text_in=9, cached=50)).prompt_tokens_details.cached_tokens == 9


def test_a_spoken_answer_has_the_shape_of_the_recorded_one() -> None:
    """Ours differs in one thing: `logprobs` is there, null, as the schema says."""
    ours = shape(json.loads(encode(HEAD, "Hi", AUDIO, "stop", USAGE)))
    assert ours.pop(".choices[].logprobs") == "NoneType"
    assert list(ours.items()) == list(shape(whole("ChatTests-ChatWithAudio")).items())


def test_the_recorded_usage_comes_out_as_it_was() -> None:
    recorded = whole("ChatTests-ChatWithAudio")
    assert json.loads(encode(HEAD, "Hi", AUDIO, "stop", USAGE))["usage"] == recorded["usage"]


def test_a_written_answer_has_the_shape_of_the_recorded_one() -> None:
    """Ours differs in one thing: usage tells text and images apart, as the audio models do."""
    ours = shape(json.loads(encode(HEAD, "Hi", None, "stop", USAGE)))
    for path in ("prompt_tokens_details.text_tokens", "prompt_tokens_details.image_tokens"):
        assert ours.pop(f".usage.{path}") == "int"
    assert ours.pop(".usage.completion_tokens_details.text_tokens") == "int"
    assert list(ours.items()) == list(shape(whole("ChatTests-HelloWorldChat")).items())
