"""How calls and their items travel between the server and an engine process: length-prefixed msgpack.

A frame is four bytes of length, big-endian, and that many bytes of msgpack. A core dataclass travels as a map whose
key "" is its class's name; nothing that travels holds maps of its own, so there is no ambiguity. Large bytes, which are
sounds and files, follow the frame in their order as they are, and an extension in their place says how many they are:
they are never copied in one go, which would hold up the event loop.
"""

import asyncio
import dataclasses
import io
import struct
from typing import Any, Protocol, TypeAlias, cast

import msgspec

from vivavoce.audio import limits
from vivavoce.core import audio, engines, turn
from vivavoce.core.aside import LARGE_BYTES
from vivavoce.core.errors import TooLarge

Value: TypeAlias = Any
"""What msgpack holds, and core dataclasses."""
Frame: TypeAlias = list[bytes]
"""A frame, and the large bytes that follow it."""

FRAME_LIMIT = 128 * 1024 * 1024
"""Bytes of a frame with all that follows it."""
FOLLOWS = 0
"""The extension's code."""
LENGTH = struct.Struct(">I")
KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for module in (audio, engines, turn, limits)
    for kind in vars(module).values()
    if isinstance(kind, type) and dataclasses.is_dataclass(kind)
}
FIELDS = {name: tuple(field.name for field in dataclasses.fields(kind)) for name, kind in KINDS.items()}


class Broken(Exception):
    """The other side is gone, or does not speak this protocol."""


class Readable(Protocol):
    """A blocking, buffered byte stream, such as a socket's file."""

    def read(self, size: int, /) -> bytes:
        """`size` bytes; fewer only where the stream ends."""
        ...


@dataclasses.dataclass(slots=True)
class _Following:
    """Large bytes that follow a frame."""

    size: int
    data: bytes = b""


def pack(value: Value, following: Frame) -> Value:
    """Make a value of core dataclasses into one of maps, lists and scalars; large bytes are put in `following`."""
    if isinstance(value, tuple | list):
        return [pack(item, following) for item in cast("list[Value]", value)]
    if isinstance(value, bytes) and len(value) > LARGE_BYTES:
        following.append(value)
        return msgspec.msgpack.Ext(FOLLOWS, LENGTH.pack(len(value)))
    name = type(value).__name__
    if KINDS.get(name) is type(value):
        return {"": name} | {field: pack(getattr(value, field), following) for field in FIELDS[name]}
    return value


def unpack(value: Value) -> Value:
    """The reverse of `pack`; every sequence comes back as a tuple.

    Raises:
        Broken: a map is not one of ours.
    """
    if isinstance(value, list | tuple):
        return tuple(unpack(item) for item in cast("list[Value]", value))
    if isinstance(value, _Following):
        return value.data
    if isinstance(value, dict):
        fields = cast("dict[str, Value]", value)
        kind = KINDS.get(str(fields.pop("", None)))
        if kind is None:
            raise Broken("an item of no known kind")
        return kind(**{name: unpack(item) for name, item in fields.items()})
    return value


def encode(value: Value) -> Frame:
    """One whole frame, and what follows it.

    Raises:
        TooLarge: it would be over the limit, which the other side holds to.
    """
    following: Frame = []
    body = msgspec.msgpack.encode(pack(value, following))
    if len(body) + sum(map(len, following)) > FRAME_LIMIT:
        raise TooLarge("This is more sound than the server can handle at once.", code="request_too_large")
    return [LENGTH.pack(len(body)) + body, *following]


def read_frame(source: Readable) -> Value:
    """Read one frame and what follows it, blocking.

    Raises:
        Broken: the stream ended, or is not ours.
    """
    value, following = _opened(_read_exactly(source, _length(_read_exactly(source, LENGTH.size))))
    for each in following:
        each.data = _read_exactly(source, each.size)
    return _whole(value)


async def read_frame_from(reader: asyncio.StreamReader) -> Value:
    """Read one frame and what follows it.

    Raises:
        Broken: the stream ended, or is not ours.
    """
    try:
        value, following = _opened(await reader.readexactly(_length(await reader.readexactly(LENGTH.size))))
        for each in following:
            each.data = await _in_pieces(reader, each.size)
    except (asyncio.IncompleteReadError, OSError) as error:
        raise Broken("the other side has gone") from error
    return _whole(value)


def _length(head: bytes) -> int:
    (length,) = LENGTH.unpack(head)
    if length > FRAME_LIMIT:
        raise Broken("a frame over the limit")
    return length


def _opened(body: bytes) -> tuple[Value, list[_Following]]:
    """What a frame's body holds, and what of it is still to come."""
    following: list[_Following] = []

    def follows(code: int, size: memoryview) -> _Following:
        if code != FOLLOWS:
            raise ValueError("an extension of no known kind")
        following.append(_Following(*LENGTH.unpack(size)))
        return following[-1]

    try:
        value = msgspec.msgpack.decode(body, ext_hook=follows)
    except (msgspec.DecodeError, ValueError, RecursionError, struct.error) as error:
        raise Broken("a frame that cannot be read") from error
    if len(body) + sum(each.size for each in following) > FRAME_LIMIT:
        raise Broken("a frame over the limit")
    return value, following


def _whole(value: Value) -> Value:
    """A frame's value, once all is there that follows it."""
    try:
        return unpack(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise Broken("a frame that cannot be read") from error


def _read_exactly(source: Readable, size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise Broken("the other side has gone")
    return data


async def _in_pieces(reader: asyncio.StreamReader, size: int) -> bytes:
    found = io.BytesIO()  # gives what it holds without a copy of it
    while left := size - found.tell():
        piece = await reader.read(min(left, LARGE_BYTES))
        if not piece:
            raise asyncio.IncompleteReadError(b"", size)
        found.write(piece)
    return found.getvalue()
