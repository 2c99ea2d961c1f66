"""Work that is watched: whoever counts and times it is told what comes of a turn, and of each engine's part in it.

A watch sees turns and items as they are, and keeps none of what people said.
"""

from collections.abc import AsyncIterable, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypeAlias, TypeVar

from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Hearing, Speaking, Transcript, Utterance
from vivavoce.core.errors import EngineDown, PublicError, TryLater
from vivavoce.core.turn import AudioDelta, Send, Stream, TextDelta, ToolCallDelta, Turn, TurnDone, TurnEvent

T = TypeVar("T")
Stage: TypeAlias = Literal["hear", "think", "speak", "respond"]
Kind: TypeAlias = Literal["chat", "speech", "transcription", "translation"]
Outcome: TypeAlias = Literal["done", "refused", "full", "failed", "left"]
"""`refused`: the request was wrong; `full`: there was no place for it; `left`: nobody wanted the rest."""
Cache: TypeAlias = Literal["heard"]
"""`heard`: the words of recordings."""


class Seen(Protocol):
    """One piece of work under way."""

    def told(self, item: object) -> None:
        """`item` came of it just now; of a turn, `item` has been sent."""
        ...

    def ended(self, outcome: Outcome) -> None:
        """It is over; said once."""
        ...


class Watch(Protocol):
    """Whoever counts and times. It never waits, and never raises."""

    def call(self, stage: Stage, engine: str) -> Seen:
        """An engine is called, by the name the configuration gives it."""
        ...

    def turn(self, kind: Kind, model: str, *, streamed: bool) -> Seen:
        """A model is asked; `streamed`: its sound is sent as it is made, as 16-bit samples."""
        ...

    def looked_up(self, cache: Cache, *, found: bool) -> None:
        """Something was looked for in a cache."""
        ...


class Watches:
    """Any number of watches as one; none: nobody watches."""

    def __init__(self, watches: Sequence[Watch] = ()) -> None:
        self._watches = watches

    def call(self, stage: Stage, engine: str) -> Seen:
        """See `Watch`."""
        return _Each([watch.call(stage, engine) for watch in self._watches])

    def turn(self, kind: Kind, model: str, *, streamed: bool) -> Seen:
        """See `Watch`."""
        return _Each([watch.turn(kind, model, streamed=streamed) for watch in self._watches])

    def looked_up(self, cache: Cache, *, found: bool) -> None:
        """See `Watch`."""
        for watch in self._watches:
            watch.looked_up(cache, found=found)


class Watching:
    """Tells how a piece of work goes that is done within it: `with Watching(seen) as work: work.told(item)`."""

    def __init__(self, seen: Seen, left: tuple[type[BaseException], ...] = ()) -> None:
        """`left`: errors that say that nobody wants the rest."""
        self._seen = seen
        self._left = left
        self._done = False

    def told(self, item: object) -> None:
        """See `Seen`. After its `TurnDone` work is done, however it is left."""
        self._done = self._done or isinstance(item, TurnDone)
        self._seen.told(item)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._seen.ended("done" if error is None or self._done else self._outcome(error))

    def _outcome(self, error: BaseException) -> Outcome:
        if isinstance(error, TryLater) and not isinstance(error, EngineDown):
            return "full"
        if isinstance(error, PublicError):
            return "refused" if error.status < 500 else "failed"
        # Only what is cancelled or closed ends with an error that is no `Exception`.
        return "left" if isinstance(error, self._left) or not isinstance(error, Exception) else "failed"


class Watched:
    """An engine whose calls are watched; it plays whatever roles the engine inside it plays."""

    def __init__(self, engine: Any, name: str, watch: Watch) -> None:
        """`name`: what the configuration calls it."""
        self._engine = engine
        self._name = name
        self._watch = watch

    async def respond(self, turn: Turn, send: Send) -> None:
        """Answer; see `core.engines.Responder`."""
        with Watching(self._watch.call("respond", self._name)) as work:

            async def told(event: TurnEvent) -> None:
                work.told(event)
                await send(event)

            await self._engine.respond(turn, told)

    def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        """Hear; see `core.engines.Transcriber`."""
        return self._told("hear", self._engine.transcribe(audio, ask))

    def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        """Think; see `core.engines.LanguageModel`."""
        return self._told("think", self._engine.generate(turn))

    async def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text is."""
        return await self._engine.count(texts)

    def synthesize(self, say: Utterance) -> Stream[Pcm]:
        """Say one piece; see `core.engines.Synthesizer`."""
        return self._told("speak", self._engine.synthesize(say))

    def speak(self, words: AsyncIterable[str], ask: Speaking) -> Stream[AudioDelta]:
        """Speak; see `core.engines.Speaker`."""
        return self._told("speak", self._engine.speak(words, ask))

    async def _told(self, stage: Stage, stream: Stream[T]) -> Stream[T]:
        with Watching(self._watch.call(stage, self._name)) as work:
            async with aclosing(stream):
                async for item in stream:
                    work.told(item)
                    yield item


class _Each:
    """One piece of work, seen by several."""

    def __init__(self, seen: Sequence[Seen]) -> None:
        self._seen = seen

    def told(self, item: object) -> None:
        for each in self._seen:
            each.told(item)

    def ended(self, outcome: Outcome) -> None:
        for each in self._seen:
            each.ended(outcome)
