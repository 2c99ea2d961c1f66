"""One call to an engine's process: the connection it has, the frames that come, and what the last of them means."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

from vivavoce.core import errors
from vivavoce.core.aside import LARGE_BYTES
from vivavoce.core.errors import EngineFailed, EngineTimeout, Overloaded, PublicError, RateLimited
from vivavoce.engines.child import Child
from vivavoce.engines.frames import Broken, Frame, read_frame_from

T = TypeVar("T")

log = logging.getLogger("vivavoce.pool")

BUFFER = 1024 * 1024
WAITING_ITEMS = 65_536
"""More than any call yields; an engine that never ends is stopped there."""


class Call:
    """A call under way. `name` is the engine's; a process that says nothing for `silence_s` is killed."""

    def __init__(self, child: Child, name: str, silence_s: float, reader: asyncio.StreamReader) -> None:
        self._child = child
        self._name = name
        self._silence_s = silence_s
        self._reader = reader

    @classmethod
    @asynccontextmanager
    async def to(cls, child: Child, name: str, silence_s: float, call: Frame) -> AsyncGenerator[Self, None]:
        """Send a call's frame. Leaving closes the connection, which cancels the call.

        Raises:
            EngineFailed: the process is gone.
            EngineTimeout: it does not take the call; it has been killed.
        """
        try:
            reader, writer = await asyncio.open_unix_connection(child.socket, limit=BUFFER)
        except OSError:
            raise EngineFailed from None
        try:
            under_way = cls(child, name, silence_s, reader)
            await under_way._in_time(_send(writer, call))
            yield under_way
        finally:
            writer.transport.abort()

    async def next(self) -> Any:
        """The kind of the next frame, and what it holds.

        Raises:
            EngineFailed: the process died, or left the call without an end.
            EngineTimeout: nothing was heard of it; it has been killed.
        """
        return await self._in_time(read_frame_from(self._reader))

    def error(self, kind: str, content: list[Any]) -> PublicError:
        """What a last frame stands for, where it is not the end. An item's content is never logged."""
        if kind == "error":
            return _public(*content)
        what = f"bug {content[0]}" if kind == "bug" else f"more than {WAITING_ITEMS} items in one call"
        log.error("engine %s: %s", self._name, what)
        return EngineFailed()

    async def _in_time(self, work: Awaitable[T]) -> T:
        """What the process has a part in."""
        try:
            async with asyncio.timeout(self._silence_s):
                return await work
        except TimeoutError:
            log.error("engine %s has not answered for %.0f s: killed", self._name, self._silence_s)
            self._child.kill()
            raise EngineTimeout from None
        except (Broken, OSError):
            self._child.kill()  # if it is not dead already: it has left a call without an end
            raise EngineFailed from None


async def _send(writer: asyncio.StreamWriter, call: Frame) -> None:
    """Send a frame piece by piece: what a transport cannot send at once it copies."""
    for part in map(memoryview, call):
        for at in range(0, len(part), LARGE_BYTES):
            writer.write(part[at : at + LARGE_BYTES])
            await writer.drain()


def _public(name: str, message: str, param: str | None, code: str | None) -> PublicError:
    """The error of `core.errors` that an engine raised in its process."""
    kind: type[PublicError] = getattr(errors, name)
    if issubclass(kind, Overloaded | RateLimited | EngineTimeout):
        return kind()
    if issubclass(kind, EngineFailed):
        return kind(message)
    return kind(message, param=param, code=code)
