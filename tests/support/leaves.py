"""Engines in the server's own process that stop where a test wants them, and tell when they are let go."""

import asyncio
from collections.abc import AsyncIterable, Sequence

from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Hearing, Transcript, Utterance
from vivavoce.core.turn import Stream, TextDelta, ToolCallDelta, Turn, TurnDone
from vivavoce.testing import Scripted
from vivavoce.testing.scripted import tone

SECRET = "what people said"


class Stuck(Scripted):
    """Does everything until it comes to one stage, and stays there until it is stopped or `go` is set."""

    def __init__(self, stage: str) -> None:
        super().__init__(Scripted.Options(says="Hello there. How are you?"))
        self._stage = stage
        self.begun = asyncio.Event()
        self.stopped = asyncio.Event()
        self.go = asyncio.Event()

    async def _come_to(self, stage: str) -> None:
        if stage != self._stage:
            return
        self.begun.set()
        try:
            await self.go.wait()
        finally:
            self.stopped.set()

    async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        await self._come_to("hear")
        async for heard in super().transcribe(audio, ask):
            yield heard

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        await self._come_to("prompt")
        async for event in super().generate(turn):
            if isinstance(event, TurnDone):
                await self._come_to("think")
            yield event

    async def synthesize(self, say: Utterance) -> Stream[Pcm]:
        yield tone(0.5)
        await self._come_to("speak")
        yield tone(0.5)


class Fails(Scripted):
    """Raises an error at one stage."""

    def __init__(self, stage: str, error: Exception) -> None:
        super().__init__(Scripted.Options(says="Hello there. How are you?"))
        self._stage = stage
        self._error = error

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        if self._stage == "prompt":
            raise self._error
        async for event in super().generate(turn):
            if isinstance(event, TurnDone) and self._stage == "think":
                raise self._error
            yield event

    async def count(self, texts: Sequence[str]) -> list[int]:
        if self._stage == "count":
            raise self._error
        return await super().count(texts)
