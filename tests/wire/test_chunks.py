import json
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from tests.wire.recorded import chunks, shape
from vivavoce.core.turn import Usage
from vivavoce.wire.chunks import DONE, PING, ChunkEncoder, usage_event
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


def ending(*, include_usage: bool = False) -> bytes:
    return (usage_event(HEAD, USAGE) if include_usage else b"") + DONE


def spoken(*, include_usage: bool = True) -> bytes:
    encoder = ChunkEncoder(HEAD, include_usage=include_usage, audio_id="audio_1", legacy=False)
    parts = [encoder.text("Hi"), encoder.sound(b"12345678"), encoder.text(" you."), encoder.sound(b"")]
    return b"".join([*parts, encoder.end("stop", EXPIRES_AT)]) + ending(include_usage=include_usage)


def written(*, include_usage: bool = True) -> bytes:
    encoder = ChunkEncoder(HEAD, include_usage=include_usage, audio_id=None, legacy=False)
    said = encoder.text("Hi") + encoder.text(" you.") + encoder.end("length", EXPIRES_AT)
    return said + ending(include_usage=include_usage)


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
    encoder = ChunkEncoder(HEAD, include_usage=False, audio_id="audio_1", legacy=False)
    stream = b"".join(map(encoder.sound, sounds)) + encoder.end("stop", EXPIRES_AT) + ending()
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
    encoder = ChunkEncoder(HEAD, include_usage=False, audio_id=None, legacy=False)
    (_, said, _) = events(encoder.text(text) + encoder.end("stop", EXPIRES_AT) + ending())
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


@pytest.mark.parametrize(
    ("audio_id", "choices"),
    [
        (None, [written_choice({"role": "assistant", "content": "", "refusal": None}), written_choice({}, "stop")]),
        (
            "audio_1",
            [
                spoken_choice({"role": "assistant", "content": None, "refusal": None}),
                spoken_choice({"audio": {"id": "audio_1", "transcript": ""}}),
                spoken_choice({}, "stop"),
                spoken_choice({"audio": {"expires_at": EXPIRES_AT}}),
            ],
        ),
    ],
)
def test_an_answer_of_nothing_still_begins_and_ends(audio_id: str | None, choices: list[Any]) -> None:
    encoder = ChunkEncoder(HEAD, include_usage=False, audio_id=audio_id, legacy=False)
    assert [event["choices"] for event in events(encoder.end("stop", EXPIRES_AT) + ending())] == choices


def test_sound_before_any_word_begins_the_answer_too() -> None:
    encoder = ChunkEncoder(HEAD, include_usage=False, audio_id="audio_1", legacy=False)
    assert encoder.sound(b"12345") == b""
    stream = encoder.sound(b"67") + encoder.text("Hi") + encoder.end("stop", EXPIRES_AT) + ending()
    assert [event["choices"] for event in events(stream)] == [
        spoken_choice({"role": "assistant", "content": None, "refusal": None}),
        spoken_choice({"audio": {"id": "audio_1", "transcript": ""}}),
        spoken_choice({"audio": {"data": "MTIzNDU2"}}),
        spoken_choice({"audio": {"transcript": "Hi"}}),
        spoken_choice({"audio": {"data": "Nw=="}}),
        spoken_choice({}, "stop"),
        spoken_choice({"audio": {"expires_at": EXPIRES_AT}}),
    ]


Step = tuple[int, str, Any]


def steps_of(index: int) -> list[Step]:
    """What one of several answers does, in its order: it says itself twice, and stops for its own reason."""
    said: list[Step] = [(index, "text", f"Answer {index}"), (index, "sound", bytes([index]) * 7)]
    said += [(index, "text", " goes on."), (index, "sound", bytes([index]) * 4)]
    return [*said, (index, "end", "length" if index % 2 else "stop")]


