"""What another server answers, read as it comes and never without a bound."""

from collections.abc import AsyncGenerator, AsyncIterator

from vivavoce.core.errors import EngineFailed

EVENT_BYTES = 64 * 1024 * 1024
"""Most of one event: a quarter of an hour of sound in base64."""
ANSWER_BYTES = 256 * 1024 * 1024
"""Most of an answer in one piece."""


async def lines(pieces: AsyncIterator[bytes]) -> AsyncGenerator[str, None]:
    """Each line, without its end. Only a line feed ends one: text in an event may hold every other separator.

    Raises:
        EngineFailed: a line is over `EVENT_BYTES`.
        UnicodeDecodeError: it is no text.
    """
    waiting: list[bytes] = []
    size = 0
    async for piece in pieces:
        *ended, rest = piece.split(b"\n")
        for line in ended:
            yield b"".join([*waiting, line]).removesuffix(b"\r").decode()
            waiting, size = [], 0
        waiting.append(rest)
        size += len(rest)
        if size > EVENT_BYTES:
            raise _endless()
    if last := b"".join(waiting):
        yield last.decode()


async def whole(pieces: AsyncIterator[bytes]) -> bytes:
    """All of it.

    Raises:
        EngineFailed: it is over `ANSWER_BYTES`.
    """
    came: list[bytes] = []
    size = 0
    async for piece in pieces:
        came.append(piece)
        size += len(piece)
        if size > ANSWER_BYTES:
            raise _endless()
    return b"".join(came)


def _endless() -> EngineFailed:
    return EngineFailed("The model behind this server answered without an end.")
