"""Files of sound, as commands take and make them."""

import sys
from pathlib import Path

from vivavoce.cli.common import check_file, fail
from vivavoce.cli.terminal import STDIN, STDOUT, not_a_terminal
from vivavoce.core.audio import Pcm
from vivavoce.core.errors import BadAudio, BadRequest
from vivavoce.engines.frames import FRAME_LIMIT
from vivavoce.server.sound import Sounds

FORMATS = {"wav": "wav", "mp3": "mp3", "flac": "flac", "opus": "opus", "aac": "aac", "pcm": "pcm16"}
LARGEST = FRAME_LIMIT - 64 * 1024
"""Bytes of one recording, as a file and as samples: it goes to another process in one piece."""


def format_of(out: str, given: str | None = None) -> str:
    """The format of the file to be written, from its name's ending unless it was given."""
    ending = given or ("wav" if out == STDOUT else Path(out).suffix.removeprefix("."))
    if ending.lower() not in FORMATS:
        fail(f"{out}: its ending must be one of {', '.join(FORMATS)}")
    return FORMATS[ending.lower()]


def check_place(out: str) -> None:
    """Find out now, rather than when all is said, that the sound cannot be written."""
    if out == STDOUT:
        not_a_terminal()
    else:
        check_file(Path(out))


def load(file: str) -> bytes:
    """A recording's bytes; `-` is standard input."""
    if file == STDIN:
        if sys.stdin.isatty():
            fail("standard input is a terminal: send a recording in with | or <")
        data = sys.stdin.buffer.read(LARGEST + 1)
    else:
        with Path(file).open("rb") as opened:
            data = opened.read(LARGEST + 1)
    if len(data) > LARGEST:
        fail(f"{_called(file)}: too large; the most is {LARGEST >> 20} MB")
    if not data:
        fail(f"{_called(file)}: is empty")
    return data


async def decode(file: str, data: bytes, sounds: Sounds) -> Pcm:
    """The sound of a recording."""
    try:
        pcm = await sounds.decode(data)
    except BadAudio:
        fail(f"{_called(file)}: not a recording that can be read")
    except BadRequest as error:
        fail(f"{_called(file)}: {error.message}")
    if len(pcm.data) > LARGEST:
        fail(f"{_called(file)}: too long at its {pcm.rate} samples a second")
    return pcm


def save(out: str, data: bytes) -> None:
    """Write a file of sound; `-` is standard output."""
    if out == STDOUT:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        Path(out).write_bytes(data)


def _called(file: str) -> str:
    return "standard input" if file == STDIN else file
