"""The media process: reads and writes every sound format but plain WAV, where strangers' bytes can do no harm."""

from collections.abc import Iterator

import msgspec

from vivavoce.audio.decode import decode
from vivavoce.audio.encode import encode
from vivavoce.audio.limits import Limits
from vivavoce.audio.memory import confine
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Card

AT_ONCE = 3
"""Calls side by side: a long recording does not hold up the short ones behind it."""


class Media:
    """A local engine (see `engines.local`) without a role among models."""

    class Options(msgspec.Struct, forbid_unknown_fields=True):
        """What an operator may set."""

        memory_mb: int = 2048
        """By how much the process may grow; 0: no bound."""

    def __init__(self, options: Options) -> None:
        confine(options.memory_mb << 20)

    def card(self) -> Card:
        """Say what it is."""
        return Card(name="PyAV", roles=(), parallel=AT_ONCE)

    def decode(self, data: bytes, limits: Limits, rate: int) -> Iterator[Pcm | None]:
        """Decode any sound file to mono samples at `rate` Hz (0: its own); see `audio.decode.decode`."""
        return decode(data, limits, rate)

    def encode(self, pcm: Pcm, format: str) -> Iterator[bytes | None]:  # noqa: A002 - the word of the API
        """Encode as `mp3`, `flac`, `opus` or `aac`; see `audio.encode.encode`."""
        return encode(pcm, format)
