"""Samples as the libraries of speech want them, floats from -1 to 1, and back."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vivavoce.core.audio import Pcm

Floats: TypeAlias = npt.NDArray[np.float32]

FULL_SCALE = 32768


def to_floats(pcm: Pcm) -> Floats:
    """Every sample as a float."""
    return np.frombuffer(pcm.data, "<i2").astype(np.float32) / np.float32(FULL_SCALE)


def from_floats(samples: Floats, rate: int) -> Pcm:
    """Floats as sound of `rate` Hz; what is louder than 16 bits can say is clipped."""
    scaled = np.rint(np.nan_to_num(np.clip(samples, -1, 1)) * FULL_SCALE)
    return Pcm(np.minimum(scaled, FULL_SCALE - 1).astype("<i2").tobytes(), rate)
