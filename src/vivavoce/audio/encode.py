"""Turns mono 16-bit samples into the formats a client may ask for; runs in the media process."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from typing import cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer

from vivavoce.audio.resample import resample
from vivavoce.core.audio import Pcm
from vivavoce.core.errors import BadRequest

_RATE = 24_000
"""Hz: what the original API gives, in every format."""


@dataclass(frozen=True, slots=True)
class _Format:
    container: str
    codec: str
    bit_rate: int | None = None
    """Bits a second; None: lossless, and then of any rate."""
    options: dict[str, str] = field(default_factory=dict[str, str])
    """Of the container."""


_FORMATS = {
    "mp3": _Format("mp3", "libmp3lame", 128_000, {"id3v2_version": "0"}),  # frames from the first byte, as the original
    "flac": _Format("flac", "flac", None, {"metadata_header_padding": "0"}),
    "opus": _Format("ogg", "libopus", 48_000),
    "aac": _Format("adts", "aac", 96_000),
}


def encode(pcm: Pcm, form: str) -> Iterator[bytes | None]:
    """Encode a sound as `mp3` (constant 128 kbit/s), `flac` (16 bit), `opus` (in Ogg) or `aac` (ADTS).

    Lossy formats come at 24 kHz whatever the rate of `pcm`; flac keeps the rate. Decoded again, flac lasts exactly as
    long and the others within 0.1 s. An empty sound gives an empty file (flac: one of headers only).

    Yields:
        None while working, then the whole file, once.

    Raises:
        BadRequest: `form` is none of these.
    """
    chosen = _FORMATS.get(form)
    if chosen is None:
        names = ", ".join(f"'{name}'" for name in sorted(_FORMATS))
        raise BadRequest(
            f"Invalid value: '{form}'. Supported values are: {names}.", param="audio.format", code="invalid_value"
        )
    if chosen.bit_rate:
        pcm = resample(pcm, _RATE)
    file = io.BytesIO()
    with av.open(file, "w", format=chosen.container, options=chosen.options) as container:
        stream = _add_stream(container, chosen, pcm.rate)
        for frame in chain(_frames(pcm), [None]):  # None: what the encoder still holds
            container.mux(stream.encode(frame))  # pyright: ignore[reportUnknownMemberType]
            yield None
    yield file.getvalue()


def _add_stream(container: OutputContainer, chosen: _Format, rate: int) -> AudioStream:
    added: object = container.add_stream(chosen.codec, rate=rate, layout="mono")  # pyright: ignore[reportUnknownMemberType]
    stream = cast("AudioStream", added)
    if chosen.bit_rate:
        stream.bit_rate = chosen.bit_rate
    return stream


def _frames(pcm: Pcm) -> Iterator[AudioFrame]:
    """Cut the sound into frames of a second."""
    samples = np.frombuffer(pcm.data, "<i2").astype(np.int16)
    for start in range(0, len(samples), pcm.rate):
        frame = AudioFrame.from_ndarray(samples[np.newaxis, start : start + pcm.rate], format="s16", layout="mono")
        frame.sample_rate = pcm.rate
        frame.pts = start
        frame.time_base = Fraction(1, pcm.rate)
        yield frame
