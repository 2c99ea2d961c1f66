"""Files inside JSON: base64, in every dress clients send it in."""

from binascii import a2b_base64
from contextlib import suppress

from vivavoce.core.errors import BadRequest

URLSAFE = str.maketrans("-_", "+/", " \t\r\n")


def decoded(data: str) -> bytes:
    """The bytes of base64; none where it is none.

    White space, the URL-safe alphabet, missing padding and `data:` URLs are taken.
    """
    if data.startswith("data:"):
        data = data.partition(",")[2]
    with suppress(ValueError):
        return a2b_base64(data, strict_mode=True)  # as most clients send it: no copy of the text is made
    text = data.translate(URLSAFE).rstrip("=")
    with suppress(ValueError):
        return a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    return b""


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
