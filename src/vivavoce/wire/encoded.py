"""Files inside JSON: base64, in every dress clients send it in.

Large ones are worked on piece by piece: one call for all of it would hold up every thread of the process, the event
loop's too, wherever it is made.
"""

import io
from base64 import b64encode
from binascii import a2b_base64
from contextlib import suppress

from vivavoce.core.errors import BadRequest

PIECE = 3 << 18
"""Bytes that are worked on at a time; four letters are three of them, so pieces join."""
LETTERS = PIECE // 3 * 4
URLSAFE = str.maketrans("-_", "+/", " \t\r\n")


def decoded(data: str) -> bytes:
    """The bytes of base64; none where it is none.

    White space, the URL-safe alphabet, missing padding and `data:` URLs are taken.
    """
    if data.startswith("data:"):
        data = data.partition(",")[2]
    with suppress(ValueError):
        return _strictly(data)  # as most clients send it: no copy of the text is made
    pieces = [data[at : at + LETTERS].translate(URLSAFE) for at in range(0, len(data), LETTERS)]
    text = "".join(pieces).rstrip("=")
    with suppress(ValueError):
        return _strictly(text + "=" * (-len(text) % 4))
    return b""


def encoded(data: bytes) -> str:
    """The base64 of bytes."""
    return "".join(b64encode(data[at : at + PIECE]).decode() for at in range(0, len(data), PIECE))


def _strictly(text: str) -> bytes:
    """The bytes of base64 without a letter too many.

    Raises:
        ValueError: it is not that.
    """
    found = io.BytesIO()  # gives what it holds without a copy of it
    for at in range(0, len(text), LETTERS):
        if found.tell() != at // 4 * 3:
            raise ValueError("padding before the end")
        found.write(a2b_base64(text[at : at + LETTERS], strict_mode=True))
    return found.getvalue()


def sound_bytes(data: str, param: str) -> bytes:
    """The bytes of a recording that stands at `param`.

    Raises:
        BadRequest: it is not base64, or nothing.
    """
    sound = decoded(data)
    if not sound:
        words = f"Invalid '{param}'. Expected base64-encoded audio bytes but got an invalid value."
        raise BadRequest(words, param=param, code="invalid_value")
    return sound
