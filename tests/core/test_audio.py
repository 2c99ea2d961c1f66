import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.core.audio import FRAME_SAMPLES, SPOKEN_RATE, Pcm, join

pcms = st.builds(Pcm, st.integers(0, 3000).map(lambda samples: b"ab" * samples), st.integers(1, 96_000))


def test_a_token_of_speech_is_50_ms() -> None:
    assert Pcm(bytes(FRAME_SAMPLES * 2), SPOKEN_RATE).seconds == 0.05


@settings(deadline=None)
@given(pcms)
def test_until_its_own_length_is_all_of_it(pcm: Pcm) -> None:
    assert pcm.until(pcm.seconds) == pcm
    assert pcm.until(pcm.seconds + 1) == pcm


@settings(deadline=None)
@given(pcms, st.floats(0, 1))
def test_until_keeps_whole_samples_from_the_start(pcm: Pcm, seconds: float) -> None:
    part = pcm.until(seconds)
    assert pcm.data.startswith(part.data)
    assert len(part.data) % 2 == 0
    assert part.samples == pytest.approx(min(seconds * pcm.rate, pcm.samples), abs=1)


def test_before_the_start_there_is_nothing() -> None:
    assert Pcm(b"abcd", 8000).until(-1).samples == 0


def test_joined_pieces_follow_one_another() -> None:
    assert join([Pcm(b"ab", 8000), Pcm(b"", 8000), Pcm(b"cd", 8000)], 8000) == Pcm(b"abcd", 8000)
    assert join([], 8000) == Pcm(b"", 8000)


def test_pieces_of_different_rates_are_not_joined() -> None:
    with pytest.raises(ValueError, match="different rates"):
        join([Pcm(b"ab", 8000), Pcm(b"cd", 16_000)], 8000)
