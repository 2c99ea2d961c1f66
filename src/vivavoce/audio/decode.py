"""Turns any sound file into mono 16-bit samples, trusting nothing its header says; runs in the media process."""

import io
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NoReturn

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError

from vivavoce.audio.limits import MAX_RATE, MIN_SECONDS, Limits, check_shape, too_long, too_short
from vivavoce.audio.mix import Mix
from vivavoce.audio.sniff import Container, sniff
from vivavoce.core.audio import Pcm
from vivavoce.core.errors import BadAudio

_DEMUXERS: dict[Container, str] = {
    "wav": "wav",
    "mp3": "mp3",
    "flac": "flac",
    "ogg": "ogg",
    "mp4": "mov",
    "webm": "matroska",
    "aac": "aac",
}
"""FFmpeg's reader of each container. It is named, never guessed: playlists and the like are out of reach."""

_TELL_DURATION = frozenset({"flac", "ogg", "mp4", "webm"})
"""Containers that know how long they are. For the others FFmpeg guesses from the first bit rates."""

_CODECS = frozenset(
    {
        *("aac", "aac_fixed", "alac", "flac", "libopus", "libvorbis", "opus", "vorbis"),
        *("mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float"),
        *("adpcm_ima_wav", "adpcm_ms", "gsm_ms", "pcm_alaw", "pcm_mulaw"),
        *("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"),
    }
)
_OPTIONS = {
    "codec_whitelist": ",".join(sorted(_CODECS)),
    "format_whitelist": ",".join(_DEMUXERS.values()),
    "probesize": "262144",  # bytes FFmpeg may read ahead and keep as packets, which may be of seven bytes each
}

_BARREN_PACKETS = 1000
"""So many packets that give no sound, in all, and the rest is not tried: a file can hold millions of them."""

_BEAT_BYTES = 1 << 20
"""Of decoded sound between two signs of life: some milliseconds of work, and each sign is a message to the server."""

_UNCOUNTED_S = 20.0
"""A recording that goes on after this is counted to its end before more of it is decoded."""

_SLACK_S = 1.0
"""By which packets may seem longer than their sound: codecs add a little before and after it."""

_COUNTED_PACKETS = 400_000
"""An hour of packets of 9 ms: the shortest that recordings are made of are of 10 ms, and most are of 20 and more."""

_BEAT_PACKETS = 1 << 14
_LONGEST_FRAME = 65_535
"""Samples of one packet: FLAC's most."""


def decode(data: bytes, limits: Limits, rate: int) -> Iterator[Pcm | None]:
    """Decode a sound file of any kind that `sniff` names. One that is cut short is heard as far as it goes.

    Args:
        data: the whole file.
        limits: the most that is decoded.
        rate: of the result, Hz; 0: as the file has it.

    Yields:
        None while working, then the sound, once, all channels mixed into one.

    Raises:
        BadAudio: not sound, of a kind we do not read, or damaged from the start.
        BadRequest: `audio_too_long` or `audio_too_short`.
        ValueError: `rate` is outside 0 to 384000.
    """
    if not 0 <= rate <= MAX_RATE:
        raise ValueError("not a rate of sound")
    kind = sniff(data)
    if kind is None:
        raise BadAudio
    try:
        with _open(data, kind) as container:
            stream = _sound_stream(container)
            if kind in _TELL_DURATION and (container.duration or 0) / av.time_base > limits.seconds:
                raise too_long(limits)
            mix, counted = Mix(limits, rate), False
            for step in _listen(container, stream, mix):
                yield step
                if step is None and mix.seconds > _UNCOUNTED_S and not counted:
                    counted = True
                    yield from _count(data, kind, mix.most_seconds, limits)
    except (FFmpegError, ValueError, MemoryError, OverflowError) as error:
        raise BadAudio from error


def _open(data: bytes, kind: Container) -> InputContainer:
    return av.open(
        io.BytesIO(data),
        "r",
        format=_DEMUXERS[kind],
        options=_OPTIONS,
        metadata_errors="replace",
        io_open=_refuse_reference,
    )


def _refuse_reference(*_: Any) -> NoReturn:
    """Stand where FFmpeg would open another file or address that this one names."""
    raise BadAudio


def _sound_stream(container: InputContainer) -> AudioStream:
    """Choose the first stream that may be decoded, if its header is sane."""
    for stream in container.streams.audio:
        context = stream.codec_context
        if getattr(context, "name", None) in _CODECS:  # it is None where FFmpeg has no decoder
            check_shape(context.sample_rate, context.channels)
            context.thread_count = 1
            return stream
    raise BadAudio


def _count(data: bytes, kind: Container, most_s: float, limits: Limits) -> Iterator[None]:
    """Refuse what its packets say is longer than `most_s`, decoding none: that takes a tenth of the work.

    What they do not say, decoding finds out.
    """
    with suppress(FFmpegError), _open(data, kind) as container:
        stream = _sound_stream(container)
        tick = stream.time_base
        if tick is None:
            return
        left = int((most_s + _SLACK_S) / tick)
        longest, last = int(_LONGEST_FRAME / stream.codec_context.sample_rate / tick), 0
        for number, packet in enumerate(container.demux(stream)):
            # FLAC says where a frame begins, and not always how long it is. Between two frames there may be a gap.
            begins = packet.pts or last
            left -= packet.duration or min(max(0, begins - last), longest)
            last = begins
            if left < 0 or number >= _COUNTED_PACKETS:
                raise too_long(limits)
            if number % _BEAT_PACKETS == 0:
                yield None


def _listen(container: InputContainer, stream: AudioStream, mix: Mix) -> Iterator[Pcm | None]:
    """Decode packet by packet. What cannot be decoded is left out: the rest may be whole."""
    packets = container.demux(stream)
    damaged, barren, beaten = False, 0, 0
    while barren < _BARREN_PACKETS:
        frames = []
        try:
            packet = next(packets, None)
            if packet is None:
                break
            frames = packet.decode()
        except FFmpegError:
            damaged = True
        barren += not frames
        for frame in frames:
            mix.add(frame)
        if mix.decoded_bytes - beaten >= _BEAT_BYTES:
            beaten = mix.decoded_bytes
            yield None
    if mix.seconds < MIN_SECONDS - 1e-6:
        raise BadAudio if damaged and not mix.seconds else too_short()
    yield mix.end()
