"""The one audio value: mono, 16-bit little-endian samples at a known rate."""

from dataclasses import dataclass
from typing import Self

SAMPLE_BYTES = 2
ROUNDING_SLACK = 1e-6

SPOKEN_RATE = 24_000
"""Samples a second of everything that is said, whichever engine says it."""

QUIET = 200
"""A sample no louder than this is between words, not in one: -44 dB."""

FRAME_SAMPLES = SPOKEN_RATE // 20
"""Samples of one token of spoken audio: 50 ms."""


@dataclass(frozen=True, slots=True)
class Pcm:
    """Mono 16-bit little-endian samples. `len(data)` is always even."""

    data: bytes
    rate: int
    """Samples per second, Hz."""

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return len(self.data) // SAMPLE_BYTES

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.samples / self.rate

    def until(self, seconds: float) -> Self:
        """The part before `seconds`, on a whole sample."""
        samples = int(seconds * self.rate + ROUNDING_SLACK)
        return type(self)(self.data[: max(samples, 0) * SAMPLE_BYTES], self.rate)


def join(pieces: list[Pcm], rate: int) -> Pcm:
    """Put pieces of one rate end to end.

    Raises:
        ValueError: a piece has another rate than `rate`.
    """
    if any(piece.rate != rate for piece in pieces):
        raise ValueError("pieces of different rates cannot be joined")
    return Pcm(b"".join(piece.data for piece in pieces), rate)
