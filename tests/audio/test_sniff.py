import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audio.making import tone, written
from vivavoce.audio.sniff import sniff
from vivavoce.audio.wav import write_wav

SOUND = tone(0.2)


@pytest.mark.parametrize(
    ("container", "codec", "name"),
    [
        ("mp3", "libmp3lame", "mp3"),
        ("mp2", "mp2", "mp3"),
        ("flac", "flac", "flac"),
        ("ogg", "libopus", "ogg"),
        ("webm", "libopus", "webm"),
        ("mp4", "aac", "mp4"),
        ("adts", "aac", "aac"),
        ("wav", "pcm_mulaw", "wav"),
    ],
)
def test_files_of_ffmpeg(container: str, codec: str, name: str) -> None:
    assert sniff(written(container, codec, SOUND)) == name


def test_mp3_without_a_tag_is_known_by_its_frame() -> None:
    assert sniff(written("mp3", "libmp3lame", SOUND, options={"id3v2_version": "0"})) == "mp3"


@pytest.mark.parametrize("codec", ["libmp3lame", "mp2"])
@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("bit_rate", [32_000, 64_000, 128_000, 160_000])
def test_bare_mpeg_frames_of_every_rate(codec: str, rate: int, bit_rate: int) -> None:
    options = {"id3v2_version": "0"} if codec == "libmp3lame" else None
    container = "mp3" if codec == "libmp3lame" else "mp2"
    assert sniff(written(container, codec, tone(0.2, rate), bit_rate=bit_rate, options=options)) == "mp3"


@pytest.mark.parametrize("rate", [8_000, 12_000, 11_025])
def test_bare_mpeg_frames_of_low_rates(rate: int) -> None:
    options = {"id3v2_version": "0"}
    assert sniff(written("mp3", "libmp3lame", tone(0.5, rate), bit_rate=32_000, options=options)) == "mp3"


@pytest.mark.parametrize("start", [b"\xff\xfb\x90\x00", b"\xff\xe4\x22\x79", b"\xff\xf1\x50\x80\x10\x00\x00"])
def test_one_header_before_noise_is_chance(start: bytes) -> None:
    assert sniff(start + bytes(5000)) is None


@pytest.mark.parametrize("family", [b"RIFF", b"RF64", b"BW64"])
def test_wav_of_any_size(family: bytes) -> None:
    assert sniff(family + write_wav(SOUND)[4:]) == "wav"


def test_what_follows_an_id3_tag_decides() -> None:
    tag = b"ID3\x03\0\0\0\0\x01\x00" + bytes(128)
    assert sniff(tag + b"fLaC" + bytes(20)) == "flac"
    assert sniff(tag + bytes(20)) == "mp3"
    assert sniff(tag) == "mp3"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfb",
        b"RIFF\0\0\0\0AVI ",
        b"#EXTM3U\n#EXTINF:1,\n/etc/passwd",
        b"ffconcat version 1.0\nfile /etc/passwd",
        b";FFMETADATA1\ntitle=x",
        b"%PDF-1.7 and so on",
        b"\xff\xff\xff\xff",
        b"\xff\xe9\x90\x00",
    ],
)
def test_none_we_read(data: bytes) -> None:
    assert sniff(data) is None


@given(st.binary(max_size=64))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    sniff(data)
    sniff(b"ID3" + data)
    sniff(b"\xff\xf1" + data)
    sniff(b"\xff\xfb" + data)
