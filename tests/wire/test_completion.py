import json
from base64 import b64decode
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from tests.wire.recorded import shape, whole
from vivavoce.core.turn import Usage
from vivavoce.wire.completion import AudioBody, FinishReason, Head, audio_body, choice, encode, usage_body

HEAD = Head("chatcmpl-1", 1_780_693_548, "gpt-4o-mini-audio-preview-2024-12-17", "fp_0123456789")
USAGE = Usage(text_in=11, audio_in=17, text_out=32, audio_out=93)
AUDIO = audio_body("audio_1", b"RIFF", 1_780_697_149, "Hi there!")


def answered(text: str, audio: AudioBody | None = None, reason: FinishReason = "stop") -> Any:
    return json.loads(encode(HEAD, [choice(0, text, reason, audio=audio)], USAGE))


def test_a_spoken_answer_has_its_words_in_the_transcript_alone() -> None:
    body = answered("Hi there!", AUDIO)
    message = body["choices"][0]["message"]
    assert message["content"] is None
    assert message["audio"]["transcript"] == "Hi there!"
    assert b64decode(message["audio"]["data"]) == b"RIFF"


def test_a_written_answer_has_no_audio_key() -> None:
    message = answered("Hi there!")["choices"][0]["message"]
    assert message["content"] == "Hi there!"
    assert "audio" not in message


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "content_filter", "function_call"])
@pytest.mark.parametrize("audio", [None, AUDIO])
def test_the_official_client_reads_it_strictly(reason: FinishReason, audio: AudioBody | None) -> None:
    body = answered("Hi", audio, reason)
    read = ChatCompletion.model_validate(body, strict=True)
    assert read.choices[0].finish_reason == reason
    assert read.usage is not None
    assert read.usage.total_tokens == 153
    assert not read.model_extra


def test_several_answers_stand_side_by_side_each_with_its_own_sound() -> None:
    """Usage is of all of them together, once."""
    spoken = [audio_body(f"audio_{i}", bytes([i]) * 6, 1_780_697_149 + i, f"Answer {i}") for i in range(8)]
    reasons: list[FinishReason] = ["stop", "length"] * 4
    answers = [choice(i, f"Answer {i}", reasons[i], audio=audio) for i, audio in enumerate(spoken)]
    body = json.loads(encode(HEAD, answers, USAGE))
    assert [each["index"] for each in body["choices"]] == list(range(8))
    assert [each["finish_reason"] for each in body["choices"]] == reasons
    audios = [each["message"]["audio"] for each in body["choices"]]
    assert [audio["id"] for audio in audios] == [f"audio_{i}" for i in range(8)]
    assert [b64decode(audio["data"]) for audio in audios] == [bytes([i]) * 6 for i in range(8)]
    assert [audio["expires_at"] for audio in audios] == [1_780_697_149 + i for i in range(8)]
    assert [audio["transcript"] for audio in audios] == [f"Answer {i}" for i in range(8)]
    assert body["usage"] == answered("Hi")["usage"]
    assert not ChatCompletion.model_validate(body, strict=True).model_extra


def test_details_of_usage_sum_to_their_totals() -> None:
    body = usage_body(USAGE)
    prompt, answer = body.prompt_tokens_details, body.completion_tokens_details
    assert prompt.audio_tokens + prompt.text_tokens + prompt.image_tokens == body.prompt_tokens == 28
    assert answer.audio_tokens + answer.text_tokens + answer.reasoning_tokens == body.completion_tokens == 125
    assert body.prompt_tokens + body.completion_tokens == body.total_tokens == 153


def test_thoughts_are_told_apart_and_counted_once() -> None:
    body = usage_body(Usage(text_out=9, audio_out=3, reasoning=4))
    answer = body.completion_tokens_details
    assert (answer.reasoning_tokens, answer.text_tokens, answer.audio_tokens, body.completion_tokens) == (4, 5, 3, 12)


def test_no_more_is_cached_than_was_asked() -> None:
    assert usage_body(Usage(text_in=9, cached=5)).prompt_tokens_details.cached_tokens == 5
    assert usage_body(Usage(text_in=9, cached=50)).prompt_tokens_details.cached_tokens == 9


def test_a_spoken_answer_has_the_shape_of_the_recorded_one() -> None:
    """Ours differs in one thing: `logprobs` is there, null, as the schema says."""
    ours = shape(answered("Hi", AUDIO))
    assert ours.pop(".choices[].logprobs") == "NoneType"
    assert list(ours.items()) == list(shape(whole("ChatTests-ChatWithAudio")).items())


def test_the_recorded_usage_comes_out_as_it_was() -> None:
    recorded = whole("ChatTests-ChatWithAudio")
    assert answered("Hi", AUDIO)["usage"] == recorded["usage"]


def test_a_written_answer_has_the_shape_of_the_recorded_one() -> None:
    """Ours differs in one thing: usage tells text and images apart, as the audio models do."""
    ours = shape(answered("Hi"))
    for path in ("prompt_tokens_details.text_tokens", "prompt_tokens_details.image_tokens"):
        assert ours.pop(f".usage.{path}") == "int"
    assert ours.pop(".usage.completion_tokens_details.text_tokens") == "int"
    assert list(ours.items()) == list(shape(whole("ChatTests-HelloWorldChat")).items())
