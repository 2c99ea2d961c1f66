"""How calls and their items travel between the server and an engine process: length-prefixed msgpack.

A frame is four bytes of length, big-endian, and that many bytes of msgpack. A core dataclass travels as a map whose
key "" is its class's name; nothing that travels holds maps of its own, so there is no ambiguity.
"""

import asyncio
import dataclasses
import struct
from typing import Any, Protocol, TypeAlias, cast

import msgspec

from vivavoce.audio import limits
from vivavoce.core import audio, engines, turn
from vivavoce.core.errors import TooLarge

Value: TypeAlias = Any
"""What msgpack holds, and core dataclasses."""

FRAME_LIMIT = 128 * 1024 * 1024
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


def pack(value: Value) -> Value:
    """Make a value of core dataclasses into one of maps, lists and scalars."""
    if isinstance(value, tuple | list):
        return [pack(item) for item in cast("list[Value]", value)]
    name = type(value).__name__
    if KINDS.get(name) is type(value):
        return {"": name} | {field: pack(getattr(value, field)) for field in FIELDS[name]}
    return value


def unpack(value: Value) -> Value:
    """The reverse of `pack`; every sequence comes back as a tuple.

    Raises:
        Broken: a map is not one of ours.
    """
    if isinstance(value, list | tuple):
        return tuple(unpack(item) for item in cast("list[Value]", value))
    if isinstance(value, dict):
        fields = cast("dict[str, Value]", value)
        kind = KINDS.get(str(fields.pop("", None)))
        if kind is None:
            raise Broken("an item of no known kind")
        return kind(**{name: unpack(item) for name, item in fields.items()})
    return value


def encode(value: Value) -> bytes:
    """One whole frame.

    Raises:
        TooLarge: it would be over the limit, which the other side holds to.
    """
    body = msgspec.msgpack.encode(pack(value))
    if len(body) > FRAME_LIMIT:
        raise TooLarge("This is more sound than the server can handle at once.", code="request_too_large")
    return LENGTH.pack(len(body)) + body


def decode(body: bytes) -> Value:
    """What a frame's body holds.

    Raises:
        Broken: it is not msgpack, or not ours.
    """
    try:
        return unpack(msgspec.msgpack.decode(body))
    except (msgspec.DecodeError, TypeError, ValueError, RecursionError) as error:
        raise Broken("a frame that cannot be read") from error


def _length(head: bytes) -> int:
    (length,) = LENGTH.unpack(head)
    if length > FRAME_LIMIT:
        raise Broken("a frame over the limit")
    return length


def read_frame(source: Readable) -> Value:
    """Read one frame, blocking.

    Raises:
        Broken: the stream ended, or is not ours.
    """
    return decode(_read_exactly(source, _length(_read_exactly(source, LENGTH.size))))


def _read_exactly(source: Readable, size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise Broken("the other side has gone")
    return data


async def read_frame_from(reader: asyncio.StreamReader) -> Value:
    """Read one frame.

    Raises:
        Broken: the stream ended, or is not ours.
    """
    try:
        return decode(await reader.readexactly(_length(await reader.readexactly(LENGTH.size))))
    except (asyncio.IncompleteReadError, OSError) as error:
        raise Broken("the other side has gone") from error
