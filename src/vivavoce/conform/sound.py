"""Sound as bytes: what kind of file it is, and the samples of a plain WAV."""

import base64
import binascii
import struct
from dataclasses import dataclass

from vivavoce.conform.seen import Failed, Seen, fail

RATE = 24_000
"""Samples a second of what is spoken."""
LOUD = 100
"""A sample this far from zero is not silence."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Samples of 16 bits, one channel."""

    data: bytes
    rate: int = RATE

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.data) / 2 / self.rate

    def is_heard(self) -> None:
        """There are whole samples, and not all of them are silence.

        Raises:
            Failed: it is not so.
        """
        if not self.data or len(self.data) % 2:
            fail("whole samples of 16 bits", f"{len(self.data)} bytes")
        if max(abs(sample) for (sample,) in struct.iter_unpack("<h", self.data)) < LOUD:
            fail("sound", f"{self.seconds:.1f} s of silence")


def read_wav(data: bytes) -> Sound:
    """The samples of a WAV with one channel of 16 bits. Sizes that reach over the end, as of streams, end there.

    Raises:
        Failed: it is none.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        fail("a WAV", f"{len(data)} bytes of something else")
    at, rate = 12, 0
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        inside = data[at + 8 : at + 8 + size]
        if name == b"fmt " and len(inside) >= 16:
            tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", inside)
            if (tag, channels, bits) != (1, 1, 16):
                fail("a WAV of one channel of 16 bits", f"format {tag}, {channels} channels, {bits} bits")
        elif name == b"data" and rate:
            return Sound(inside, rate)
        at += 8 + size + size % 2
    raise Failed("expected a WAV with samples, came one without")


def write_wav(sound: Sound, *, endless: bool = False) -> bytes:
    """A WAV file; `endless`: with the sizes of a stream, 0xFFFFFFFF."""
    size = 0xFFFFFFFF if endless else len(sound.data)
    whole = 0xFFFFFFFF if endless else 36 + size
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, sound.rate, sound.rate * 2, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", whole, b"WAVE") + form + struct.pack("<4sI", b"data", size) + sound.data


def form_of(data: bytes) -> str:
    """What kind of file it is by its first bytes; empty where that is none known."""
    known = {b"RIFF": "wav", b"fLaC": "flac", b"ID3": "mp3", b"OggS": "opus"}
    for first, form in known.items():
        if data.startswith(first):
            return form
    if len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0:  # a frame of MPEG sound; layer 0 is AAC's
        return "mp3" if data[1] & 0x06 else "aac"
    return ""


def is_file(data: bytes, form: str) -> None:
    """It is a file of that kind, or bare samples where that is what `pcm` and `pcm16` name.

    Raises:
        Failed: it is not.
    """
    if form in {"pcm", "pcm16"}:
        Sound(data).is_heard()
    elif form == "wav":
        read_wav(data).is_heard()
    elif form_of(data) != form or len(data) < 100:
        fail(f"a file of {form}", f"{len(data)} bytes of {form_of(data) or 'something else'}")


def decoded(data: Seen) -> bytes:
    """The bytes that a base64 text stands for.

    Raises:
        Failed: it is no base64.
    """
    try:
        return base64.b64decode(data.text(), validate=True)
    except binascii.Error:
        data.is_not("base64")
