"""Engines around engines, with the same interface: several that stand in for one another, one that is given up in time.

Each plays whatever roles the engines inside it play.
"""

import asyncio
from collections.abc import AsyncIterable, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Hearing, Transcript, Utterance
from vivavoce.core.errors import EngineTimeout, PublicError
from vivavoce.core.turn import Send, Stream, TextDelta, ToolCallDelta, Turn, TurnDone, TurnEvent

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

    async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        """Hear; see `core.engines.Transcriber`."""
        sounds = _Kept(audio)

        def calling(engine: Any) -> Stream[Transcript]:
            return engine.transcribe(sounds.from_the_start(), ask)

        async with aclosing(self._first_to_begin(calling)) as heard:
            async for transcript in heard:
                yield transcript

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        """Think; see `core.engines.LanguageModel`."""

        def calling(engine: Any) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
            return engine.generate(turn)

        async with aclosing(self._first_to_begin(calling)) as events:
            async for event in events:
                yield event

    async def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text is, by the first engine that answers."""
        for engine in self._earlier:
            with suppress(PublicError):
                return await engine.count(texts)
        return await self._last.count(texts)

    async def synthesize(self, say: Utterance) -> Stream[Pcm]:
        """Say one piece; see `core.engines.Synthesizer`."""

        def calling(engine: Any) -> Stream[Pcm]:
            return engine.synthesize(say)

        async with aclosing(self._first_to_begin(calling)) as sounds:
            async for pcm in sounds:
                yield pcm

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

    async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        """Hear; see `core.engines.Transcriber`."""
        async with aclosing(self._in_time(self._engine.transcribe(audio, ask))) as heard:
            async for transcript in heard:
                yield transcript

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        """Think; see `core.engines.LanguageModel`."""
        async with aclosing(self._in_time(self._engine.generate(turn))) as events:
            async for event in events:
                yield event

    async def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text is."""
        try:
            async with asyncio.timeout(self._first_s):
                return await self._engine.count(texts)
        except TimeoutError:
            raise EngineTimeout from None

    async def synthesize(self, say: Utterance) -> Stream[Pcm]:
        """Say one piece; see `core.engines.Synthesizer`."""
        async with aclosing(self._in_time(self._engine.synthesize(say))) as sounds:
            async for pcm in sounds:
                yield pcm

    async def _in_time(self, stream: Stream[T]) -> Stream[T]:
        limit = self._first_s
        async with aclosing(stream):
            while True:
                try:
                    async with asyncio.timeout(limit):
                        item = await anext(stream)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    raise EngineTimeout from None
                limit = self._between_s
                yield item


class _Begun:
    """A `Send` that knows whether anything was sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.sent = False

    async def __call__(self, event: TurnEvent) -> None:
        self.sent = True
        await self._send(event)


class _Kept:
    """Sound that comes once, for several to hear one after another."""

    def __init__(self, audio: AsyncIterable[Pcm]) -> None:
        self._rest = aiter(audio)
        self._came: list[Pcm] = []

    async def from_the_start(self) -> Stream[Pcm]:
        for pcm in self._came:
            yield pcm
        async for pcm in self._rest:
            self._came.append(pcm)
            yield pcm


def _another_may(error: PublicError) -> bool:
    """Whether another engine may do what this one could not: it failed, or is full."""
    return error.status >= 500 or error.status == 429
