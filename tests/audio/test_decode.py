import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.making import (
    chunk,
    last,
    pitch,
    riff,
    silent_film,
    silent_flac,
    silent_mp3,
    silent_opus,
    tone,
    wav,
    written,
)
from vivavoce.audio.decode import decode
from vivavoce.audio.limits import Limits
from vivavoce.audio.wav import write_wav
from vivavoce.core.audio import Pcm
from vivavoce.core.errors import BadAudio, BadRequest

ROOMY = Limits(seconds=60, decoded_bytes=100_000_000)
SOUND = tone(1.0)
SAMPLES = np.frombuffer(SOUND.data, "<i2")
NOISE = np.random.default_rng(1).bytes(100_000)
SPEECH = Path(__file__).parents[3] / "shared" / "audio"

FILES = [
    ("mp3", "libmp3lame"),
    ("mp2", "mp2"),
    ("flac", "flac"),
    ("ogg", "libopus"),
    ("webm", "libopus"),
    ("mp4", "aac"),
    ("mp4", "alac"),
    ("adts", "aac"),
    ("wav", "pcm_mulaw"),
    ("wav", "pcm_alaw"),
    ("wav", "adpcm_ms"),
    ("wav", "adpcm_ima_wav"),
    ("wav", "libmp3lame"),
]


def hear(data: bytes, rate: int = 24_000, limits: Limits = ROOMY) -> Pcm:
    return last(decode(data, limits, rate))


def float_wav(samples: np.ndarray) -> bytes:
    return wav(samples.astype("<f4").tobytes(), tag=3, bits=32)


@pytest.mark.parametrize(("container", "codec"), FILES)
def test_every_container_and_codec(container: str, codec: str) -> None:
    heard = hear(written(container, codec, SOUND), 16_000)
    assert heard.rate == 16_000
    assert heard.seconds == pytest.approx(1, abs=0.1)
    assert pitch(heard) == pytest.approx(440, abs=5)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(wav((SAMPLES // 256 + 128).astype("u1").tobytes(), bits=8), id="8 bits"),
        pytest.param(wav(b"".join(b"\0" + s.tobytes() for s in SAMPLES), bits=24), id="24 bits"),
        pytest.param(wav((SAMPLES.astype("<i4") << 16).tobytes(), bits=32), id="32 bits"),
        pytest.param(float_wav(SAMPLES / 32_768), id="float"),
        pytest.param(wav((SAMPLES / 32_768).astype("<f8").tobytes(), tag=3, bits=64), id="double"),
        pytest.param(wav(np.repeat(SAMPLES, 2).tobytes(), channels=2), id="stereo"),
        pytest.param(wav(np.repeat(SAMPLES, 3).tobytes(), channels=3), id="three channels"),
        pytest.param(wav(np.repeat(SAMPLES, 8).tobytes(), channels=8), id="eight channels"),
        pytest.param(write_wav(SOUND), id="plain"),
    ],
)
def test_every_wav_is_the_same_sound(data: bytes) -> None:
    heard = np.frombuffer(hear(data).data, "<i2").astype(int)
    assert len(heard) == len(SAMPLES)
    assert np.abs(heard - SAMPLES).max() <= 256  # what 8 bits leave out


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0xFFFFFFF0, 1_000_000])
def test_wav_sizes_are_not_believed(size: int) -> None:
    form = struct.pack("<HHIIHH", 1, 2, 24_000, 96_000, 4, 16)
    stereo = np.repeat(SAMPLES, 2).tobytes()
    assert hear(riff(chunk(b"fmt ", form), chunk(b"data", stereo, size), size=size)) == SOUND


def test_channels_are_mixed_to_their_mean() -> None:
    left_only = np.stack([SAMPLES, np.zeros_like(SAMPLES)], axis=1)
    heard = np.frombuffer(hear(wav(left_only.tobytes(), channels=2)).data, "<i2").astype(int)
    assert np.abs(heard - SAMPLES / 2).max() <= 1


def test_nan_is_silence_and_infinity_is_loud() -> None:
    samples = np.zeros(24_000)
    samples[100], samples[200], samples[300] = np.nan, np.inf, -np.inf
    heard = np.frombuffer(hear(float_wav(samples)).data, "<i2")
    assert (heard[100], heard[200], heard[300], np.count_nonzero(heard)) == (0, 32_767, -32_768, 2)


