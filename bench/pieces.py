"""What cutting a reply into pieces costs whoever hears it: `python bench/pieces.py [espeak] [flite]`.

The replies of `bench/paced/replies.txt` are said by the embedded voices in one go, in whole sentences, and as they are
said live: thought at 30 ms a token, by a voice that takes 0.03, 0.3 and 0.7 s for a second of sound; and the same where
nothing less than a clause is a piece. PocketSphinx hears all of them, with its own narrow beams: in a third of the
time of those we ship. Then the silence where pieces meet, beside the pauses that the voice makes in one go (medians and
the longest), how long the first sound took, and the gaps that a player would have heard. The clock jumps, so a row is
the same on every machine.

`--voice NAME` asks for another voice than alloy, `--without-ear` leaves the word error rates out.
"""

import argparse
import asyncio
import statistics
import sys
from array import array
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[1]))

from paced import COSTS, TOKEN_MS, gaps, replies
from tests.support.jumping import timed
from vivavoce.audio.resample import resample
from vivavoce.core.audio import QUIET, SPOKEN_RATE, Pcm, join
from vivavoce.core.engines import Hearing, Speaking, Utterance
from vivavoce.core.places import Cut
from vivavoce.core.speaking import Phrased
from vivavoce.core.turn import Stream
from vivavoce.engines.espeak import Espeak
from vivavoce.engines.flite import Flite
from vivavoce.engines.pocketsphinx import PocketSphinx
from vivavoce.testing.scripted import tokens
from vivavoce.testing.wer import wer

ENGINES = {"espeak": Espeak, "flite": Flite}
NARROW = PocketSphinx.Options(beam=1e-48, word_beam=7e-29, flat_beam=1e-64, flat_word_beam=7e-29)
PAUSE_S = 0.04
"""Silence shorter than this is inside a word."""
CLAUSES = {"_WORTH": {Cut.CLAUSE: (3, 15)}, "_LEAST": {Cut.CLAUSE: (2, 8)}}
KINDS = {"sentence": ".!?", "clause": ",;:", "phrase": ""}


class Way(NamedTuple):
    """How a reply is said."""

    name: str
    cost: float = 0.0
    live: bool = True
    clauses: bool = False


WAYS = (
    Way("in sentences", live=False),
    *(Way(f"live, voice at {cost}", cost) for cost in COSTS),
    *(Way(f"live, only clauses, voice at {cost}", cost, clauses=True) for cost in COSTS),
)


class Said(NamedTuple):
    """The sound of a reply, how many pieces it was said in, and the silence where two meet, by what they meet at."""

    sound: Pcm
    pieces: int
    meet: dict[str, list[float]]
    first_s: float | None = None
    gap_s: float = 0.0


class Voice:
    """An embedded voice that takes a given time; it gives a piece at once."""

    def __init__(self, engine: Espeak | Flite) -> None:
        self._engine = engine
        self.cost = 0.0

    async def synthesize(self, say: Utterance) -> Stream[Pcm]:
        """Yield the sound of one piece."""
        pcm = self.sound(say)
        await asyncio.sleep(pcm.seconds * self.cost)
        yield pcm

    @cache  # noqa: B019  # it lives as long as the program
    def sound(self, say: Utterance) -> Pcm:
        """The same, without waiting."""
        chunks = [chunk for chunk in self._engine.synthesize(say) if chunk]
        return resample(join(chunks, chunks[0].rate), SPOKEN_RATE)


