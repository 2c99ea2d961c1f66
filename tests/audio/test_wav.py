import io
import struct
import subprocess
import sys
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audio.making import chunk, riff, tone, wav
from vivavoce.audio.wav import read_wav, wav_header, write_wav
from vivavoce.core.audio import Pcm

SOUND = tone(0.2)
FORM = struct.pack("<HHIIHH", 1, 1, 24_000, 48_000, 2, 16)
PCM_GUID = bytes.fromhex("0100000000001000800000aa00389b71")
FLOAT_GUID = bytes.fromhex("0300000000001000800000aa00389b71")


def extensible(guid: bytes) -> bytes:
    return wav(SOUND.data, tag=0xFFFE, extra=struct.pack("<HHI", 22, 16, 4) + guid)


def test_what_is_written_is_read() -> None:
    assert read_wav(write_wav(SOUND)) == SOUND


def test_the_standard_library_reads_what_is_written() -> None:
    with wave.open(io.BytesIO(write_wav(SOUND))) as file:
        assert file.getparams()[:4] == (1, 2, 24_000, SOUND.samples)
        assert file.readframes(SOUND.samples) == SOUND.data


def test_header_is_44_bytes_with_true_sizes() -> None:
    header = wav_header(100, 24_000)
    assert len(header) == 44
    assert struct.unpack_from("<I", header, 4) == (136,)
    assert struct.unpack_from("<I", header, 40) == (100,)


@pytest.mark.parametrize(("size", "rate"), [(-1, 24_000), (2**32, 24_000), (2, 0), (2, 384_001)])
def test_header_refuses_what_a_wav_cannot_be(size: int, rate: int) -> None:
    with pytest.raises(ValueError, match=r"WAV|rate"):
        wav_header(size, rate)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0xFFFFFFFE, 1_000_000])
def test_sizes_that_are_unknown_or_too_large_mean_to_the_end(size: int) -> None:
    data = riff(chunk(b"fmt ", FORM), chunk(b"data", SOUND.data, size), size=size)
    assert read_wav(data) == SOUND


def test_cut_short_it_is_heard_as_far_as_it_goes() -> None:
    assert read_wav(write_wav(SOUND)[: 44 + 1001]) == Pcm(SOUND.data[:1000], 24_000)


def test_chunks_around_the_sound_are_passed_over() -> None:
    odd = chunk(b"LIST", b"odd")
    data = riff(odd, chunk(b"fmt ", FORM), chunk(b"fact", bytes(4)), odd, chunk(b"data", SOUND.data), odd)
    assert read_wav(data) == SOUND


def test_extensible_pcm_is_plain() -> None:
    assert read_wav(extensible(PCM_GUID)) == SOUND


def test_no_samples_are_an_empty_sound() -> None:
    assert read_wav(write_wav(Pcm(b"", 8000))) == Pcm(b"", 8000)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"RIFF\0\0\0\0AVI LIST", id="not WAVE"),
        pytest.param(riff(), id="no chunks"),
        pytest.param(riff(chunk(b"data", SOUND.data)), id="no format"),
        pytest.param(riff(chunk(b"data", SOUND.data), chunk(b"fmt ", FORM)), id="sound before its format"),
        pytest.param(riff(chunk(b"fmt ", FORM)), id="no sound"),
        pytest.param(riff(chunk(b"fmt ", FORM[:10]), chunk(b"data", b"")), id="short format"),
        pytest.param(riff(chunk(b"JUNK", b"", 0xFFFFFFF0), chunk(b"fmt ", FORM)), id="chunk past the end"),
        pytest.param(wav(SOUND.data, channels=2), id="stereo"),
        pytest.param(wav(SOUND.data, channels=65_535, rate=100_000_000), id="65535 channels at 100 MHz"),
        pytest.param(wav(SOUND.data, bits=8), id="8 bits"),
        pytest.param(wav(SOUND.data, bits=24), id="24 bits"),
        pytest.param(wav(SOUND.data, tag=3, bits=32), id="float"),
        pytest.param(wav(SOUND.data, tag=7, bits=8), id="mu-law"),
        pytest.param(wav(SOUND.data, tag=2, bits=4), id="ADPCM"),
        pytest.param(extensible(FLOAT_GUID), id="extensible float"),
        pytest.param(wav(SOUND.data, rate=0), id="no rate"),
        pytest.param(wav(SOUND.data, rate=384_001), id="too high a rate"),
    ],
)
def test_anything_else_is_left_to_the_media_process(data: bytes) -> None:
    assert read_wav(data) is None


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    for candidate in (data, riff(data), riff(chunk(b"fmt ", FORM), data)):
        pcm = read_wav(candidate)
        assert pcm is None or len(pcm.data) % 2 == 0


@given(st.binary(max_size=100).filter(lambda data: len(data) % 2 == 0), st.integers(1, 384_000))
def test_every_sound_survives(data: bytes, rate: int) -> None:
    assert read_wav(write_wav(Pcm(data, rate))) == Pcm(data, rate)


def test_the_server_side_modules_load_no_numpy() -> None:
    heavy = "{'numpy', 'av', 'soxr'} & set(sys.modules)"
    code = f"import sys, vivavoce.audio.wav, vivavoce.audio.sniff, vivavoce.audio.limits; sys.exit(bool({heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
