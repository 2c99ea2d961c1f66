"""Tells what kind of sound file some bytes are from how they begin; standard library only."""

from typing import Literal, TypeAlias

Container: TypeAlias = Literal["wav", "mp3", "flac", "ogg", "mp4", "webm", "aac"]

_ID3_HEADER = 10
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")
_STARTS: dict[bytes, Container] = {b"fLaC": "flac", b"OggS": "ogg", b"\x1aE\xdf\xa3": "webm"}

_HZ = (44_100, 48_000, 32_000)
"""Of MPEG-1; MPEG-2 has half of it and MPEG-2.5 a quarter."""

_LOW_KBIT = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_KBIT = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): _LOW_KBIT,
    (False, 3): _LOW_KBIT,
}
"""Kilobits a second by whether it is MPEG-1, by layer, by the number in the header less one."""


def sniff(data: bytes) -> Container | None:
    """Name the container by its magic bytes, or None where it is none that is read here.

    `wav` is any RIFF, RF64 or BW64 WAVE; `mp3` any MPEG audio layer, with or without an ID3 tag; `aac` is ADTS; `mp4`
    includes M4A and QuickTime; `webm` any Matroska. Never raises.
    """
    tag = _id3_length(data)
    found = _by_magic(data[tag : tag + 12]) or _mpeg_audio(data, tag)
    return "mp3" if tag and found is None else found  # only MP3 has padding after its tag


def _by_magic(head: bytes) -> Container | None:
    if head[:4] in (b"RIFF", b"RF64", b"BW64"):
        return "wav" if head[8:12] == b"WAVE" else None
    if head[4:8] in _MP4_BOXES:
        return "mp4"
    return _STARTS.get(head[:4])


def _id3_length(data: bytes) -> int:
    """How many bytes an ID3v2 tag takes at the start; 0 where there is none."""
    if data[:3] != b"ID3" or len(data) < _ID3_HEADER:
        return 0
    size = 0
    for byte in data[6:_ID3_HEADER]:
        size = size << 7 | byte & 0x7F
    return _ID3_HEADER + size


def _mpeg_audio(data: bytes, at: int) -> Container | None:
    """Tell MPEG audio and ADTS by two frames in a row: one header alone is set bits that any noise may begin with."""
    first, length = _mpeg_frame(data[at : at + 6])
    after = data[at + length : at + length + 6]
    return first if len(after) < 6 or _mpeg_frame(after)[0] == first else None


def _mpeg_frame(head: bytes) -> tuple[Container | None, int]:
    """What kind of frame a header of six bytes begins, and how many bytes it takes."""
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None, 0
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    if layer == 4:
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        return ("aac", length) if version >= 2 and head[2] >> 2 & 15 < 13 and length >= 7 else (None, 0)
    bit_rate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or bit_rate in (0, 15) or rate == 3:
        return None, 0
    kbit = _KBIT[version == 3, layer][bit_rate - 1]
    hz = _HZ[rate] >> {3: 0, 2: 1, 0: 2}[version]
    padding = head[2] >> 1 & 1
    if layer == 1:
        return "mp3", (12_000 * kbit // hz + padding) * 4
    return "mp3", (72_000 if layer == 3 and version != 3 else 144_000) * kbit // hz + padding
