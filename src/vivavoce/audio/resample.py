"""Changes the rate of sound, whole or piece by piece without clicks between the pieces."""

import numpy as np
import soxr

from vivavoce.core.audio import Pcm

SEED = 1
"""Any will do."""


class Resampler:
    """Changes the rate of one stream of 16-bit mono samples.

    In all, `round(samples * to_rate / from_rate)` samples come out, give or take one; a few milliseconds late. The same
    sound in the same pieces gives the same samples, for what is heard in a recording may hang on a bit. soxr's own
    dither is another each time, so it is given fractions, and these are dithered here: a dead silence misleads ears.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        """Both rates in Hz.

        Raises:
            ValueError: a rate is not positive.
        """
        if from_rate <= 0 or to_rate <= 0:
            raise ValueError("rates are positive")
        same = from_rate == to_rate
        self._noise = np.random.default_rng(SEED)
        self._stream = None if same else soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32")

    def feed(self, data: bytes) -> bytes:
        """Take the next samples; give those that are ready, perhaps none.

        Raises:
            ValueError: `data` is not a whole number of samples.
        """
        return self._turn(data, last=False)

    def end(self) -> bytes:
        """Give the samples that were held back. Nothing can be fed afterwards."""
        return self._turn(b"", last=True)

    def _turn(self, data: bytes, *, last: bool) -> bytes:
        if self._stream is None:
            return data
        samples = self._stream.resample_chunk(np.frombuffer(data, "<i2").astype(np.float32), last=last)
        one, other = self._noise.random((samples.size, 2), np.float32).T
        return np.rint(np.clip(samples + one - other, -32_768, 32_767)).astype("<i2").tobytes()


def resample(pcm: Pcm, rate: int) -> Pcm:
    """Give the same sound at `rate` Hz: `round(samples * rate / pcm.rate)` samples, give or take one.

    Raises:
        ValueError: a rate is not positive.
    """
    if pcm.rate == rate:
        return pcm
    resampler = Resampler(pcm.rate, rate)
    return Pcm(resampler.feed(pcm.data) + resampler.end(), rate)
