"""Reads and writes plain WAV (16-bit mono PCM) with the standard library: the server need not ask the media process."""

import struct
from collections.abc import Iterator

from vivavoce.audio.limits import MAX_RATE
from vivavoce.core.audio import SAMPLE_BYTES, Pcm

_FORMAT = struct.Struct("<HHIIHH")  # tag, channels, rate, bytes a second, bytes a frame, bits
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_CHUNK = struct.Struct("<4sI")

_PCM = 0x0001
_EXTENSIBLE = 0xFFFE
_PCM_SUBFORMAT = bytes.fromhex("0100000000001000800000aa00389b71")  # KSDATAFORMAT_SUBTYPE_PCM
_SUBFORMAT_AT = 24  # in an extensible `fmt ` chunk

_UNKNOWN_SIZES = (0, 0xFFFFFFFF)
"""What writers that cannot seek put for the length of `data`: it reaches to the end of the file."""


def read_wav(data: bytes) -> Pcm | None:
    """Read a plain WAV. Never raises.

    Sizes in the header are believed only where they fit: a file cut short, or one written as a stream (sizes 0 or
    0xFFFFFFFF), is heard as far as it goes.

    Returns:
        The sound, perhaps empty; None where it is another kind of WAV (more channels, other widths, compressed,
        a rate outside 1 to 384000 Hz) or no WAV at all: the media process may know better.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    rate = None
    for name, start, size in _chunks(data):
        if name == b"fmt ":
            rate = _plain_rate(data[start : start + size])
            if rate is None:
                return None
        elif name == b"data":
            return None if rate is None else _samples(data, start, size, rate)
    return None


def wav_header(bytes_of_data: int, rate: int) -> bytes:
    """Make the 44 bytes that go before `bytes_of_data` bytes of 16-bit mono samples at `rate` Hz.

    Raises:
        ValueError: more than a WAV can hold (4 GiB), or a rate outside 1 to 384000 Hz.
    """
    if not 0 <= bytes_of_data <= 0xFFFFFFFF - _HEADER.size:
        raise ValueError("a WAV cannot hold this many bytes")
    if not 1 <= rate <= MAX_RATE:
        raise ValueError("not a rate of sound")
    body = _HEADER.size - 8 + bytes_of_data
    form = (_PCM, 1, rate, rate * SAMPLE_BYTES, SAMPLE_BYTES, SAMPLE_BYTES * 8)
    return _HEADER.pack(b"RIFF", body, b"WAVE", b"fmt ", _FORMAT.size, *form, b"data", bytes_of_data)


def write_wav(pcm: Pcm) -> bytes:
    """Make a whole WAV file of `pcm`, with true sizes.

    Raises:
        ValueError: as `wav_header`.
    """
    return wav_header(len(pcm.data), pcm.rate) + pcm.data


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name, start and claimed size of each chunk that starts within `data`."""
    at = 12
    while at + _CHUNK.size <= len(data):
        name, size = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        yield name, at, size
        at += size + size % 2  # chunks start on even bytes


def _plain_rate(form: bytes) -> int | None:
    """The rate, Hz, that a `fmt ` chunk tells, or None where it does not describe 16-bit mono PCM."""
    if len(form) < _FORMAT.size:
        return None
    tag, channels, rate, _, frame_bytes, bits = _FORMAT.unpack_from(form)
    if tag == _EXTENSIBLE:
        tag = _PCM if form[_SUBFORMAT_AT : _SUBFORMAT_AT + 16] == _PCM_SUBFORMAT else tag
    plain = (tag, channels, frame_bytes, bits) == (_PCM, 1, SAMPLE_BYTES, SAMPLE_BYTES * 8)
    return rate if plain and 1 <= rate <= MAX_RATE else None


def _samples(data: bytes, start: int, size: int, rate: int) -> Pcm:
    there = len(data) - start
    size = there if size in _UNKNOWN_SIZES else min(size, there)
    return Pcm(data[start : start + size - size % SAMPLE_BYTES], rate)
