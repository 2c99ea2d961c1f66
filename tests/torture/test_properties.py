"""What holds for every input there is, tried on as many as there is time for."""

import asyncio
import contextlib
import io
import json
import time
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from starlette.types import Message

from tests.torture import making
from tests.torture.budget import seconds
from vivavoce.audio.sniff import sniff
from vivavoce.audio.wav import read_wav, wav_header, write_wav
from vivavoce.core.audio import Pcm
from vivavoce.core.errors import BadRequest, EngineFailed, PublicError
from vivavoce.core.turn import Message as Said
from vivavoce.core.turn import Speech, Text, TextDelta, ToolCallDelta, Turn, Usage
from vivavoce.engines import frames
from vivavoce.engines.chat_chunks import Chunk, read_chunk
from vivavoce.server.forms import Form, read_form
from vivavoce.wire import chat, completion, errors, files, speech, transcription
from vivavoce.wire.chunks import DONE, ChunkEncoder
from vivavoce.wire.completion import Head
from vivavoce.wire.encoded import sound_bytes

HEAD = Head("chatcmpl-1", 1_780_693_554, "m", "fp_0")
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SOUND = {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}
PDF = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"of": "rain"}'}}
TOOL = {
    "name": "look_up",
    "description": "Look something up.",
    "strict": False,
    "parameters": {"type": "object", "properties": {"of": {"type": "string", "enum": ["rain"]}}, "required": ["of"]},
}
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Speak."},
        {"role": "user", "content": [{"type": "text", "text": "What?"}, SOUND, PDF]},
        {"role": "assistant", "content": None, "audio": {"id": "audio_1"}, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Rain."},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "function", "name": "f", "content": "x"},
    ],
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    "tools": [{"type": "function", "function": TOOL}],
    "tool_choice": {"type": "function", "function": {"name": "look_up"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}},
    "stream_options": {"include_usage": True},
    "metadata": {"k": "v"},
    "logit_bias": {"1": 2},
    "web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": "Osaka"}}},
    "n": 2,
    "temperature": 0.5,
    "stop": ["a"],
    "max_tokens": 5,
}
SPEAK: dict[str, Any] = {"model": "m", "input": "Hi", "voice": {"id": "alloy"}, "speed": 1.5, "stream_format": "sse"}
HEAR: dict[str, Any] = {
    "model": "whisper-1",
    "input_audio": {"data": "QUJD"},
    "language": "en",
    "response_format": "verbose_json",
    "timestamp_granularities": ["word"],
    "chunking_strategy": {"type": "server_vad", "threshold": 0.5},
    "stream": True,
}


def told(error: PublicError) -> None:
    """An error of the client's own making has words that can be sent, and not too many."""
    assert error.status < 500
    assert set(json.loads(errors.body(error))["error"]) == {"message", "type", "param", "code"}
    assert len(error.message) < 4000


@given(making.bodies(CHAT), st.booleans())
def a_chat_is_a_turn_or_refused(body: bytes, strict: bool) -> None:
    try:
        request = chat.decode(body, strict=strict)
        chat.check_budget(request, 4096)
        taken: dict[chat.Place, Speech | Text] = {file.place: Text(file.name) for file in files.files(request)}
        taken |= {recording.place: Speech(Pcm(b"", 16_000)) for recording in chat.recordings(request)}
        said = {index: Speech(None, answer) for index, answer in chat.references(request)}
        assert chat.to_turn(request, taken, said).messages
        for recording in chat.recordings(request):
            sound_bytes(recording.take(), recording.param)
        for file in files.files(request):
            files.pdf_bytes(file)
    except PublicError as error:
        told(error)


@given(making.bodies(SPEAK), st.booleans())
def a_text_to_speak_is_one_or_refused(body: bytes, strict: bool) -> None:
    try:
        request = speech.decode(body, strict=strict)
        assert 1 <= len(request.input) <= 4096
    except PublicError as error:
        told(error)


@given(making.bodies(HEAR), st.booleans())
def a_recording_in_json_is_one_or_refused(body: bytes, strict: bool) -> None:
    try:
        request, sound = transcription.decode_json(body, strict=strict)
        transcription.hearing(request, translate=False, strict=strict)
        assert sound
    except PublicError as error:
        told(error)


NAMES = st.sampled_from([*HEAR, "languages[]", "chunking_strategy[type]", "include[]", "x[", "]"]) | WORDS


@given(st.lists(st.tuples(NAMES, WORDS | st.sampled_from(["[" * 1200, "{}", "whisper-1", "en", "true"])), max_size=8))
def the_fields_of_a_form_are_a_request_or_refused(fields: list[tuple[str, str]]) -> None:
    try:
        request = transcription.decode_form(fields)
        transcription.hearing(request, translate=False)
    except PublicError as error:
        told(error)


def receiving(parts: list[bytes]) -> Callable[[], Any]:
    waiting: list[Message] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    waiting.append({"type": "http.request", "body": b""})

    async def receive() -> Message:
        return waiting.pop(0)

    return receive


