"""A recogniser of sherpa-onnx, streaming or not."""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from vivavoce.audio.samples import Floats, to_floats
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Transcript
from vivavoce.core.listening import quiet_places, shifted
from vivavoce.engines.beside import Give, beside
from vivavoce.engines.sherpa.words import transcript

RATE = 16_000
LONGEST_S = 29.0
"""Its Whisper hears at most 29.5 s in one go."""
BLOCK = RATE // 10
TAIL = RATE // 2
"""Samples of silence after the sound: without them a model that streams keeps the last words to itself."""
SHORTEST = RATE // 2
"""Samples; shorter sound gets silence after it, as a model cannot hear less than one of its frames."""


class Ears:
    """Hears sound of `RATE` Hz."""

    def __init__(self, recogniser: Any, language: str) -> None:
        """`language` is said of what is heard, where the model does not tell."""
        self._recogniser = recogniser
        self._language = language or None

    def hear(self, audio: Pcm, *, words: bool) -> Iterator[Transcript | None]:
        """Yield what is heard: as it grows where the model streams, else stretch by stretch."""
        streams = hasattr(self._recogniser, "is_ready")
        return self._follow(audio, words) if streams else self._pieces(audio, words)

    def _follow(self, audio: Pcm, words: bool) -> Iterator[Transcript | None]:
        """Hear block by block; in between say what has been heard so far."""
        ears, stream, said = self._recogniser, self._recogniser.create_stream(), ""
        samples = np.concatenate([to_floats(audio), np.zeros(TAIL, np.float32)])
        for at in range(0, len(samples), BLOCK):
            stream.accept_waveform(RATE, samples[at : at + BLOCK])
            if at + BLOCK >= len(samples):
                stream.input_finished()
            while ears.is_ready(stream):
                ears.decode_stream(stream)
                yield None
            found = transcript(
                ears.get_result_all(stream),
                min(audio.seconds, (at + BLOCK) / RATE),
                final=False,
                language=self._language,
            )
            yield found if found.text not in {"", said} else None
            said = found.text
        yield transcript(ears.get_result_all(stream), audio.seconds, words=words, language=self._language)

    def _pieces(self, audio: Pcm, words: bool) -> Iterator[Transcript | None]:
        """Hear stretches that any model can take."""
        samples = to_floats(audio)
        for start, end in pairwise([0, *quiet_places(audio, LONGEST_S), len(samples)]):
            piece = np.pad(samples[start:end], (0, max(0, SHORTEST - (end - start))))
            for result in beside(partial(self._decode, piece), "sherpa"):
                if result is None:
                    yield None
                else:
                    found = transcript(result, (end - start) / RATE, words=words, language=self._language)
                    yield shifted(found, start / RATE)

    def _decode(self, samples: Floats, give: Give[Any]) -> None:
        stream = self._recogniser.create_stream()
        stream.accept_waveform(RATE, samples)
        self._recogniser.decode_stream(stream)
        give(stream.result)
