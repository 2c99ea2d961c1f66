import json
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from tests.wire.recorded import chunks, shape
from vivavoce.core.turn import Usage
from vivavoce.wire.chunks import DONE, PING, ChunkEncoder
from vivavoce.wire.completion import Head

HEAD = Head("chatcmpl-1", 1_780_693_554, "gpt-4o-mini-audio-preview-2024-12-17", "fp_0123456789")
USAGE = Usage(text_in=62, audio_in=142, text_out=37, audio_out=125)
EXPIRES_AT = 1_780_697_155
NOTHING = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1_780_693_554,
    "model": "gpt-4o-mini-audio-preview-2024-12-17",
    "service_tier": "default",
    "system_fingerprint": "fp_0123456789",
}
USED = {
    "prompt_tokens": 204,
    "completion_tokens": 162,
    "total_tokens": 366,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 142, "text_tokens": 62, "image_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 125,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
        "text_tokens": 37,
    },
}


def spoken(*, include_usage: bool = True) -> bytes:
    encoder = ChunkEncoder(HEAD, include_usage=include_usage, audio_id="audio_1")
    parts = [encoder.begin(), encoder.text("Hi"), encoder.sound(b"12345678"), encoder.text(" you."), encoder.sound(b"")]
    return b"".join([*parts, encoder.end("stop", USAGE, EXPIRES_AT)])


def written(*, include_usage: bool = True) -> bytes:
    encoder = ChunkEncoder(HEAD, include_usage=include_usage, audio_id=None)
    return encoder.begin() + encoder.text("Hi") + encoder.text(" you.") + encoder.end("length", USAGE, EXPIRES_AT)


def events(stream: bytes) -> list[Any]:
    """The events of a stream, and that it is framed as it should be."""
    assert stream.endswith(b"\n\n")
    lines = stream.removesuffix(b"\n\n").split(b"\n\n")
    assert all(line.startswith(b"data: ") and b"\n" not in line for line in lines)
    assert lines[-1] == b"data: [DONE]"
    return [json.loads(line.removeprefix(b"data: ")) for line in lines[:-1]]


def shapes(found: list[Any]) -> dict[str, set[str]]:
    """Every path in some chunks, and the types of what is there."""
    together: dict[str, set[str]] = {}
    for chunk in found:
        for path, kind in shape(chunk).items():
            together.setdefault(path, set()).add(kind)
    return together


def spoken_choice(delta: dict[str, Any], reason: str | None = None) -> list[dict[str, Any]]:
    return [{"index": 0, "delta": delta, "finish_reason": reason}]


def written_choice(delta: dict[str, Any], reason: str | None = None) -> list[dict[str, Any]]:
    return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]


def test_a_spoken_answer_comes_in_the_order_every_client_survives() -> None:
    assert [event["choices"] for event in events(spoken())] == [
        spoken_choice({"role": "assistant", "content": None, "refusal": None}),
        spoken_choice({"audio": {"id": "audio_1", "transcript": ""}}),
        spoken_choice({"audio": {"transcript": "Hi"}}),
        spoken_choice({"audio": {"data": "MTIzNDU2"}}),
        spoken_choice({"audio": {"transcript": " you."}}),
        spoken_choice({"audio": {"data": "Nzg="}}),
        spoken_choice({}, "stop"),
        spoken_choice({"audio": {"expires_at": EXPIRES_AT}}),
        [],
    ]


def test_a_written_answer_comes_in_the_original_order() -> None:
    assert [event["choices"] for event in events(written())] == [
        written_choice({"role": "assistant", "content": "", "refusal": None}),
        written_choice({"content": "Hi"}),
        written_choice({"content": " you."}),
        written_choice({}, "length"),
        [],
    ]


@pytest.mark.parametrize("answer", [spoken, written])
def test_usage_asked_for_is_null_until_its_own_chunk(answer: Any) -> None:
    *earlier, last = events(answer(include_usage=True))
    assert all(event["usage"] is None for event in earlier)
    assert last == {**NOTHING, "choices": [], "usage": USED}


