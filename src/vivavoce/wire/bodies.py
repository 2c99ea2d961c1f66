"""JSON bodies, within bounds: read once, for what was wanted, or refused in the original's words."""

from typing import TypeVar

import msgspec

from vivavoce.core.errors import BadRequest
from vivavoce.wire.invalid import explain, not_json

T = TypeVar("T")

MOST_VALUES = 2**19
"""Commas and opening brackets. Each may become an object many times its size, and all are made in one go."""
TEXT_BYTES = 4 * 1024 * 1024
"""Of a body beside the files in it: more words than any model reads."""


def read(decoder: msgspec.json.Decoder[T], body: bytes, supported: dict[str, str]) -> T:
    """What a body holds.

    Args:
        decoder: of what is wanted.
        body: JSON, one hopes.
        supported: as for `explain`.

    Raises:
        BadRequest: it is not JSON, not what is wanted, or holds too many values.
    """
    check_values(body)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise explain(error, body, supported) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise not_json() from None


def check_values(body: bytes) -> None:
    """Refuse a body of more values than are read. Those in texts count too: to know them, it would have to be read.

    Raises:
        BadRequest: there are more than `MOST_VALUES`.
    """
    found = sum(body.count(sign) for sign in b",[{")
    if found > MOST_VALUES:
        words = f"Your request holds too many values. Expected at most {MOST_VALUES}, but got about {found} instead."
        raise BadRequest(words, code="too_many_values")


def check_text(body: bytes, files: int) -> None:
    """Refuse a body that is too long without its files.

    Raises:
        BadRequest: without `files` bytes it is over `TEXT_BYTES`.
    """
    beside = len(body) - files
    if beside > TEXT_BYTES:
        words = f"Your request holds too much text. Expected at most {TEXT_BYTES} bytes beside its files, "
        raise BadRequest(f"{words}but got {beside} instead.", code="string_above_max_length")
