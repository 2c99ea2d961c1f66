"""Engines around engines, with the same interface: several that stand in for one another, one that is given up in time.

Each plays whatever roles the engines inside it play.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, Generic, TypeVar

from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Hearing, Speaking, Transcript, Utterance
from vivavoce.core.errors import EngineTimeout, PublicError
from vivavoce.core.tasks import Patience, in_time
from vivavoce.core.turn import AudioDelta, Send, Stream, TextDelta, ToolCallDelta, Turn, TurnDone, TurnEvent

T = TypeVar("T")


class Fallback:
    """The first of several engines that begins to answer.

    One that fails before its first event, or has no place, hands over to the next. What a client did wrong is wrong
    for all of them, and an answer that has begun is never begun again.
    """

    def __init__(self, engines: Sequence[Any]) -> None:
        """`engines`, at least one, in the order in which they are tried."""
        *self._earlier, self._last = engines

    async def respond(self, turn: Turn, send: Send) -> None:
        """Answer; see `core.engines.Responder`."""
        for engine in self._earlier:
            begun = _Begun(send)
            try:
                await engine.respond(turn, begun)
            except PublicError as error:
                if begun.sent or not _another_may(error):
                    raise
            else:
                return
        await self._last.respond(turn, send)

    def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        """Hear; see `core.engines.Transcriber`."""
        sounds = _Kept(audio)
        return self._first_to_begin(lambda engine: engine.transcribe(sounds.from_the_start(), ask))

    def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        """Think; see `core.engines.LanguageModel`."""
        return self._first_to_begin(lambda engine: engine.generate(turn))

    async def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text is, by the first engine that answers."""
        for engine in self._earlier:
            with suppress(PublicError):
                return await engine.count(texts)
        return await self._last.count(texts)

    def synthesize(self, say: Utterance) -> Stream[Pcm]:
        """Say one piece; see `core.engines.Synthesizer`."""
        return self._first_to_begin(lambda engine: engine.synthesize(say))

    def speak(self, words: AsyncIterable[str], ask: Speaking) -> Stream[AudioDelta]:
        """Speak; see `core.engines.Speaker`."""
        came = _Kept(words)
        return self._first_to_begin(lambda engine: engine.speak(came.from_the_start(), ask))

    async def _first_to_begin(self, call: Callable[[Any], Stream[T]]) -> Stream[T]:
        for engine in self._earlier:
            async with aclosing(call(engine)) as stream:
                try:
                    first = await anext(stream)
                except StopAsyncIteration:
                    return
                except PublicError as error:
                    if not _another_may(error):
                        raise
                    continue
                yield first
                async for item in stream:
                    yield item
                return
        async with aclosing(call(self._last)) as stream:
            async for item in stream:
                yield item


class Timed:
    """An engine that is given up when it tells nothing for too long. Times are in seconds; None: no limit.

    Raises, from every call:
        EngineTimeout: nothing came within `first_s`, or within `between_s` after something had.
    """

    def __init__(self, engine: Any, first_s: float | None, between_s: float | None) -> None:
        self._engine = engine
        self._first_s = first_s
        self._between_s = between_s

    async def respond(self, turn: Turn, send: Send) -> None:
        """Answer; see `core.engines.Responder`. Time that `send` takes is the client's, not the engine's."""
        clock = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._first_s) as limit:

                async def told(event: TurnEvent) -> None:
                    limit.reschedule(None)
                    await send(event)
                    limit.reschedule(None if self._between_s is None else clock.time() + self._between_s)

                await self._engine.respond(turn, told)
        except TimeoutError:
            raise EngineTimeout from None

    def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        """Hear; see `core.engines.Transcriber`."""
        return self._in_time(self._engine.transcribe(audio, ask))

    def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        """Think; see `core.engines.LanguageModel`."""
        return self._in_time(self._engine.generate(turn))

    async def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text is."""
        try:
            return await in_time(self._engine.count(texts), self._first_s)
        except TimeoutError:
            raise EngineTimeout from None

    def synthesize(self, say: Utterance) -> Stream[Pcm]:
        """Say one piece; see `core.engines.Synthesizer`."""
        return self._in_time(self._engine.synthesize(say))

    def speak(self, words: AsyncIterable[str], ask: Speaking) -> Stream[AudioDelta]:
        """Speak; see `core.engines.Speaker`. Time in which it waits for words is not the engine's."""
        watch = _Watch()
        return self._in_time(self._engine.speak(watch.outside(words), ask), watch)

    async def _in_time(self, stream: Stream[T], watch: "_Watch | None" = None) -> Stream[T]:
        limit = self._first_s
        patience = Patience()
        try:
            async with aclosing(stream):
                while True:
                    try:
                        if watch is None:
                            item = await patience.over(anext(stream), limit)
                        else:
                            async with watch.over(limit):
                                item = await anext(stream)
                    except StopAsyncIteration:
                        return
                    except TimeoutError:
                        raise EngineTimeout from None
                    limit = self._between_s
                    yield item
        finally:
            patience.end()


class _Watch:
    """The time an engine may take for its next item; it does not run while the engine waits for something else."""

    def __init__(self) -> None:
        self._seconds: float | None = None
        self._timeout: asyncio.Timeout | None = None
        self._waiting = False

    @asynccontextmanager
    async def over(self, seconds: float | None) -> AsyncGenerator[None, None]:
        """Give what is done in here so long; raise TimeoutError then."""
        self._seconds = seconds
        async with asyncio.timeout(None) as timeout:
            self._timeout = timeout
            self._set()
            try:
                yield
            finally:
                self._timeout = None

    async def outside(self, words: AsyncIterable[T]) -> Stream[T]:
        """Something an engine waits for, which is not its own."""
        rest = aiter(words)
        while True:
            self._wait(waiting=True)
            try:
                item = await anext(rest)
            except StopAsyncIteration:
                return
            finally:
                self._wait(waiting=False)
            yield item

    def _wait(self, *, waiting: bool) -> None:
        self._waiting = waiting
        self._set()

    def _set(self) -> None:
        if self._timeout is not None and not self._timeout.expired():
            seconds = None if self._waiting else self._seconds
            self._timeout.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)


class _Begun:
    """A `Send` that knows whether anything was sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.sent = False

    async def __call__(self, event: TurnEvent) -> None:
        self.sent = True
        await self._send(event)


class _Kept(Generic[T]):
    """Sound or words that come once, for several to take one after another."""

    def __init__(self, items: AsyncIterable[T]) -> None:
        self._rest = aiter(items)
        self._came: list[T] = []

    async def from_the_start(self) -> Stream[T]:
        for item in self._came:
            yield item
        async for item in self._rest:
            self._came.append(item)
            yield item


def _another_may(error: PublicError) -> bool:
    """Whether another engine may do what this one could not: it failed, or is full."""
    return error.status >= 500 or error.status == 429
