"""Ids of the shapes the original gives."""

import secrets
import string
from uuid import uuid4

BASE62 = string.ascii_letters + string.digits
_EVERY_BYTE = bytes(ord(BASE62[byte % len(BASE62)]) for byte in range(256))


def completion_id() -> str:
    """`chatcmpl-` and 29 letters and digits."""
    return "chatcmpl-" + _letters(29)


def audio_id() -> str:
    """`audio_` and 32 hexadecimal digits: nobody guesses another's."""
    return "audio_" + secrets.token_hex(16)


def file_id() -> str:
    """`file-` and 24 letters and digits: nobody guesses another's."""
    return "file-" + _letters(24)


def batch_id() -> str:
    """`batch_` and 32 hexadecimal digits: nobody guesses another's."""
    return "batch_" + secrets.token_hex(16)


def request_id() -> str:
    """`req_` and 32 hexadecimal digits, which are a random UUID's."""
    return "req_" + uuid4().hex


def _letters(count: int) -> str:
    """Letters and digits, of which eight are a quarter more likely than the others: more than 5.6 bits each.

    The system is asked once for all of them.
    """
    return secrets.token_bytes(count).translate(_EVERY_BYTE).decode()
