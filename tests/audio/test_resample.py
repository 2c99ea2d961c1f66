import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.making import pieces, pitch, tone
from vivavoce.audio.resample import Resampler, resample
from vivavoce.core.audio import Pcm

RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("to", [16_000, 24_000])
def test_length_and_pitch_stay(rate: int, to: int) -> None:
    there = resample(tone(1, rate), to)
    assert there.rate == to
    assert there.samples == to
    assert pitch(there) == pytest.approx(440, abs=1)


def test_equal_rates_change_nothing() -> None:
    sound = tone(0.5)
    assert resample(sound, 24_000) is sound
    same = Resampler(24_000, 24_000)
    assert same.feed(sound.data) + same.end() == sound.data


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(RATES), st.sampled_from(RATES), st.integers(0, 30_000), st.integers(1, 5_000))
def test_pieces_add_up_to_the_exact_length(rate: int, to: int, samples: int, piece: int) -> None:
    resampler = Resampler(rate, to)
    out = b"".join(resampler.feed(data) for data in pieces(bytes(samples * 2), piece * 2)) + resampler.end()
    assert abs(len(out) / 2 - samples * to / rate) <= 1


def test_pieces_sound_as_the_whole() -> None:
    sound = tone(1, 22_050)
    resampler = Resampler(22_050, 24_000)
    out = b"".join(resampler.feed(data) for data in pieces(sound.data, 2 * 441)) + resampler.end()
    whole = np.frombuffer(resample(sound, 24_000).data, "<i2").astype(int)
    assert np.abs(np.frombuffer(out, "<i2") - whole).max() <= 1  # soxr's, of what lies between two whole numbers


def test_the_same_sound_comes_out_the_same() -> None:
    noise = np.random.default_rng(7).integers(-9000, 9000, 48_000).astype("<i2").tobytes()
    first = resample(Pcm(noise, 16_000), 24_000)
    kept = [Resampler(16_000, 24_000) for _ in range(5)]  # so that the next is elsewhere in memory
    assert all(resample(Pcm(noise, 16_000), 24_000) == first for _ in range(5))
    assert len(kept) == 5
    quiet = np.frombuffer(resample(Pcm(bytes(9600), 16_000), 24_000).data, "<i2")
    assert set(quiet) == {-1, 0, 1}


def test_a_loud_sound_does_not_wrap_round() -> None:
    square = np.repeat(np.tile(np.array([32_767, -32_768], "<i2"), 100), 40)
    up = np.frombuffer(resample(Pcm(square.tobytes(), 16_000), 24_000).data, "<i2").astype(int)
    assert up[10:50].min() > 20_000


@pytest.mark.parametrize(("rate", "to"), [(0, 24_000), (24_000, 0), (-1, -1)])
def test_rates_are_positive(rate: int, to: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        Resampler(rate, to)


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="size"):
        Resampler(16_000, 24_000).feed(b"abc")
