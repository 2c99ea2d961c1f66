"""A voice of sherpa-onnx."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.audio.samples import Floats, from_floats, to_floats
from vivavoce.audio.wav import read_wav
from vivavoce.core.audio import Pcm
from vivavoce.engines.beside import Give, beside
from vivavoce.engines.hushed import hushed
from vivavoce.engines.sherpa.models import Unclear

UNSAYABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")


class Voice:
    """Says text with one of its speakers."""

    def __init__(self, sherpa: Any, voice: Any, reference: str, reference_text: str) -> None:
        """`reference` is a WAV file to sound like, or empty.

        Raises:
            Unclear: it is no plain WAV file.
        """
        self._sherpa, self._voice = sherpa, voice
        self._reference: Pcm | None = None
        self._reference_text = reference_text
        self.speakers = max(1, int(voice.num_speakers))
        """How many there are, numbered from 0 on."""
        if reference:
            self._reference = read_wav(Path(reference).expanduser().read_bytes())
            if self._reference is None:
                raise Unclear(f"{reference}: not a WAV file of 16 bits and one channel")

    def say(self, text: str, speaker: int, speed: float) -> Iterator[Pcm | None]:
        """Yield the sound as it is made."""
        text = UNSAYABLE.sub(" ", text)
        if any(map(str.isalnum, text)):
            yield from beside(partial(self._say, text, speaker, speed), "sherpa")

    def _say(self, text: str, speaker: int, speed: float, give: Give[Pcm]) -> None:
        settings = self._sherpa.GenerationConfig()
        settings.sid, settings.speed = speaker, speed
        if self._reference:
            settings.reference_audio, settings.reference_sample_rate = to_floats(self._reference), self._reference.rate
            settings.reference_text = self._reference_text
        taken = False

        def take(samples: Floats, _progress: float) -> int:
            nonlocal taken
            taken = True
            return int(give(from_floats(samples, self._voice.sample_rate)))

        with hushed():  # it prints what it cannot say
            whole = self._voice.generate(text, settings, take)
        if not taken and len(whole.samples):
            give(from_floats(np.array(whole.samples, np.float32), whole.sample_rate))
