"""How much sound one call may bring; standard library only, so that the server can say it to the media process."""

from dataclasses import dataclass

from vivavoce.core.errors import BadAudio, BadRequest

MIN_SECONDS = 0.1
"""Less than this is no speech."""

MAX_RATE = 384_000
"""Hz. Above it a header is forged or the sound is not for ears."""

MAX_CHANNELS = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that is decoded of one file, whatever its header says. Each holds by itself."""

    seconds: float
    decoded_bytes: int
    """Bytes of decoded samples as the codec gives them: all channels, at the source's rate and width."""


def check_shape(rate: int, channels: int) -> None:
    """Refuse what no recording has, before anything is reserved for it.

    Raises:
        BadAudio: `rate` (Hz) is outside 1 to 384000, or `channels` outside 1 to 8.
    """
    if not (1 <= rate <= MAX_RATE and 1 <= channels <= MAX_CHANNELS):
        raise BadAudio


def too_long(limits: Limits) -> BadRequest:
    """Say that a sound is over its limits."""
    return BadRequest(
        f"Audio is too long. The most this server takes is {limits.seconds:g} seconds.",
        param="messages",
        code="audio_too_long",
    )


def too_short() -> BadRequest:
    """Say that there is not enough sound to hear anything."""
    return BadRequest(
        f"Audio file is too short. Minimum audio length is {MIN_SECONDS:g} seconds.",
        param="messages",
        code="audio_too_short",
    )
