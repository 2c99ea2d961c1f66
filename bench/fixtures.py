"""Makes the recordings of the tests and of `vivavoce conform`: `python bench/fixtures.py`."""

import wave
from pathlib import Path

import av
import numpy as np

from vivavoce.audio.resample import resample
from vivavoce.core.audio import Pcm, join
from vivavoce.core.engines import Utterance
from vivavoce.engines.flite import Flite

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests" / "fixtures"
ENCLOSED = ROOT / "src" / "vivavoce" / "conform" / "recordings"
"""Comes with the package, so it is small."""
SAID = {"question": "what is the capital of france"}


def save_wav(path: Path, pcm: Pcm) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, pcm.rate, pcm.samples, "NONE", ""))
        file.writeframes(pcm.data)


def save_mp3(path: Path, pcm: Pcm, bits: int) -> None:
    with av.open(str(path), "w", "mp3") as file:
        stream = file.add_stream("libmp3lame", rate=pcm.rate, layout="mono", bit_rate=bits)
        frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm.data, "<i2").reshape(1, -1), "s16", "mono")
        frame.rate = pcm.rate
        straight = av.AudioResampler("s16p", "mono", pcm.rate, frame_size=576)
        for piece in [*straight.resample(frame), *straight.resample(None)]:
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))


def main() -> None:
    flite = Flite()
    for name, text in SAID.items():
        pcm = join([chunk for chunk in flite.synthesize(Utterance(text, "rms")) if chunk], 16_000)
        save_wav(TESTS / f"{name}.wav", pcm)
        save_mp3(TESTS / f"{name}.mp3", pcm, 64_000)
        enclose(name, pcm)


def enclose(name: str, pcm: Pcm) -> None:
    save_wav(ENCLOSED / f"{name}.wav", resample(pcm, 8_000))
    save_mp3(ENCLOSED / f"{name}.mp3", pcm, 32_000)


if __name__ == "__main__":
    main()
