"""Words on their way from whoever thinks to the voice."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import asynccontextmanager
from typing import Self

WAITING = 16_384
"""Words that may wait for the voice: an answer of the longest kind. More of them only make the thinking wait."""


class Words:
    """Words that one side puts in and one voice takes; it can wait for them a while, and then again."""

    def __init__(self, most: int = WAITING) -> None:
        """`most`: how many may wait to be taken."""
        self._most = most
        self._there: deque[str] = deque()
        self._over = False
        self._error: Exception | None = None
        self._waits: asyncio.Future[None] | None = None
        """Of the side that waits: for words while there are none, or for room while there is none."""

    @property
    def ended(self) -> bool:
        """Whether all were taken, and no more will come."""
        return self._over and not self._there

    async def put(self, words: str) -> None:
        """Have these taken, once there is room."""
        while len(self._there) >= self._most:
            await self._wait(None)
        self._there.append(words)
        self._wake()

    def end(self, error: Exception | None = None) -> None:
        """No more will come; `error`, if there is one, is why: it is raised once those that came were taken."""
        self._over, self._error = True, error
        self._wake()

    def take(self) -> str | None:
        """The next words, if there are some."""
        if self._there:
            self._wake()
            return self._there.popleft()
        if self._error is not None:
            raise self._error
        return None

    async def within(self, seconds: float | None) -> bool:
        """Wait until there are some, or they have ended: whether that was so in time. None: however long it takes."""
        if not (self._there or self._over):
            # Even in no time, whoever has words ready comes to put them in.
            await (self._wait(seconds) if seconds != 0 else asyncio.sleep(0))
        return bool(self._there) or self._over

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while (words := self.take()) is None:
            if self._over:
                raise StopAsyncIteration
            await self._wait(None)
        return words

    async def _wait(self, seconds: float | None) -> None:
        loop = asyncio.get_running_loop()
        self._waits = waits = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, self._wake)
        try:
            await waits
        finally:
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._waits is not None and not self._waits.done():
            self._waits.set_result(None)


@asynccontextmanager
async def arriving(words: AsyncIterable[str], most: int) -> AsyncGenerator[Words, None]:
    """Words from anywhere, so that they can be waited for a while: at most so many are read before they are taken."""
    if isinstance(words, Words):
        yield words
        return
    read = Words(most)
    reading = asyncio.create_task(_read(words, read))
    try:
        yield read
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _read(words: AsyncIterable[str], into: Words) -> None:
    try:
        async for more in words:
            await into.put(more)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told to whoever waits for the words
        into.end(error)
    else:
        into.end()
