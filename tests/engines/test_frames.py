"""What travels between the server and an engine process comes out as it went in."""

import asyncio
import io
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.audio.limits import Limits
from vivavoce.core.aside import LARGE_BYTES
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Card, Hearing, Transcript, Utterance, Word
from vivavoce.core.errors import TooLarge
from vivavoce.core.turn import (
    Message,
    Sampling,
    Schema,
    Speech,
    Text,
    TextDelta,
    TokenLogprob,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    ToolResult,
    Turn,
    TurnDone,
    Usage,
)
from vivavoce.engines import frames
from vivavoce.engines.frames import LENGTH, Broken, encode, read_frame, read_frame_from

PARTS = (Text("a"), Speech(Pcm(b"ab", 16_000), None, 0.5), ToolCall("i", "n", "{}"), ToolResult("i", "r"))
EVERYTHING = (
    Turn((Message("user", PARTS),), (Tool("t"),), ToolChoice("required", "t"), "alloy", Schema("s", "{}"), Sampling(0.5)),  # noqa: E501
    Transcript("heard", words=(Word("heard", 0.0, 0.5, 0.9),), language="en"),
    (Hearing("en", words=True), Utterance("Hi", "alloy"), Card("c", ("hear",), parallel=4), Limits(1.5, 10)),
    TextDelta("a", 1, (TokenLogprob("a", -0.5, b"a", (TokenLogprob("", -math.inf, b"\xc3"),)),)),
    (TextDelta("a", 2), ToolCallDelta(0, "x"), TurnDone("length", Usage(1, 2, 3, 4, 5), "o")),
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner).map(tuple),
)


def sent(*values: object) -> io.BytesIO:
    return io.BytesIO(b"".join(part for value in values for part in encode(value)))


def test_every_kind_of_value_comes_out_as_it_went_in() -> None:
    assert read_frame(sent(EVERYTHING)) == EVERYTHING


@given(values)
def test_any_value_comes_out_as_it_went_in(value: object) -> None:
    assert read_frame(sent(value)) == value


LARGE = (Pcm(bytes(LARGE_BYTES + 2), 16_000), (b"b" * LARGE_BYTES, b"c" * 3 * LARGE_BYTES), "d")


async def test_large_bytes_follow_the_frame_as_they_are() -> None:
    head, *following = encode(LARGE)
    assert len(head) < LARGE_BYTES + 100
    assert [id(each) for each in following] == [id(LARGE[0].data), id(LARGE[1][1])]
    assert read_frame(sent(LARGE)) == LARGE
    reader = asyncio.StreamReader()
    reader.feed_data(sent(LARGE, LARGE[:1]).getvalue())
    reader.feed_eof()
    assert await read_frame_from(reader) == LARGE
    assert await read_frame_from(reader) == LARGE[:1]


@pytest.mark.parametrize("missing", [1, LARGE_BYTES])
async def test_one_whose_large_bytes_do_not_all_come_is_broken(missing: int) -> None:
    data = sent(LARGE).getvalue()[:-missing]
    with pytest.raises(Broken):
        read_frame(io.BytesIO(data))
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    with pytest.raises(Broken):
        await read_frame_from(reader)


async def test_frames_are_read_one_by_one_however_they_come() -> None:
    reader = asyncio.StreamReader(limit=16)
    for byte in sent(["one", b"x" * 1000], ("two",)).getvalue():
        reader.feed_data(bytes([byte]))
    reader.feed_eof()
    assert await read_frame_from(reader) == ("one", b"x" * 1000)
    assert await read_frame_from(reader) == ("two",)
    with pytest.raises(Broken):
        await read_frame_from(reader)


@pytest.mark.parametrize("cut", [0, 1, 4, 5, -1])
async def test_a_frame_that_is_cut_is_broken(cut: int) -> None:
    data = sent(["something"]).getvalue()[:cut]
    with pytest.raises(Broken):
        read_frame(io.BytesIO(data))
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    with pytest.raises(Broken):
        await read_frame_from(reader)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x81\xa1a",
        b"\xa1\xff",
        b"\x91" * 100_000 + b"\xc0",
        msgspec.msgpack.encode({"": "Nobody"}),
        msgspec.msgpack.encode({"": "Pcm", "x": 1}),
        msgspec.msgpack.encode(msgspec.msgpack.Ext(1, LENGTH.pack(0))),
        msgspec.msgpack.encode(msgspec.msgpack.Ext(0, b"1")),
        msgspec.msgpack.encode(msgspec.msgpack.Ext(0, LENGTH.pack(2**32 - 1))),
    ],
    ids=["nothing", "no msgpack", "cut", "no text", "deep", "no kind", "no field", "no extension", "no size", "large"],
)
def test_what_is_not_ours_is_broken(body: bytes) -> None:
    with pytest.raises(Broken):
        read_frame(io.BytesIO(LENGTH.pack(len(body)) + body))


def test_a_length_over_the_limit_is_broken_before_anything_is_read() -> None:
    with pytest.raises(Broken, match="limit"):
        read_frame(io.BytesIO(b"\xff\xff\xff\xff"))


def test_more_than_a_frame_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "FRAME_LIMIT", 100)
    with pytest.raises(TooLarge):
        encode(bytes(101))
    monkeypatch.setattr(frames, "FRAME_LIMIT", 2 * LARGE_BYTES)
    with pytest.raises(TooLarge):
        encode([bytes(LARGE_BYTES + 1)] * 2)
