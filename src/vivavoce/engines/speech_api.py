"""The speech API of another server: what it is asked, and the samples it answers with."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from vivavoce.audio.sniff import sniff
from vivavoce.core.audio import SAMPLE_BYTES, SPOKEN_RATE, Pcm
from vivavoce.core.engines import Utterance
from vivavoce.engines.bodies import Answer
from vivavoce.engines.sounding import unreadable

PATH = "/audio/speech"
FILES = ("wav", "flac", "ogg", "mp4", "webm")
"""What is not samples alone; MP3 can only be told from them when there is more of it."""


def request(say: Utterance) -> dict[str, Any]:
    """The body, but for the model. Its `pcm` is 24 kHz mono, 16 bit."""
    body: dict[str, Any] = {"input": say.text, "voice": say.voice, "response_format": "pcm"}
    if say.speed != 1.0:
        body["speed"] = say.speed
    if say.style:
        body["instructions"] = say.style
    return body


async def sounds(answer: Answer) -> AsyncGenerator[Pcm, None]:
    """The sound as it comes, whole samples at a time.

    Raises:
        EngineFailed: what came is no such sound.
    """
    rest, came = b"", False
    written = answer.kind.startswith(("text/", "application/json"))
    async with aclosing(answer.pieces()) as pieces:
        async for piece in pieces:
            data = rest + piece
            if written or (not came and sniff(data) in FILES):
                raise unreadable()
            whole = len(data) - len(data) % SAMPLE_BYTES
            rest = data[whole:]
            if whole:
                came = True
                yield Pcm(data[:whole], SPOKEN_RATE)