async def said(text: str, voice: Voice, name: str, way: Way) -> Said:
    """A reply, said so."""

    async def thought() -> AsyncIterator[str]:
        for token in tokens(text):
            await asyncio.sleep(TOKEN_MS / 1000)
            yield token

    voice.cost = way.cost
    sound, ends, arrivals, now = b"", dict[int, int](), list[tuple[float, float]](), asyncio.get_running_loop().time
    with patch.multiple("vivavoce.core.phrases", **CLAUSES) if way.clauses else nullcontext():
        phrased = Phrased(voice, "en", clock=now)
        async for delta in phrased.speak(thought(), Speaking(name, live=way.live)):
            sound += delta.pcm.data
            if delta.pcm.samples:
                arrivals.append((now(), delta.pcm.seconds))
            if not delta.pcm.samples and delta.text_end not in ends:
                ends[delta.text_end] = len(sound)
    meet = defaultdict[str, list[float]](list)
    for text_end, end in [*ends.items()][:-1]:
        kind = next(kind for kind, marks in KINDS.items() if text[text_end - 1] in marks or not marks)
        meet[kind].append(silence_s(sound[end:]))
    return Said(Pcm(sound, SPOKEN_RATE), len(ends), meet, arrivals[0][0], gaps(arrivals)[1])


def silence_s(sound: bytes) -> float:
    """How long the silence is that a sound begins with."""
    samples = array("h", sound)
    return next((at for at, sample in enumerate(samples) if abs(sample) > QUIET), len(samples)) / SPOKEN_RATE


def pauses(text: str, sound: Pcm) -> dict[str, list[float]]:
    """The pauses of a text said in one go: the longest ones are those between its sentences."""
    found, began = list[float](), None
    for at, sample in enumerate(array("h", sound.data)):
        if abs(sample) > QUIET:
            if began is not None and at - began > PAUSE_S * SPOKEN_RATE:
                found.append((at - began) / SPOKEN_RATE)
            began = at
    found.sort(reverse=True)
    sentences = sum(text.count(mark) for mark in (". ", "! ", "? "))
    return {"sentence": found[:sentences], "clause": found[sentences : sentences + text.count(", ")]}


def row(name: str, found: Sequence[Said], error: str) -> None:
    """One way's line: medians and the longest."""
    columns = [name, error, f"{statistics.mean(each.pieces for each in found):.1f}"]
    for kind in KINDS:
        ms = [1000 * silence for each in found for silence in each.meet.get(kind, [])]
        columns.append(f"{statistics.median(ms):.0f}, {max(ms):.0f} ms" if ms else "")
    first = [1000 * each.first_s for each in found if each.first_s is not None]
    columns += (
        [f"{statistics.median(first):.0f} ms", f"{sum(each.gap_s for each in found):.2f} s"] if first else ["", ""]
    )
    print(f"| {' | '.join(columns)} |", flush=True)


def heard(ears: PocketSphinx, sound: Pcm) -> str:
    """What the recogniser makes of it."""
    found = ears.transcribe(resample(sound, ears.hears_at), Hearing())
    return " ".join(transcript.text for transcript in found if transcript)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("engines", nargs="*", default=[*ENGINES])
    parser.add_argument("--voice", default="alloy")
    parser.add_argument("--without-ear", action="store_true")
    asked = parser.parse_args()
    texts = [reply.text for reply in replies()]
    ears = None if asked.without_ear else PocketSphinx(NARROW)

    def error(found: Sequence[Said]) -> str:
        pairs = [(text, heard(ears, each.sound)) for text, each in zip(texts, found, strict=True)] if ears else []
        return f"{wer(pairs):.3f}" if pairs else ""

    for name in asked.engines:
        voice = Voice(ENGINES[name]())
        print(f"\n| {name} | misheard | pieces | after a sentence | a clause | a phrase | first | gaps |")
        print("|---|---|---|---|---|---|---|---|")
        sounds = {text: voice.sound(Utterance(text, asked.voice)) for text in texts}
        whole = [Said(sound, 1, pauses(text, sound)) for text, sound in sounds.items()]
        row("in one go", whole, error(whole))
        for way in WAYS:
            found = [timed(said(text, voice, asked.voice, way)) for text in texts]
            row(way.name, found, error(found))


if __name__ == "__main__":
    main()
