"""Prints what PocketSphinx mishears of real speech, and how long it takes: as it comes, and as we ship it.

Then of all of it joined to a recording of more than a minute, clean and with noise under it: heard whole, and cut into
pieces as long recordings are.

    python bench/hearing.py [folder]

The folder has recordings and a README.md with a table of `| file | … | words | … |`; ../shared/audio by default.
"""

import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from pocketsphinx import Decoder  # pyright: ignore[reportUnknownVariableType]  # it has no types

from vivavoce.audio.resample import resample
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Hearing
from vivavoce.core.listening import quiet_places
from vivavoce.engines.pocketsphinx import PocketSphinx
from vivavoce.testing.wer import distance, wer, words

Ears = Callable[[Pcm], str]
TIMES = 4


def recordings(folder: Path) -> list[tuple[str, str, Pcm]]:
    """Name, words and sound of each row of the folder's table."""
    rows = [line.split("|") for line in (folder / "README.md").read_text().splitlines() if line.startswith("|")][2:]
    return [(row[1].strip(), row[3].strip(), decode(folder / row[1].strip())) for row in rows]


def decode(path: Path) -> Pcm:
    """Read any recording, at the recogniser's rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        straight = av.AudioResampler("s16", "mono", stream.rate)
        frames = [out for frame in container.decode(stream) for out in straight.resample(frame)]
        data = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype("<i2").tobytes()
        return resample(Pcm(data, stream.rate), PocketSphinx.hears_at)


def bare() -> Ears:
    """Give the wheel's own decoder, fed block by block as its examples do."""
    decoder = Decoder(loglevel="FATAL")

    def hear(pcm: Pcm) -> str:
        decoder.start_utt()
        for at in range(0, len(pcm.data), 3200):
            decoder.process_raw(pcm.data[at : at + 3200])
        decoder.end_utt()
        found = decoder.hyp()
        return found.hypstr if found else ""

    return hear


def shipped() -> Ears:
    """Give the engine with its own settings."""
    engine = PocketSphinx()

    def hear(pcm: Pcm) -> str:
        return " ".join(each.text for each in engine.transcribe(pcm, Hearing()) if each)

    return hear


def long(speech: list[tuple[str, str, Pcm]], noise: float) -> tuple[str, Pcm]:
    """The words and the sound of everything, over and over, with white noise of so much of the speech's level."""
    samples = np.concatenate([np.frombuffer(pcm.data, "<i2") for _, _, pcm in speech] * TIMES).astype(np.float64)
    level = np.sqrt(np.mean(samples**2))
    samples += np.random.default_rng(7).normal(0, noise * level, samples.size)
    data = samples.clip(-32768, 32767).astype("<i2").tobytes()
    return " ".join([said for _, said, _ in speech] * TIMES), Pcm(data, PocketSphinx.hears_at)


def in_pieces(ears: Ears, pcm: Pcm) -> tuple[str, int]:
    """What is heard of the pieces that `core.listening` cuts, and how many they are."""
    edges = [0, *quiet_places(pcm), pcm.samples]
    pieces = [Pcm(pcm.data[2 * start : 2 * end], pcm.rate) for start, end in pairwise(edges)]
    return " ".join(map(ears, pieces)), len(pieces)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared" / "audio"
    speech = recordings(folder)
    seconds = sum(pcm.seconds for _, _, pcm in speech)
    for name, ears in (("bare", bare()), ("shipped", shipped())):
        start = time.process_time()
        pairs = [(said, ears(pcm)) for _, said, pcm in speech]
        took = time.process_time() - start
        print(f"{name}: WER {wer(pairs):.3f}, real-time factor {took / seconds:.2f}")
        for (file, _, _), (said, heard) in zip(speech, pairs, strict=True):
            print(f"  {file}: {distance(words(said), words(heard))} of {len(words(said))}: {heard}")
    ears = shipped()
    for noise in (0.0, 0.05):
        said, pcm = long(speech, noise)
        heard, pieces = in_pieces(ears, pcm)
        whole = wer([(said, ears(pcm))])
        cut = wer([(said, heard)])
        print(f"{pcm.seconds:.0f} s, noise {noise}: WER {whole:.3f} whole, {cut:.3f} in {pieces} pieces")


if __name__ == "__main__":
    main()
