"""The sound of telephones: G.711 µ-law, 8000 samples a second of one byte each, with or without a WAV header.

`python g711.py IN.wav OUT.ulaw` makes it of what the API speaks; `OUT.wav` has a header.
"""

import math
import struct
import sys
import wave
from array import array
from bisect import bisect_right
from itertools import pairwise
from operator import mul
from pathlib import Path

RATE = 8000


def _level(byte: int) -> int:
    """The 16-bit sample that a byte stands for, by ITU-T G.711."""
    byte = ~byte & 0xFF
    height = (((byte & 0x0F) << 3) + 132 << (byte >> 4 & 7)) - 132
    return -height if byte & 0x80 else height


LEVELS = [_level(byte) for byte in range(256)]
RISING = LEVELS[:127:-1]  # from byte 0xFF, which is 0, to byte 0x80; the lower half of the bytes is below zero
BORDERS = [(low + high + 1) // 2 for low, high in pairwise(RISING)]


def encode(sample: int) -> int:
    """The byte of the level nearest to a 16-bit sample."""
    byte = 0xFF - bisect_right(BORDERS, abs(sample))
    return byte if sample >= 0 else byte & 0x7F


# A low-pass of 48 taps, a windowed sinc: a telephone carries nothing above 3400 Hz, and what is above 4000 would fold.
TURNS = [(tap - 23.5) * 2 * 3400 / 24_000 for tap in range(48)]
TAPS = [math.sin(math.pi * x) / (math.pi * x) * math.sin(math.pi * (i + 0.5) / 48) ** 2 for i, x in enumerate(TURNS)]
TAPS = [tap / sum(TAPS) for tap in TAPS]


def from_speech(pcm: bytes) -> bytes:
    """What the API gives as `pcm` (24 kHz, 16 bit), as µ-law: every third sample of the filtered sound."""
    samples = array("h", bytes(48) + pcm[: len(pcm) // 2 * 2] + bytes(48))  # of a little-endian machine
    starts = range(0, len(samples) - 47, 3)
    return bytes(encode(round(sum(map(mul, TAPS, samples[at : at + 48])))) for at in starts)


def wav(ulaw: bytes) -> bytes:
    """A WAV file of µ-law, as telephony writes it."""
    form = struct.pack("<4sIHHIIHHH", b"fmt ", 18, 7, 1, RATE, RATE, 1, 8, 0)
    body = b"WAVE" + form + struct.pack("<4sII4sI", b"fact", 4, len(ulaw), b"data", len(ulaw)) + ulaw
    body += bytes(len(body) % 2)
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def read(data: bytes) -> bytes:
    """The µ-law in a file: all of it, or the data of a WAV.

    Raises:
        ValueError: a WAV of something else.
    """
    if data[:4] != b"RIFF":
        return data
    at, form = 12, b""
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        at += 8
        if name == b"fmt ":
            form = data[at : at + 8]
        if name == b"data" and form == struct.pack("<HHI", 7, 1, RATE):
            return data[at : at + size]
        at += size + size % 2
    raise ValueError("a WAV, but not of 8 kHz µ-law in one channel")


def main() -> None:
    """Convert a file."""
    source, made = sys.argv[1:]
    with wave.open(source) as sound:
        if (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) != (24_000, 1, 2):
            sys.exit(f"g711: {source} is not of 24 kHz, one channel and 16 bits")
        ulaw = from_speech(sound.readframes(sound.getnframes()))
    Path(made).write_bytes(wav(ulaw) if made.endswith(".wav") else ulaw)


if __name__ == "__main__":
    main()
