"""Sound as other servers send it beside words: bare samples or a WAV file in each piece of base64."""

import binascii
from base64 import b64decode
from typing import TYPE_CHECKING

from vivavoce.audio.wav import read_wav
from vivavoce.core.audio import SAMPLE_BYTES, SPOKEN_RATE, Pcm
from vivavoce.core.errors import EngineFailed

if TYPE_CHECKING:
    from vivavoce.audio.resample import Resampler


class Sound:
    """Sound in pieces of base64, each decoded by itself; half a sample waits for the next."""

    def __init__(self) -> None:
        self._rest = b""
        self._resampler: Resampler | None = None

    def read(self, data: str) -> Pcm:
        """The samples of a piece, and what waited for it.

        Raises:
            EngineFailed: it is no sound.
        """
        try:
            found = b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            raise unreadable() from None
        if found.startswith(b"RIFF"):
            pcm = read_wav(found)
            if pcm is None:
                raise unreadable()
            return self._at_spoken_rate(pcm)
        found = self._rest + found
        whole = len(found) - len(found) % SAMPLE_BYTES
        self._rest = found[whole:]
        return Pcm(found[:whole], SPOKEN_RATE)

    def end(self) -> Pcm:
        """What waited for more."""
        return Pcm(self._resampler.end() if self._resampler else b"", SPOKEN_RATE)

    def _at_spoken_rate(self, pcm: Pcm) -> Pcm:
        """`pcm`, but for what waits to be joined to the next: all pieces of one answer have one rate."""
        if self._resampler is None and pcm.rate != SPOKEN_RATE:
            from vivavoce.audio.resample import Resampler  # noqa: PLC0415 - a native library few servers need

            self._resampler = Resampler(pcm.rate, SPOKEN_RATE)
        return Pcm(self._resampler.feed(pcm.data), SPOKEN_RATE) if self._resampler else pcm


def unreadable() -> EngineFailed:
    """The error for sound that is none, or of another kind than was asked for."""
    return EngineFailed("The model behind this server sent sound that cannot be read.")
