"""What another server answers, read as it comes and never without a bound."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import aclosing
from typing import TypeVar

import httpx2
import msgspec

from vivavoce.core.aside import aside
from vivavoce.core.errors import EngineFailed, EngineTimeout

T = TypeVar("T")

EVENT_BYTES = 64 * 1024 * 1024
"""Most of one event: a quarter of an hour of sound in base64."""
ANSWER_BYTES = 256 * 1024 * 1024
"""Most of an answer in one piece."""
UNREADABLE = "The model behind this server answered what cannot be read."


class Answer:
    """What it answers, as it comes.

    Raises, from every method:
        EngineFailed: it broke off, has no end, or cannot be read.
        EngineTimeout: it stood still behind that server.
    """

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response

    @property
    def kind(self) -> str:
        """Its content type; empty where it says none."""
        return self._response.headers.get("content-type", "")

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Its bytes."""
        with mapped():
            async with aclosing(self._response.aiter_bytes()) as pieces:
                async for piece in pieces:
                    yield piece

    async def lines(self) -> AsyncGenerator[str, None]:
        """Its lines, without their ends."""
        with mapped():
            async with aclosing(self.pieces()) as pieces, aclosing(lines(pieces)) as found:
                async for line in found:
                    yield line

    async def whole(self, most: int = ANSWER_BYTES) -> bytes:
        """All of it, at most so many bytes."""
        async with aclosing(self.pieces()) as pieces:
            return await whole(pieces, most)

    async def read(self, kind: type[T], most: int = ANSWER_BYTES) -> T:
        """All of it, at most so many bytes, as what its JSON says."""
        data = await self.whole(most)
        with mapped():
            return await aside(len(data), msgspec.json.decode, data, type=kind)


@contextlib.contextmanager
def mapped() -> Generator[None, None, None]:
    """Turn what a connection can raise into what a client may be told."""
    try:
        yield
    except (TimeoutError, httpx2.TimeoutException):
        raise EngineTimeout from None
    except (httpx2.TransportError, httpx2.StreamError, httpx2.InvalidURL):
        raise EngineFailed("The model behind this server cannot be reached.") from None
    except (httpx2.HTTPError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise EngineFailed(UNREADABLE) from None


async def lines(pieces: AsyncIterator[bytes]) -> AsyncGenerator[str, None]:
    """Each line, without its end. Only a line feed ends one: text in an event may hold every other separator.

    Raises:
        EngineFailed: a line is over `EVENT_BYTES`.
        UnicodeDecodeError: it is no text.
    """
    waiting: list[bytes] = []
    size = 0
    async for piece in pieces:
        *ended, rest = piece.split(b"\n")
        for line in ended:
            yield b"".join([*waiting, line]).removesuffix(b"\r").decode()
            waiting, size = [], 0
        waiting.append(rest)
        size += len(rest)
        if size > EVENT_BYTES:
            raise _endless()
    if last := b"".join(waiting):
        yield last.decode()


async def whole(pieces: AsyncIterator[bytes], most: int) -> bytes:
    """All of it.

    Raises:
        EngineFailed: it is over `most` bytes.
    """
    came: list[bytes] = []
    size = 0
    async for piece in pieces:
        came.append(piece)
        size += len(piece)
        if size > most:
            raise _endless()
    return b"".join(came)


def _endless() -> EngineFailed:
    return EngineFailed("The model behind this server answered without an end.")