def form_of(parts: list[bytes], boundary: bytes = b"x", limit: int = 1000) -> Form:
    headers = {b"content-type": b"multipart/form-data; boundary=" + boundary}
    return asyncio.run(read_form(receiving(parts), headers, limit))


FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a;\\"b"\r\nContent-Type: audio/wav\r\n\r\n'
FIELD = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
WHOLE = FIELD + FILE + b"RIFF, or what there is\r\n--x--\r\n"


@given(making.cut_up(WHOLE).flatmap(making.in_pieces))
def any_bytes_are_a_form_or_refused(parts: list[bytes]) -> None:
    try:
        form = form_of(parts)
        assert len(form.file or b"") <= 1000
    except PublicError as error:
        told(error)


@given(st.binary(max_size=300), st.lists(st.tuples(WORDS, WORDS), max_size=4), st.data())
def a_form_comes_out_as_it_was_however_it_was_cut(
    sound: bytes, fields: list[tuple[str, str]], data: st.DataObject
) -> None:
    assume(b"--x" not in sound)
    plain = [(name, value) for name, value in fields if name.isalnum() and name.isascii() and "--x" not in value]
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), value.encode())
        for name, value in plain
        if name != "file"
    )
    parts = data.draw(making.in_pieces(body + FILE + sound + b"\r\n--x--\r\n"))
    assert form_of(parts) == Form([(name, value) for name, value in plain if name != "file"], sound)


@given(st.binary(max_size=100), st.sampled_from(["plain", "urlsafe", "no padding", "data:", "lines"]))
def base64_in_any_dress_is_the_same_bytes(sound: bytes, dress: str) -> None:
    assume(sound)
    text = b64encode(sound).decode()
    dressed = {
        "plain": text,
        "urlsafe": urlsafe_b64encode(sound).decode(),
        "no padding": text.rstrip("="),
        "data:": f"data:audio/wav;base64,{text}",
        "lines": "\r\n".join(text[at : at + 4] for at in range(0, len(text), 4)),
    }[dress]
    assert sound_bytes(dressed, "data") == sound


@given(making.ANY_TEXT)
def any_text_is_base64_or_refused(text: str) -> None:
    try:
        assert sound_bytes(text, "data")
    except BadRequest as error:
        told(error)


@given(st.lists(WORDS | st.binary(max_size=50), max_size=12), st.booleans())
def a_stream_says_what_a_whole_answer_says(pieces: list[str | bytes], spoken: bool) -> None:
    """Put together as base64, or piece by piece; and each event is one line."""
    encoder = ChunkEncoder(HEAD, include_usage=False, audio_id="audio_1" if spoken else None, legacy=False)
    texts = [piece for piece in pieces if isinstance(piece, str)]
    sounds = [piece for piece in pieces if isinstance(piece, bytes)] if spoken else []
    events = [
        encoder.text(piece) if isinstance(piece, str) else encoder.sound(piece)
        for piece in pieces
        if spoken or isinstance(piece, str)
    ]
    stream = b"".join([*events, encoder.end("stop", 5), DONE])
    *lines, last, nothing = stream.split(b"\n\n")
    assert (last, nothing) == (b"data: [DONE]", b"")
    assert all(line.startswith(b"data: ") and b"\n" not in line and b"\r" not in line for line in lines)
    deltas = [json.loads(line[6:])["choices"][0]["delta"] for line in lines]
    audio = completion.audio_body("audio_1", b"".join(sounds), 5, "".join(texts)) if spoken else None
    choice = completion.choice(0, "".join(texts), "stop", audio=audio, calls=[], legacy=False)
    whole = json.loads(completion.encode(HEAD, [choice], Usage()))["choices"][0]["message"]
    assert "".join(delta.get("content") or "" for delta in deltas) == (whole["content"] or "")
    if not spoken:
        return
    said = [delta["audio"] for delta in deltas if "audio" in delta]
    assert "".join(part.get("transcript", "") for part in said) == whole["audio"]["transcript"]
    data = [part["data"] for part in said if "data" in part]
    assert "".join(data) == whole["audio"]["data"]
    assert b"".join(b64decode(piece, validate=True) for piece in data) == b"".join(sounds)
    assert all(len(b64decode(piece)) % 6 == 0 for piece in data[:-1])
    assert [part["id"] for part in said if "id" in part] == [whole["audio"]["id"]]
    assert [part["expires_at"] for part in said if "expires_at" in part] == [whole["audio"]["expires_at"]]


WAV = wav_header(40, 16_000) + bytes(range(40))
NAME = st.sampled_from([b"fmt ", b"data", b"JUNK", b"LIST", b"fact"]) | st.binary(min_size=4, max_size=4)


