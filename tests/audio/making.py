"""Makes sound files for the tests, honest ones and others, with as little as possible of the code under test."""

import io
import math
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TypeVar

import av
import numpy as np
from av.audio.frame import AudioFrame

from vivavoce.core.audio import Pcm

T = TypeVar("T")


def last(calls: Iterable[T | None]) -> T:
    """Run a call of a local engine to its end: None while it works, then its one result."""
    results = [item for item in calls if item is not None]
    assert len(results) == 1
    return results[0]


def tone(seconds: float, rate: int = 24_000, hz: float = 440.0) -> Pcm:
    times = np.arange(round(seconds * rate)) / rate
    return Pcm((np.sin(times * 2 * math.pi * hz) * 12_000).astype("<i2").tobytes(), rate)


def pitch(pcm: Pcm) -> float:
    """The loudest frequency, Hz."""
    spectrum = np.abs(np.fft.rfft(np.frombuffer(pcm.data, "<i2")))
    return float(np.argmax(spectrum)) * pcm.rate / pcm.samples


def wav(
    body: bytes, *, tag: int = 1, channels: int = 1, rate: int = 24_000, bits: int = 16, extra: bytes = b""
) -> bytes:
    """Make a WAV of any kind; `extra` ends its format chunk."""
    width = channels * bits // 8
    form = struct.pack("<HHIIHH", tag, channels & 0xFFFF, rate, rate * width & 0xFFFFFFFF, width & 0xFFFF, bits) + extra
    return riff(chunk(b"fmt ", form), chunk(b"data", body))


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def written(
    container: str, codec: str, pcm: Pcm, *, bit_rate: int | None = None, options: dict[str, str] | None = None
) -> bytes:
    """Write a sound with PyAV directly, in containers and codecs that the project only reads."""
    file = io.BytesIO()
    with av.open(file, "w", format=container, options=options) as out:
        stream = out.add_stream(codec, rate=pcm.rate, layout="mono")
        if bit_rate:
            stream.bit_rate = bit_rate
        frame = AudioFrame.from_ndarray(np.frombuffer(pcm.data, np.int16)[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = pcm.rate
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def silent_film() -> bytes:
    """A video without a sound track."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        for _ in range(10):
            out.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        out.mux(stream.encode(None))
    return file.getvalue()


def silent_mp3(hours: float) -> bytes:
    """Frames of 8 kbit/s and no header that tells how many: 3.6 MB an hour."""
    minute = written("mp3", "libmp3lame", Pcm(bytes(60 * 32_000), 16_000), bit_rate=8_000, options=_BARE_MP3)
    return minute * math.ceil(hours * 60)


_BARE_MP3 = {"write_xing": "0", "id3v2_version": "0"}


def silent_flac(frames: int, *, rate: int = 24_000, channels: int = 1, told_samples: int = 0) -> bytes:
    """FLAC of 65535 zero samples a frame, in some 16 bytes each; its header tells any rate and length."""
    shape = rate << 44 | (channels - 1) << 41 | 15 << 36 | told_samples
    info = struct.pack(">HH", 65_535, 65_535) + bytes(6) + shape.to_bytes(8, "big") + bytes(16)
    header = b"fLaC" + b"\x80" + len(info).to_bytes(3, "big") + info
    return header + b"".join(_flac_frame(number, channels) for number in range(frames))


def _flac_frame(number: int, channels: int) -> bytes:
    head = (
        b"\xff\xf8\x70"
        + bytes([(channels - 1) << 4 | 8])
        + chr(number).encode("utf-8", "surrogatepass")
        + struct.pack(">H", 65_534)
    )
    head += bytes([_crc(head, 8, 0x07)])
    frame = head + b"\0\0\0" * channels
    return frame + _crc(frame, 16, 0x8005).to_bytes(2, "big")


def _crc(data: bytes, bits: int, polynomial: int) -> int:
    value = 0
    for byte in data:
        value ^= byte << bits - 8
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> bits - 1 else 0)
            value &= (1 << bits) - 1
    return value


def silent_opus(hours: float, *, honest: bool, packet_ms: float = 20) -> bytes:
    """Ogg Opus of packets of three bytes, of 20 ms or 2.5: if not honest, it claims to last one second."""
    head = b"OpusHead" + struct.pack("<BBHIHB", 1, 1, 0, 24_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<II", 0, 0)
    pages = math.ceil(hours * 3_600_000 / (255 * packet_ms))
    body = (b"\xf8\xff\xfe" if packet_ms == 20 else b"\xe0\xff\xfe") * 255  # CELT, silence
    sound = (
        _ogg_page(body, [3] * 255, number + 2, round((number + 1) * 255 * 48 * packet_ms) if honest else 48_000)
        for number in range(pages)
    )
    return b"".join(chain([_ogg_page(head, [19], 0, 0, 2), _ogg_page(tags, [16], 1, 0)], sound))


def _ogg_page(body: bytes, sizes: list[int], number: int, granule: int, flags: int = 0) -> bytes:
    start = struct.pack("<4sBBqII", b"OggS", 0, flags, granule, 1, number)
    rest = bytes([len(sizes), *sizes]) + body
    return start + _ogg_crc(start + bytes(4) + rest) + rest


def bombs() -> dict[str, Callable[[], bytes]]:
    """Hours of silence in a few megabytes."""
    return {
        "opus": lambda: silent_opus(18, honest=True),
        "lying opus": lambda: silent_opus(18, honest=False),
        "short opus": lambda: silent_opus(2, honest=False, packet_ms=2.5),
        "mp3": lambda: silent_mp3(7),
        "flac": lambda: silent_flac(2_000),
        "wide flac": lambda: silent_flac(2_000, rate=384_000, channels=8),
        "told flac": lambda: silent_flac(10, told_samples=24_000 * 3600 * 48),
    }


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _ogg_crc(page: bytes) -> bytes:
    """Ogg's checksum is zlib's with the bits of every byte the other way round, and nothing inverted."""
    crc = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return crc.to_bytes(4, "little").translate(_REVERSED)[::-1]


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]
