"""Gives an engine that fails again and again a rest: whoever needs it is told so at once, and for how long.

closed ─► `FAILURES` times it failed, and nothing came of it between ─► open: nobody is sent to it, for `REST_S`
open ─► that is over ─► on trial: one call at a time
on trial ─► something comes of it ─► closed
         └► it fails ─► open, for twice as long as before, `LONGEST_S` at most
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterable, Callable, Generator, Sequence
from contextlib import aclosing, contextmanager, suppress
from typing import Any, Literal, TypeAlias, TypeVar

from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Hearing, Speaking, Transcript, Utterance
from vivavoce.core.errors import EngineDown, EngineFailed, EngineTimeout
from vivavoce.core.turn import AudioDelta, Send, Stream, TextDelta, ToolCallDelta, Turn, TurnDone, TurnEvent

log = logging.getLogger("vivavoce.breaker")

T = TypeVar("T")
State: TypeAlias = Literal["closed", "trial", "open"]
FAILURES = 5
WITHIN_S = 600.0
"""Failures longer ago do not count."""
REST_S = 5.0
LONGEST_S = 120.0
SOON_S = 1.0
"""How soon another may be tried than the one on trial."""


class Breaker:
    """What is known of one engine's failures."""

    def __init__(self, name: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        """`name`: what the configuration calls the engine. `clock`: the event loop's, in seconds."""
        self.name = name
        self._clock = clock
        self.recover_s = 0.0
        """How long it takes to be there once it is tried again."""
        self._failed: list[float] = []
        self._rest_s = 0.0
        self._until: float | None = None
        self._tried = False
        self._broken, self._mended = asyncio.Event(), asyncio.Event()

    @property
    def state(self) -> State:
        """Whether it is asked."""
        if self._until is None:
            return "closed"
        return "open" if self._clock() < self._until else "trial"

    def down(self) -> EngineDown:
        """What is told to those who are not sent to it."""
        left_s = 0.0 if self._until is None else max(0.0, self._until - self._clock())
        return EngineDown((left_s or SOON_S) + self.recover_s)

    def failed(self, why: str = "", since: float | None = None) -> bool:
        """It failed, at what began at `since`: whether it is given a rest, from now on.

        What began before it failed the last time says nothing new.
        """
        now, state = self._clock(), self.state
        if state == "open" or (since is not None and self._failed and since < self._failed[-1]):
            return False
        self._failed = [*(at for at in self._failed if now - at < WITHIN_S), now]
        if state == "closed" and len(self._failed) < FAILURES:
            return False
        self._rest_s = min(2 * self._rest_s or REST_S, LONGEST_S)
        self._until = now + self._rest_s
        self._mended.clear()
        self._broken.set()
        log.error("engine %s failed again and again: it is given %.0f s of rest. %s", self.name, self._rest_s, why)
        return True

    def succeeded(self) -> None:
        """Something came of it."""
        self._failed.clear()
        if self._until is not None:
            self._until, self._rest_s = None, 0.0
            self._broken.clear()
            self._mended.set()
            log.warning("engine %s answers again", self.name)

    async def broken(self) -> None:
        """Wait until it is open, or on trial."""
        await self._broken.wait()

    async def rest(self) -> bool:
        """Wait while it is open: whether it was."""
        rested = False
        while self._until is not None and self.state == "open":
            rested = True
            with suppress(TimeoutError):
                async with asyncio.timeout(self._until - self._clock()):
                    await self._mended.wait()
        return rested

    @contextmanager
    def call(self) -> Generator[None, None, None]:
        """Call it within this, where nothing else keeps count.

        Raises:
            EngineDown: it rests, or another is on trial.
        """
        state = self.state
        on_trial = state == "trial"
        if state == "open" or (on_trial and self._tried):
            raise self.down()
        self._tried = self._tried or on_trial
        try:
            yield
        except (EngineFailed, EngineTimeout) as error:
            self.failed(error.message)
            raise
        finally:
            self._tried = self._tried and not on_trial


class Guarded:
    """An engine elsewhere, which is not asked while it rests; it plays whatever roles the engine inside it plays."""

    def __init__(self, engine: Any, breaker: Breaker) -> None:
        self._engine = engine
        self._breaker = breaker

    async def respond(self, turn: Turn, send: Send) -> None:
        """Answer; see `core.engines.Responder`."""

        async def told(event: TurnEvent) -> None:
            self._breaker.succeeded()
            await send(event)

        with self._breaker.call():
            await self._engine.respond(turn, told)

    def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        """Hear; see `core.engines.Transcriber`."""
        return self._told(lambda: self._engine.transcribe(audio, ask))

    def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        """Think; see `core.engines.LanguageModel`."""
        return self._told(lambda: self._engine.generate(turn))

    async def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text is."""
        return await self._engine.count(texts)

    def synthesize(self, say: Utterance) -> Stream[Pcm]:
        """Say one piece; see `core.engines.Synthesizer`."""
        return self._told(lambda: self._engine.synthesize(say))

    def speak(self, words: AsyncIterable[str], ask: Speaking) -> Stream[AudioDelta]:
        """Speak; see `core.engines.Speaker`."""
        return self._told(lambda: self._engine.speak(words, ask))

    async def _told(self, call: Callable[[], Stream[T]]) -> Stream[T]:
        with self._breaker.call():
            async with aclosing(call()) as stream:
                async for item in stream:
                    self._breaker.succeeded()
                    yield item
