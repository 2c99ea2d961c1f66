import numpy as np

from vivavoce.audio.samples import from_floats, to_floats
from vivavoce.core.audio import Pcm


def test_there_and_back_is_the_same_sound() -> None:
    pcm = Pcm(np.array([0, 1, -1, 32767, -32768], "<i2").tobytes(), 16_000)
    floats = to_floats(pcm)
    assert floats.dtype == np.float32
    assert float(np.abs(floats).max()) == 1.0
    assert from_floats(floats, 16_000) == pcm


def test_what_is_too_loud_or_no_number_is_brought_into_range() -> None:
    loud = np.array([2.0, -2.0, np.nan, np.inf], np.float32)
    assert np.frombuffer(from_floats(loud, 8_000).data, "<i2").tolist() == [32767, -32768, 0, 32767]