@pytest.mark.parametrize("level", [1.0, -1.0, 1e30, -1e30])
def test_a_constant_stays_one_and_what_is_too_loud_is_cut_off(level: float) -> None:
    heard = np.frombuffer(hear(float_wav(np.full(24_000, level)), 16_000).data, "<i2")[1_000:-1_000].astype(int)
    assert np.abs(heard - (32_767 if level > 0 else -32_768)).max() <= 1


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(SAMPLES // 2 + 20_000, id="far from zero"),
        pytest.param((SAMPLES.astype(int) * 20).clip(-32_768, 32_767), id="clipped"),
    ],
)
def test_what_was_recorded_badly_is_heard_as_it_is(samples: np.ndarray) -> None:
    heard = np.frombuffer(hear(wav(samples.astype("<i2").tobytes()), 16_000).data, "<i2")
    asked = np.interp(np.arange(16_000) * 1.5, np.arange(24_000), samples)
    assert np.corrcoef(heard, asked)[0, 1] > 0.99  # a sample that ran over would have its sign turned
    assert heard.mean() == pytest.approx(asked.mean(), abs=100)


def test_rate_zero_keeps_that_of_the_file() -> None:
    assert hear(written("flac", "flac", tone(1, 44_100)), 0) == tone(1, 44_100)


def test_a_film_without_sound_is_refused() -> None:
    with pytest.raises(BadAudio):
        hear(silent_film())


@pytest.mark.parametrize(("container", "codec"), [file for file in FILES if file[0] != "mp4"])
def test_cut_short_it_is_heard_as_far_as_it_goes(container: str, codec: str) -> None:
    whole = written(container, codec, Pcm(NOISE + NOISE[:44_000], 24_000))
    assert 0.9 < hear(whole[: len(whole) // 2]).seconds < 2


def test_damage_in_the_middle_costs_only_that_part() -> None:
    file = bytearray(silent_mp3(1 / 60))
    middle = len(file) // 2
    file[middle : middle + 500] = NOISE[:500]
    assert hear(bytes(file), limits=Limits(70, 10**9)).seconds == pytest.approx(60, abs=2)


def test_a_tag_of_ten_megabytes_is_passed_over() -> None:
    size = 10_000_000
    tag = b"ID3\x03\0\0" + bytes(size >> shift & 127 for shift in (21, 14, 7, 0)) + bytes(size)
    assert hear(tag + written("mp3", "libmp3lame", SOUND)).seconds == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.0999])
def test_too_short(seconds: float) -> None:
    with pytest.raises(BadRequest) as refused:
        hear(write_wav(tone(seconds)))
    assert refused.value.message == "Audio file is too short. Minimum audio length is 0.1 seconds."
    assert (refused.value.param, refused.value.code) == ("messages", "audio_too_short")


def test_a_tenth_of_a_second_is_enough() -> None:
    assert hear(write_wav(tone(0.1, 11_020))).seconds == pytest.approx(0.1, abs=0.001)


@pytest.mark.parametrize(("container", "codec"), FILES)
def test_too_long(container: str, codec: str) -> None:
    file = written(container, codec, SOUND)
    with pytest.raises(BadRequest) as refused:
        hear(file, limits=Limits(0.5, 100_000_000))
    assert refused.value.message == "Audio is too long. The most this server takes is 0.5 seconds."
    assert (refused.value.param, refused.value.code) == ("messages", "audio_too_long")


@pytest.mark.parametrize("packet_ms", [20, 2.5])
def test_a_long_one_within_the_limits_is_heard_to_its_end(packet_ms: float) -> None:
    sound = silent_opus(0.05, honest=False, packet_ms=packet_ms)
    assert hear(sound, 16_000, Limits(190, 10**9)).seconds == pytest.approx(182, abs=3)


def test_a_long_one_with_damage_is_heard() -> None:
    file = bytearray(silent_mp3(0.05))
    middle = len(file) * 2 // 3
    file[middle : middle + 500] = NOISE[:500]
    assert hear(bytes(file), 16_000, Limits(200, 10**9)).seconds == pytest.approx(180, abs=2)


