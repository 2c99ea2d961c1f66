"""Hears long recordings piece by piece: cut where it is quiet, several at once, nothing lost at the cuts."""

import asyncio
from collections.abc import AsyncIterable
from contextlib import aclosing
from dataclasses import replace
from itertools import accumulate

from vivavoce.core.audio import SAMPLE_BYTES, Pcm, join
from vivavoce.core.engines import Hearing, Transcriber, Transcript
from vivavoce.core.errors import TryLater
from vivavoce.core.streams import once
from vivavoce.core.turn import Stream

LONGEST_S = 30.0
SHORTEST_S = 15.0
LAST_S = 5.0
"""Less than this is not left over for a last piece: there would be little to understand it by."""
PAUSE_S = 0.3
"""A cut goes through the middle of the quietest stretch of this length."""
PLACE_S = 60.0
"""A recording that is being heard already waits this long for the next piece's place, rather than be thrown away."""
FRAMES_A_SECOND = 50
LOOKED_AT_HZ = 4000
"""Of the samples of a frame, so many a second are looked at: speech is loud enough in any of them."""


class Piecewise:
    """A `Transcriber` around another: a long recording reaches it in pieces, `at_once` of them side by side."""

    def __init__(self, transcriber: Transcriber, at_once: int = 1) -> None:
        """`at_once`: how many calls the engine can serve, in all its processes."""
        self._transcriber = transcriber
        self._at_once = at_once

    async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        """Yield what is heard in order, with times from the beginning of the recording.

        Raises:
            TryLater: the engine has no place for the first piece, or for a later one in `PLACE_S`.
        """
        sounds = [pcm async for pcm in audio]
        if not sounds:
            return
        whole = join(sounds, sounds[0].rate)
        starts = await asyncio.to_thread(quiet_places, whole) if whole.seconds > LONGEST_S else []
        if not starts:
            async with aclosing(self._transcriber.transcribe(once(whole), ask)) as heard:
                async for transcript in heard:
                    yield transcript
            return
        places = asyncio.Semaphore(self._at_once)
        ends = [*starts, whole.samples]
        hearing = [
            asyncio.create_task(self._hear(whole, (start, end), ask, places))
            for start, end in zip([0, *starts], ends, strict=True)
        ]
        try:
            for piece in hearing:
                for transcript in await piece:
                    yield transcript
        finally:
            for piece in hearing:
                piece.cancel()
            await asyncio.gather(*hearing, return_exceptions=True)

    async def _hear(
        self, whole: Pcm, span: tuple[int, int], ask: Hearing, places: asyncio.Semaphore
    ) -> list[Transcript]:
        """Hear the samples of `span`, once there is a place."""
        start, end = span
        offset_s = start / whole.rate
        async with places:
            pcm = Pcm(whole.data[start * SAMPLE_BYTES : end * SAMPLE_BYTES], whole.rate)
            loop = asyncio.get_running_loop()
            patience_ends = loop.time() + (PLACE_S if start else 0)
            while True:
                try:
                    async with aclosing(self._transcriber.transcribe(once(pcm), ask)) as heard:
                        return [shifted(transcript, offset_s) async for transcript in heard if transcript.final]
                except TryLater as full:
                    # The first piece tells whether there is a place at all; the later ones wait their turn.
                    wait_s = 1.0 if full.retry_after_s is None else full.retry_after_s
                    if loop.time() + wait_s > patience_ends:
                        raise
                    await asyncio.sleep(wait_s)


def shifted(transcript: Transcript, seconds: float) -> Transcript:
    """The same transcript, said `seconds` later."""
    words = tuple(
        replace(word, start_s=word.start_s + seconds, end_s=word.end_s + seconds) for word in transcript.words
    )
    return replace(transcript, start_s=transcript.start_s + seconds, end_s=transcript.end_s + seconds, words=words)


def quiet_places(pcm: Pcm, longest_s: float = LONGEST_S) -> list[int]:
    """Where to cut a recording, in samples from its beginning: pieces of 15 to 30 s, cut where it is quietest.

    Nothing is left out and nothing comes twice. Empty where the recording is at most `longest_s` long.
    """
    samples = memoryview(pcm.data).cast("h")
    cuts: list[int] = []
    start, last = 0, len(samples) - int(LAST_S * pcm.rate)
    while len(samples) - start > longest_s * pcm.rate:
        earliest = start + int(SHORTEST_S * pcm.rate)
        latest = min(start + int(longest_s * pcm.rate), last)
        start = _quietest(samples, earliest, latest, pcm.rate)
        cuts.append(start)
    return cuts


def _quietest(samples: "memoryview[int]", start: int, end: int, rate: int) -> int:
    """The middle of the quietest stretch between two samples: of `PAUSE_S`, or longer where it is as quiet."""
    frame = max(1, rate // FRAMES_A_SECOND)
    step = max(1, rate // LOOKED_AT_HZ)
    levels = [sum(map(abs, samples[at : at + frame : step])) for at in range(start, end - frame + 1, frame)]
    width = min(len(levels), max(1, int(PAUSE_S * FRAMES_A_SECOND)))
    sums = [0, *accumulate(levels)]
    stretches = [sums[at + width] - sums[at] for at in range(len(levels) - width + 1)]
    first = last = stretches.index(min(stretches))
    while stretches[last + 1 : last + 2] == [stretches[first]]:
        last += 1
    return start + (first + last + width) * frame // 2
