"""A recogniser that hears words at given times, and keeps what it was given."""

import asyncio
from collections.abc import AsyncIterable, Callable

from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Hearing, Transcript, Word
from vivavoce.core.turn import Stream

WORDS = (
    Word("Hello", 0.0, 0.32, 0.9),
    Word("world", 0.32, 0.62, 0.8),
    Word("this", 0.86, 0.88, 0.7),
    Word("is", 0.88, 1.02, 0.95),
    Word("a", 1.02, 1.14, 1.0),
    Word("test", 1.14, 1.46, 0.5),
)
TEXT = "Hello world, this is a test."


class Recogniser:
    """Hears what `script` makes of each recording; by default the recorded sentence, with its word times."""

    def __init__(self, script: Callable[[Pcm, Hearing], list[Transcript]] | None = None) -> None:
        self._script = script or sentence
        self.asked: list[Hearing] = []
        self.heard: list[Pcm] = []
        self.most_at_once = 0
        self._now = 0

    async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        (pcm,) = [pcm async for pcm in audio]
        self.asked.append(ask)
        self.heard.append(pcm)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            await asyncio.sleep(0)
            for transcript in self._script(pcm, ask):
                yield transcript
        finally:
            self._now -= 1


def sentence(pcm: Pcm, ask: Hearing) -> list[Transcript]:
    return [Transcript(TEXT, True, 0.0, pcm.seconds, WORDS if ask.words else (), 0.8, "en")]
