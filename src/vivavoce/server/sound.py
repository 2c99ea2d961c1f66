"""Bytes of any format to sound and back: the plain ones here, the others in the media process."""

from dataclasses import dataclass
from typing import Any, Protocol

from vivavoce.audio.limits import MIN_SECONDS, Limits, too_long, too_short
from vivavoce.audio.wav import read_wav, write_wav
from vivavoce.core.aside import aside
from vivavoce.core.audio import SPOKEN_RATE, Pcm

DECODED_BYTES = 256 * 1024 * 1024
HEARD_RATE = 16_000
"""Hz; what recognisers want of anything we have to decode."""
ENCODE_WAIT_S = 30.0
"""An answer that has been made waits this long for its format, rather than be thrown away."""


class Media(Protocol):
    """The media process."""

    async def call(self, method: str, *arguments: Any, wait_s: float | None = None) -> Any:
        """Call `decode` or `encode` there."""
        ...


@dataclass(frozen=True, slots=True)
class Sounds:
    """Reads and writes sound."""

    media: Media
    seconds: float = 600
    """Longest recording taken."""

    async def warm(self) -> None:
        """Have the media process write a sound and read it again: its codecs are loaded before anybody waits for them.

        Raises:
            PublicError: it cannot.
        """
        await self.decode(await self.encode(Pcm(bytes(SPOKEN_RATE), SPOKEN_RATE), "mp3"))

    async def decode(self, data: bytes) -> Pcm:
        """The sound in a file's bytes.

        Raises:
            BadAudio: it is not a sound we can read.
            BadRequest: too short or too long.
        """
        limits = Limits(self.seconds, DECODED_BYTES)
        plain = await aside(len(data), read_wav, data)
        if plain is None:
            return await self.media.call("decode", data, limits, HEARD_RATE)
        if plain.seconds < MIN_SECONDS:
            raise too_short()
        if plain.seconds > limits.seconds:
            raise too_long(limits)
        return plain

    async def encode(self, pcm: Pcm, form: str) -> bytes:
        """The bytes of a file in one of the formats of `wire.request.Format`."""
        if form == "pcm16":
            return pcm.data
        if form == "wav":
            return await aside(len(pcm.data), write_wav, pcm)
        return await self.media.call("encode", pcm, form, wait_s=ENCODE_WAIT_S)
