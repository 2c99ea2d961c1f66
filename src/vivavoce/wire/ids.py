"""Ids of the shapes the original gives."""

import secrets
import string
from uuid import uuid4

BASE62 = string.ascii_letters + string.digits


def completion_id() -> str:
    """`chatcmpl-` and 29 letters and digits."""
    number, digits = secrets.randbelow(len(BASE62) ** 29), ""  # one draw: the system is asked once
    for _ in range(29):
        number, digit = divmod(number, len(BASE62))
        digits += BASE62[digit]
    return "chatcmpl-" + digits


def audio_id() -> str:
    """`audio_` and 32 hexadecimal digits: nobody guesses another's."""
    return "audio_" + secrets.token_hex(16)


def file_id() -> str:
    """`file-` and 24 letters and digits: nobody guesses another's."""
    return "file-" + "".join(secrets.choice(BASE62) for _ in range(24))


def batch_id() -> str:
    """`batch_` and 32 hexadecimal digits: nobody guesses another's."""
    return "batch_" + secrets.token_hex(16)


def request_id() -> str:
    """`req_` and 32 hexadecimal digits, which are a random UUID's."""
    return "req_" + uuid4().hex
