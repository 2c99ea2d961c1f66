"""Brings the frames of any decoder to one mono 16-bit stream at one rate, counting as it goes."""

from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from vivavoce.audio.limits import Limits, check_shape, too_long
from vivavoce.audio.resample import Resampler
from vivavoce.core.audio import Pcm

_BATCH_SAMPLES = 16_384
"""Frames are mixed this many samples at a time: a frame of Opus is too short to be worth a call of numpy's."""


class Mix:
    """What has been decoded so far."""

    def __init__(self, limits: Limits, rate: int) -> None:
        """`rate` of the result, Hz; 0: as the first frame has it."""
        self.seconds = 0.0
        self.decoded_bytes = 0
        self._limits = limits
        self._rate = rate
        self._shape = (0, 0, "")
        self._batch: list[NDArray[Any]] = []
        self._batched = 0
        self._resampler: Resampler | None = None
        self._out: list[bytes] = []

    @property
    def most_seconds(self) -> float:
        """How long the sound may be, if what is to come has as many bytes a second as what has come."""
        return min(self._limits.seconds, self._limits.decoded_bytes * self.seconds / max(1, self.decoded_bytes))

    def add(self, frame: AudioFrame) -> None:
        """Take the next frame; frames may change their shape on the way.

        Raises:
            BadAudio: a forged rate or number of channels.
            BadRequest: `audio_too_long`.
        """
        form = frame.format
        shape = (frame.sample_rate, len(frame.layout.channels), form.name)
        if shape != self._shape:
            self._start(shape)
        rate, channels, _ = shape
        self.seconds += frame.samples / rate
        self.decoded_bytes += frame.samples * channels * form.bytes
        if self.seconds > self._limits.seconds or self.decoded_bytes > self._limits.decoded_bytes:
            raise too_long(self._limits)
        block = frame.to_ndarray()
        self._batch.append(block if form.is_planar else block.reshape(-1, channels).T)
        self._batched += frame.samples
        if self._batched >= _BATCH_SAMPLES:
            self._flush()

    def end(self) -> Pcm:
        """Give the whole sound."""
        self._finish()
        return Pcm(b"".join(self._out), self._rate)

    def _start(self, shape: tuple[int, int, str]) -> None:
        rate, channels, _ = shape
        check_shape(rate, channels)
        self._finish()
        self._shape = shape
        self._rate = self._rate or rate
        self._resampler = Resampler(rate, self._rate)

    def _flush(self) -> None:
        if self._resampler and self._batch:
            samples = to_mono(np.concatenate(self._batch, axis=1))
            self._out.append(self._resampler.feed(samples.tobytes()))
        self._batch.clear()
        self._batched = 0

    def _finish(self) -> None:
        self._flush()
        if self._resampler:
            self._out.append(self._resampler.end())


def to_mono(block: NDArray[Any]) -> NDArray[np.int16]:
    """Mix the rows of `block` (channels x samples, any sample type) into one row, the mean; NaN becomes silence."""
    if block.dtype == np.int16 and len(block) == 1:
        return block[0].astype("<i2")
    total = np.zeros(block.shape[1], np.result_type(block.dtype, np.float32))
    for row in block:  # one by one: numpy's own mean is ten times slower where the channels of a sample lie together
        total += _level(row)
    return np.rint(total * (32768 / len(block))).clip(-32768, 32767).astype("<i2")


def _level(row: NDArray[Any]) -> NDArray[Any]:
    """Samples of any type as numbers from -1 to 1."""
    if row.dtype == np.uint8:
        return (row.astype(np.float32) - 128) / 128
    if row.dtype.kind == "i":
        return row / np.float32(-float(np.iinfo(row.dtype).min))
    return np.nan_to_num(row, nan=0.0).clip(-1, 1)
