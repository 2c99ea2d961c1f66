"""Sends a sound in a format that needs an encoder while it is still being made.

The media process is asked for the whole file so far whenever the sound is twice as long as the last time, which costs
twice the work of asking once, and needs no encoder that lives from call to call.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Callable

from vivavoce.audio.settled import endless, settled
from vivavoce.core.aside import aside
from vivavoce.core.audio import SAMPLE_BYTES, SPOKEN_RATE, Pcm
from vivavoce.core.errors import EngineFailed
from vivavoce.server.sound import Sounds

FIRST_S = 1.0
"""So much sound is waited for before the first bytes are made."""


async def encoded(sounds: Sounds, pieces: AsyncIterable[bytes], form: str) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of a file in `mp3`, `aac`, `flac` or `opus` of samples at `SPOKEN_RATE`, as they are settled.

    Raises:
        EngineFailed: the encoder did not write the same bytes again.
        PublicError: what the encoder says.
    """
    sound = bytearray()
    sent = b""
    wanted = int(FIRST_S * SPOKEN_RATE) * SAMPLE_BYTES
    async for piece in pieces:
        sound += piece
        if len(sound) >= wanted:
            wanted = 2 * len(sound)
            ready = await _encoded(sounds, sound, form, _settled)
            if len(ready) > len(sent):
                yield _after(sent, ready)
                sent = ready
    yield _after(sent, await _encoded(sounds, sound, form, endless))


async def _encoded(sounds: Sounds, sound: bytearray, form: str, look: Callable[[bytes, str], bytes]) -> bytes:
    """What `look` sees in the file of the sound so far."""
    pcm = Pcm(await aside(len(sound), bytes, sound), SPOKEN_RATE)
    file = await sounds.encode(pcm, form)
    return await aside(len(file), look, file, form)


def _settled(data: bytes, form: str) -> bytes:
    file = endless(data, form)
    return file[: settled(file, form)]


def _after(sent: bytes, file: bytes) -> bytes:
    if not file.startswith(sent):
        raise EngineFailed
    return file[len(sent) :]
