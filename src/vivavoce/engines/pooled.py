"""A pool of processes seen as the engine it holds: blocking there, async here."""

from collections.abc import AsyncIterable, Sequence
from contextlib import aclosing
from typing import Any

from vivavoce.core.audio import Pcm, join
from vivavoce.core.engines import Card, Hearing, Transcript, Utterance
from vivavoce.core.turn import Send, Stream, TextDelta, ToolCallDelta, Turn, TurnDone
from vivavoce.engines.pool import Pool

PIECE_WAIT_S = 30.0
"""A turn that is already speaking waits this long for its next piece's place, rather than break off."""


class Pooled:
    """Plays whichever roles its engine's card names."""

    def __init__(self, pool: Pool, wait_s: float | None = None) -> None:
        """`wait_s`: for a place to hear, think or respond; otherwise as the pool sees fit."""
        self._pool = pool
        self._wait_s = wait_s

    def hasty(self) -> "Pooled":
        """It, for where another stands in when it is full: a turn that was let in waits no longer than others."""
        return Pooled(self._pool, self._pool.wait_s)

    def card(self) -> Card:
        """What the engine is and can do."""
        return self._pool.card

    async def respond(self, turn: Turn, send: Send) -> None:
        """Answer as it is made."""
        async with aclosing(self._pool.stream("respond", turn, wait_s=self._wait_s)) as events:
            async for event in events:
                await send(event)

    async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        """Yield what is heard, once the sound has ended."""
        pieces = [pcm async for pcm in audio]
        if not pieces:
            return
        whole = join(pieces, pieces[0].rate)
        async with aclosing(self._pool.stream("transcribe", whole, ask, wait_s=self._wait_s)) as heard:
            async for transcript in heard:
                yield transcript

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        """Yield the answer as it is made."""
        async with aclosing(self._pool.stream("generate", turn, wait_s=self._wait_s)) as events:
            async for event in events:
                yield event

    async def count(self, texts: Sequence[str]) -> list[int]:
        """How many of the model's own tokens each text is."""
        return await self._pool.count(list(texts))

    async def synthesize(self, say: Utterance) -> Stream[Pcm]:
        """Yield the sound of one piece as it is made."""
        async with aclosing(self._pool.stream("synthesize", say, wait_s=PIECE_WAIT_S)) as sounds:
            async for pcm in sounds:
                yield pcm

    async def call(self, method: str, *arguments: Any, wait_s: float | None = None) -> Any:
        """Call a method that gives one item, and return it."""
        result: Any = None
        async with aclosing(self._pool.stream(method, *arguments, wait_s=wait_s)) as items:
            async for item in items:
                result = item
        return result
