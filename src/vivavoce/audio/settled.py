"""Tells which bytes of an encoded sound stay as they are when the sound goes on, so that they can be sent already.

An encoder that is given the beginning of a sound writes the same bytes as for the whole of it, but for the last few
frames, and but for what a file says of itself as a whole (how long it is, its checksum, a random number). `endless`
takes the latter away, as in the original's own answers, and `settled` counts what is before the former.
Standard library only: the server does this itself.
"""

import struct
import zlib
from collections.abc import Iterator

_TAIL_BYTES = {"mp3": 4096, "aac": 4096, "flac": 16_384}
"""More than the frames that may change: four of MP3 or AAC, one of FLAC."""

_KBIT = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_BYTES_A_KBIT = 3  # of a frame of MP3 at 24 kHz

_PAGE = struct.Struct("<4sBBqIIIB")  # OggS, version, flags, granule, serial, number, checksum, segments
_SERIAL_AT, _CHECKSUM_AT = 14, 22
_SERIAL = b"viva"
_PAGES_BACK = 2
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def endless(data: bytes, form: str) -> bytes:
    """The same sound in a file of `mp3`, `aac`, `flac` or `opus` that says nothing of itself as a whole.

    `data` is as `audio.encode.encode` writes it, at 24 kHz. The random serial number of `opus` becomes a fixed one.
    """
    if form == "mp3":
        return data[_info_bytes(data) :]
    if form == "flac":
        # STREAMINFO with unknown frame sizes, number of samples (36 bits) and MD5, as the format allows.
        return data[:12] + bytes(6) + data[18:21] + bytes([data[21] & 0xF0]) + bytes(20) + data[42:]
    if form == "opus":
        return b"".join(_renumbered(page) for page in _pages(data))
    return data


def settled(data: bytes, form: str) -> int:
    """How many bytes of an `endless` file are the same in that of any longer sound that begins like this one."""
    if form == "opus":
        return sum(len(page) for page in list(_pages(data))[:-_PAGES_BACK])
    return max(0, len(data) - _TAIL_BYTES[form])


def _info_bytes(data: bytes) -> int:
    """How long the first frame of an MP3 is where it has no sound but tells of the file; else 0."""
    if not {b"Info", b"Xing"} & {data[at : at + 4] for at in (13, 21, 36)}:
        return 0
    return _BYTES_A_KBIT * _KBIT[(data[2] >> 4) - 1] + (data[2] >> 1 & 1)


def _pages(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + _PAGE.size <= len(data):
        segments = data[at + _PAGE.size - 1]
        table = at + _PAGE.size
        end = table + segments + sum(data[table : table + segments])
        yield data[at:end]
        at = end


def _renumbered(page: bytes) -> bytes:
    blank = page[:_SERIAL_AT] + _SERIAL + page[_SERIAL_AT + 4 : _CHECKSUM_AT] + bytes(4) + page[_CHECKSUM_AT + 4 :]
    checksum = struct.pack("<I", _checksum(blank))
    return blank[:_CHECKSUM_AT] + checksum + blank[_CHECKSUM_AT + 4 :]


def _checksum(page: bytes) -> int:
    """Ogg's: zlib's with the bits of every byte, and of the result, the other way round, begun and ended with 0."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