@pytest.mark.parametrize("answer", [spoken, written])
def test_usage_not_asked_for_is_nowhere(answer: Any) -> None:
    found = events(answer(include_usage=False))
    assert all("usage" not in event and event["choices"] for event in found)
    assert len(found) == len(events(answer(include_usage=True))) - 1


@pytest.mark.parametrize("answer", [spoken, written])
def test_every_chunk_begins_with_the_same_head(answer: Any) -> None:
    for event in events(answer()):
        assert {key: event[key] for key in NOTHING} == NOTHING


@pytest.mark.parametrize("answer", [spoken, written])
@pytest.mark.parametrize("include_usage", [True, False])
def test_the_official_client_reads_every_chunk_strictly(answer: Any, include_usage: bool) -> None:
    for event in events(answer(include_usage=include_usage)):
        read = ChatCompletionChunk.model_validate(event, strict=True)
        assert not read.model_extra
        assert all(not choice.model_extra and not choice.delta.model_extra for choice in read.choices)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=12))
def test_pieces_of_sound_join_as_base64_and_play_one_by_one(sounds: list[bytes]) -> None:
    encoder = ChunkEncoder(HEAD, include_usage=False, audio_id="audio_1")
    stream = encoder.begin() + b"".join(map(encoder.sound, sounds)) + encoder.end("stop", USAGE, EXPIRES_AT)
    audio = [event["choices"][0]["delta"].get("audio", {}) for event in events(stream)]
    data = [part["data"] for part in audio if "data" in part]
    assert all(data)
    assert all(len(b64decode(piece)) % 6 == 0 for piece in data[:-1])
    assert b64decode("".join(data), validate=True) == b"".join(sounds)
    assert [part["id"] for part in audio if "id" in part] == ["audio_1"]
    assert [part for part in audio if "expires_at" in part] == [{"expires_at": EXPIRES_AT}]


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_stays_on_one_line_and_comes_out_as_it_was(text: str) -> None:
    encoder = ChunkEncoder(HEAD, include_usage=False, audio_id=None)
    (_, said, _) = events(encoder.begin() + encoder.text(text) + encoder.end("stop", USAGE, EXPIRES_AT))
    assert said["choices"][0]["delta"] == {"content": text}


def test_a_ping_is_a_comment_and_the_end_is_no_json() -> None:
    assert PING.startswith(b":")
    assert PING.endswith(b"\n\n")
    assert DONE == b"data: [DONE]\n\n"


@pytest.mark.parametrize(("name", "entry"), [("ChatTests-ChatWithAudio", 1), ("ChatTests-ChatWithBasicAudioOutput", 0)])
def test_chunks_have_the_keys_types_and_order_of_the_recorded_ones(name: str, entry: int) -> None:
    """Ours differ as the reference says: there is a finish chunk."""
    recorded = chunks(name, entry)
    ours, theirs = shapes(events(spoken())), shapes(recorded)
    assert ours.pop(".choices[].finish_reason") == {"NoneType", "str"}
    assert theirs.pop(".choices[].finish_reason") == {"NoneType"}
    assert ours == theirs
    assert list(events(spoken())[0]) == list(recorded[0])
    assert [chunk["usage"] is None for chunk in recorded].count(False) == 1


@pytest.mark.parametrize(("name", "entry"), [("ChatTests-ChatWithAudio", 1), ("ChatTests-ChatWithBasicAudioOutput", 0)])
def test_the_recorded_sound_obeys_the_same_rules(name: str, entry: int) -> None:
    audio = [
        choice["delta"]["audio"]
        for chunk in chunks(name, entry)
        for choice in chunk["choices"]
        if "audio" in choice["delta"]
    ]
    data = [b64decode(part["data"]) for part in audio if "data" in part]
    assert all(len(piece) % 6 == 0 for piece in data)
    assert len(b"".join(data)) % 2400 == 0