def test_what_comes_in_too_many_packets_is_too_long() -> None:
    with pytest.raises(BadRequest, match="too long"):
        hear(silent_opus(0.3, honest=False, packet_ms=2.5), limits=Limits(3600, 10**10))


def test_too_many_decoded_bytes_are_too_long() -> None:
    with pytest.raises(BadRequest, match="too long"):
        hear(silent_flac(100, rate=192_000, channels=8), limits=Limits(600, 10_000_000))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"hello", id="text"),
        pytest.param(NOISE, id="noise"),
        pytest.param(b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n", id="playlist"),
        pytest.param(b"ffconcat version 1.0\nfile /etc/hostname\n", id="concat list"),
        pytest.param(silent_flac(2, rate=655_350, channels=8), id="flac at 655350 Hz"),
        pytest.param(wav(SOUND.data, channels=65_535), id="wav of 65535 channels"),
        pytest.param(wav(SOUND.data, channels=9), id="wav of 9 channels"),
        pytest.param(wav(SOUND.data, rate=100_000_000), id="wav at 100 MHz"),
        pytest.param(wav(SOUND.data, rate=0), id="wav without a rate"),
        pytest.param(wav(SOUND.data, tag=0x2000, bits=0), id="wav of a codec we do not read"),
        pytest.param(b"\xff\xfb\x90\x00" * 50_000, id="headers of mp3 only"),
        pytest.param(b"\xff\xf1\x50\x80\x00\xff\xfc" * 50_000, id="headers of adts only"),
        pytest.param(b"ID3\x03\0\0\0\0\0\0" + bytes(1_000_000), id="a tag and zeros"),
    ],
)
def test_what_cannot_be_heard_is_refused(data: bytes) -> None:
    with pytest.raises(BadAudio):
        hear(data)


@pytest.mark.parametrize("start", [b"\xff\xfb\x90\x00", b"\xff\xf1\x50\x80", b"fLaC", b"OggS", b"\x1aE\xdf\xa3"])
def test_noise_behind_magic_bytes_is_refused(start: bytes) -> None:
    with pytest.raises(BadAudio):
        hear(start + NOISE)


def test_a_call_may_be_left_at_any_time() -> None:
    call = decode(silent_opus(0.05, honest=True), Limits(600, 10**9), 0)
    assert next(call) is None
    call.close()


def test_it_says_that_it_still_works() -> None:
    *beats, heard = decode(silent_opus(0.05, honest=True), Limits(600, 10**9), 0)
    assert isinstance(heard, Pcm)
    assert len(beats) == pytest.approx(heard.seconds * 48_000 * 4 / 2**20, abs=2)


@pytest.mark.parametrize("rate", [-1, 384_001])
def test_a_caller_asks_for_a_rate_there_is(rate: int) -> None:
    with pytest.raises(ValueError, match="rate"):
        hear(write_wav(SOUND), rate)


ORIGINALS = [written(*file, tone(0.3)) for file in FILES]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ORIGINALS), st.data())
def test_no_mutation_makes_anything_but_a_sound_or_a_refusal(original: bytes, data: st.DataObject) -> None:
    mutant = bytearray(original)
    places = st.one_of(st.integers(0, min(len(mutant), 300) - 1), st.integers(0, len(mutant) - 1))
    for at, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=20)):
        mutant[at] = byte
    end = data.draw(st.one_of(st.just(len(mutant)), st.integers(0, len(mutant))))
    try:
        heard = hear(bytes(mutant[:end]), 16_000, Limits(5, 5_000_000))
    except BadRequest:
        return
    assert len(heard.data) % 2 == 0
    assert 0.09 < heard.seconds < 5.1


@pytest.mark.skipif(not SPEECH.is_dir(), reason="real speech is not part of the repository: see ../shared/audio")
def test_real_speech_from_elsewhere() -> None:
    lengths = {"hello-world.mp3": 1.7, "whats-the-weather.wav": 3.3, "librivox-ill-disposed.wav": 3.0}
    for name, seconds in lengths.items():
        heard = hear((SPEECH / name).read_bytes(), 16_000)
        assert heard.seconds == pytest.approx(seconds, abs=0.1)
        assert np.abs(np.frombuffer(heard.data, "<i2")).max() > 1000
