"""Prints what PocketSphinx mishears of each Flite voice, and its median pitch: the table in docs/voices.md.

python bench/voices.py [voice …]
"""

import itertools
import sys

import numpy as np
import numpy.typing as npt

from vivavoce.audio.resample import resample
from vivavoce.core.audio import Pcm, join
from vivavoce.core.engines import Hearing, Utterance
from vivavoce.engines.flite import VOICES, Flite
from vivavoce.engines.pocketsphinx import PocketSphinx
from vivavoce.testing.wer import wer

SENTENCES = (
    "What is the capital of France?",
    "The train to the city leaves at seven in the morning.",
    "Please turn off the lights when you leave the room.",
    "She bought a new house near the river last summer.",
    "We need more time to finish the work before Friday.",
    "The weather will be cold and cloudy for the rest of the week.",
    "My brother wants to study history at the university.",
    "Can you tell me where the nearest hospital is?",
    "The children played in the garden until it was dark.",
    "He opened the window because the room was too warm.",
    "There are twelve students waiting in the hall.",
    "I would like a cup of coffee and a piece of cake.",
    "The doctor said that you should drink more water.",
    "Our meeting has been moved to the second of October.",
    "They walked along the beach and talked about the future.",
    "This computer can answer questions in a human voice.",
    "Every morning she reads the newspaper before breakfast.",
    "The bridge across the bay is closed for repairs.",
    "How many people live in the state of California?",
    "Thank you very much for your help with this problem.",
)
MAX_WER = 0.10
MIN_PITCH_STEP = 1.08


def say(engine: Flite, text: str, voice: str) -> Pcm:
    """One sentence, whole."""
    chunks = [chunk for chunk in engine.synthesize(Utterance(text, voice)) if chunk]
    return join(chunks, chunks[0].rate)


def hear(engine: PocketSphinx, pcm: Pcm) -> str:
    """What the recogniser makes of it."""
    heard = engine.transcribe(resample(pcm, engine.hears_at), Hearing())
    return " ".join(transcript.text for transcript in heard if transcript)


def pitches(pcm: Pcm) -> npt.NDArray[np.float64]:
    """Hz of each voiced 40 ms frame, by normalised autocorrelation between 60 and 400 Hz."""
    samples = np.frombuffer(pcm.data, "<i2").astype(np.float64)
    size, shortest, longest = int(0.04 * pcm.rate), pcm.rate // 400, pcm.rate // 60
    loud = np.abs(samples).max() * 0.1
    found: list[float] = []
    for start in range(0, len(samples) - size - longest, size // 4):
        frame = samples[start : start + size]
        if np.abs(frame).max() < loud:
            continue
        match = np.empty(longest + 1)
        for lag in range(shortest, longest + 1):
            other = samples[start + lag : start + lag + size]
            match[lag] = frame @ other / (np.sqrt((frame @ frame) * (other @ other)) + 1e-9)
        match[:shortest] = -1
        best = match.max()
        if best < 0.7:
            continue
        # The shortest lag nearly as good as the best, or an octave below would win half the time.
        peaks = [
            lag
            for lag in range(shortest + 1, longest)
            if match[lag] >= max(match[lag - 1], match[lag + 1]) and match[lag] > 0.9 * best
        ]
        if peaks:
            found.append(pcm.rate / peaks[0])
    return np.array(found)


def measure(flite: Flite, ears: PocketSphinx, voice: str) -> tuple[float, float]:
    """Word error rate and median pitch in Hz."""
    said = [(text, say(flite, text, voice)) for text in SENTENCES]
    pitch = float(np.median(np.concatenate([pitches(pcm) for _, pcm in said])))
    return wer([(text, hear(ears, pcm)) for text, pcm in said]), pitch


def main() -> int:
    flite, ears = Flite(), PocketSphinx()
    bad = False
    figures: dict[str, float] = {}
    print("| voice | base | pitch | rate | WER | median pitch, Hz |")
    print("|---|---|---|---|---|---|")
    for name in sys.argv[1:] or VOICES:
        voice = VOICES[name]
        error, figures[name] = measure(flite, ears, name)
        bad |= error > MAX_WER
        print(
            f"| {name} | {voice.base} | {voice.pitch:.2f} | {voice.rate:.2f} | {error:.3f} | {figures[name]:.0f} |",
            flush=True,
        )
    openai = [name for name in figures if name != VOICES[name].base]
    for one, other in itertools.combinations(openai, 2):
        low, high = sorted((figures[one], figures[other]))
        if VOICES[one].base == VOICES[other].base and high / low < MIN_PITCH_STEP:
            bad = True
            print(f"{one} and {other} are {100 * (high / low - 1):.0f} % apart: too alike")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