@st.composite
def wavs(draw: st.DrawFn) -> bytes:
    """Chunks in any order, of any claimed size."""
    data = b"RIFF" + draw(st.binary(min_size=4, max_size=4)) + b"WAVE"
    for _ in range(draw(st.integers(0, 5))):
        inner = draw(st.just(WAV[20:36]) | st.binary(max_size=40))
        size = draw(st.just(len(inner)) | st.integers(0, 2**32 - 1))
        data += draw(NAME) + size.to_bytes(4, "little") + inner
    return data


@given(wavs() | making.cut_up(WAV) | st.binary(max_size=100))
def any_bytes_are_a_plain_wav_or_left_to_others(data: bytes) -> None:
    sniff(data)
    pcm = read_wav(data)
    if pcm is not None:
        assert len(pcm.data) % 2 == 0
        assert pcm.data in data
        assert 1 <= pcm.rate <= 384_000
        assert read_wav(write_wav(pcm)) == pcm


PCM = st.builds(lambda data, rate: Pcm(data * 2, rate), st.binary(max_size=20), st.integers(1, 384_000))
PARTS = st.lists(st.builds(Text, WORDS) | st.builds(Speech, st.none() | PCM, st.none() | WORDS), max_size=2).map(tuple)
TURNS = st.builds(Turn, st.lists(st.builds(Said, st.just("user"), PARTS), max_size=2).map(tuple))
DELTAS = st.builds(TextDelta, WORDS, st.integers(0, 9)) | st.builds(ToolCallDelta, st.integers(0, 9), WORDS)
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | WORDS
    | st.binary(max_size=20)
)
VALUES = st.recursive(PLAIN | PCM | DELTAS | TURNS, lambda inner: st.lists(inner, max_size=4).map(tuple))
KEYS = st.sampled_from(["", "data", "rate", "text", "messages"]) | st.integers(0, 3) | WORDS
PACKED = st.recursive(
    PLAIN | st.sampled_from(["Pcm", "Turn", "Text"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
).map(msgspec.msgpack.encode)
DEEP = st.builds(lambda deep: b"\x91" * deep + b"\xc0", st.integers(1, 3000))


@given(VALUES)
def what_travels_to_an_engine_arrives(value: object) -> None:
    assert frames.read_frame(io.BytesIO(b"".join(frames.encode(value)))) == value


@given(PACKED | DEEP | st.binary(max_size=60))
def what_an_engine_sends_is_ours_or_broken(body: bytes) -> None:
    with contextlib.suppress(frames.Broken):
        frames.read_frame(io.BytesIO(frames.LENGTH.pack(len(body)) + body))


@given(VALUES, st.data())
def a_frame_that_was_changed_on_the_way_is_broken_or_another(value: object, data: st.DataObject) -> None:
    with contextlib.suppress(frames.Broken):
        frames.read_frame(io.BytesIO(data.draw(making.cut_up(b"".join(frames.encode(value))))))


CHUNK = {
    "id": "c",
    "choices": [
        {
            "index": 0,
            "delta": {
                "content": "Hi",
                "tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "f", "arguments": "{}"}}],
            },
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}},
    "error": None,
}
LINES = making.bodies(CHUNK).map(lambda body: "data: " + body.decode(errors="replace"))


@given(LINES | making.ANY_TEXT | making.ANY_TEXT.map(lambda text: f"data: {text}"))
def what_another_server_says_is_a_chunk_or_its_failure(line: str) -> None:
    with contextlib.suppress(EngineFailed):
        chunk = read_chunk(line)
        assert chunk is None or isinstance(chunk, Chunk)
        for choice in chunk.choices if chunk else []:
            for call in (choice.delta and choice.delta.tool_calls) or ():
                assert 0 <= call.told().index < 128


PROPERTIES: list[Callable[[], None]] = [
    a_chat_is_a_turn_or_refused,
    a_text_to_speak_is_one_or_refused,
    a_recording_in_json_is_one_or_refused,
    the_fields_of_a_form_are_a_request_or_refused,
    any_bytes_are_a_form_or_refused,
    a_form_comes_out_as_it_was_however_it_was_cut,
    base64_in_any_dress_is_the_same_bytes,
    any_text_is_base64_or_refused,
    a_stream_says_what_a_whole_answer_says,
    any_bytes_are_a_plain_wav_or_left_to_others,
    what_travels_to_an_engine_arrives,
    what_an_engine_sends_is_ours_or_broken,
    a_frame_that_was_changed_on_the_way_is_broken_or_another,
    what_another_server_says_is_a_chunk_or_its_failure,
]


@pytest.mark.parametrize("holds", PROPERTIES, ids=lambda holds: holds.__name__)
def test_it_holds_for_every_input(holds: Callable[[], None]) -> None:
    until = time.monotonic() + seconds("properties") / len(PROPERTIES)
    holds()
    while time.monotonic() < until:
        holds()


def test_every_property_is_tried() -> None:
    assert {id(each) for each in globals().values() if hasattr(each, "hypothesis")} == {id(each) for each in PROPERTIES}