@st.composite
def interleaved(draw: st.DrawFn) -> list[Step]:
    """What up to 8 answers do, each in its order, in any order together."""
    left = [steps_of(index) for index in range(draw(st.integers(2, 8)))]
    order: list[Step] = []
    while any(left):
        order.append(left[draw(st.sampled_from([i for i, steps in enumerate(left) if steps]))].pop(0))
    return order


def streamed(order: list[Step], audio_ids: list[str | None]) -> bytes:
    encoders: list[ChunkEncoder] = []
    for index, audio_id in enumerate(audio_ids):
        before = encoders[-1] if encoders else None
        encoders.append(ChunkEncoder(HEAD, index, include_usage=True, audio_id=audio_id, legacy=False, before=before))
    stream = b""
    for index, does, what in order:
        encoder = encoders[index]
        if does == "end":
            stream += encoder.end(what, EXPIRES_AT + index)
        elif does == "text":
            stream += encoder.text(what)
        elif audio_ids[index]:
            stream += encoder.sound(what)
    return stream + ending(include_usage=True)


@settings(deadline=None)
@given(interleaved())
def test_several_spoken_answers_interleave_each_as_if_it_were_alone(order: list[Step]) -> None:
    count = max(index for index, _, _ in order) + 1
    stream = streamed(order, [f"audio_{index}" for index in range(count)])
    assert stream.count(b"[DONE]") == 1
    *earlier, last = events(stream)
    assert last == {**NOTHING, "choices": [], "usage": USED}
    assert all(event["usage"] is None and len(event["choices"]) == 1 for event in earlier)
    assert list(dict.fromkeys(event["choices"][0]["index"] for event in earlier)) == list(range(count))
    for index in range(count):
        choices = [event["choices"][0] for event in earlier if event["choices"][0]["index"] == index]
        alone = events(streamed([(0, *step[1:]) for step in order if step[0] == index], [f"audio_{index}"]))
        expected: Any = [{**event["choices"][0], "index": index} for event in alone[:-1]]
        expected[-1]["delta"]["audio"]["expires_at"] += index
        assert choices == expected
        audio = [choice["delta"]["audio"] for choice in choices if "audio" in choice["delta"]]
        assert [part["id"] for part in audio if "id" in part] == [f"audio_{index}"]
        assert "".join(part.get("transcript", "") for part in audio) == f"Answer {index} goes on."
        data = [part["data"] for part in audio if "data" in part]
        assert all(len(b64decode(piece)) % 6 == 0 for piece in data[:-1])
        assert b64decode("".join(data), validate=True) == bytes([index]) * 11
        reasons = [choice["finish_reason"] for choice in choices if choice["finish_reason"]]
        assert reasons == ["length" if index % 2 else "stop"]
        assert choices[-1]["delta"] == {"audio": {"expires_at": EXPIRES_AT + index}}
        assert [part for part in audio if "expires_at" in part] == [{"expires_at": EXPIRES_AT + index}]


@settings(deadline=None)
@given(interleaved(), st.booleans())
def test_the_official_client_puts_several_answers_together(order: list[Step], speaks: bool) -> None:
    count = max(index for index, _, _ in order) + 1
    state = ChatCompletionStreamState()
    for event in events(streamed(order, [f"audio_{i}" if speaks else None for i in range(count)])):
        state.handle_chunk(ChatCompletionChunk.model_validate(event, strict=True))
    whole = state.current_completion_snapshot.to_dict()
    assert whole["usage"] == USED
    choices: Any = whole["choices"]
    assert [choice["index"] for choice in choices] == list(range(count))
    for choice in choices:
        index, message = choice["index"], choice["message"]
        assert choice["finish_reason"] == ("length" if index % 2 else "stop")
        if not speaks:
            assert message["content"] == f"Answer {index} goes on."
            continue
        assert message["content"] is None
        assert b64decode(message["audio"].pop("data")) == bytes([index]) * 11
        assert message["audio"] == {
            "id": f"audio_{index}",
            "transcript": f"Answer {index} goes on.",
            "expires_at": EXPIRES_AT + index,
        }
