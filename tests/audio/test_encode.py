import pytest

from tests.audio.making import last, pitch, tone
from vivavoce.audio.decode import decode
from vivavoce.audio.encode import encode
from vivavoce.audio.limits import Limits
from vivavoce.audio.sniff import sniff
from vivavoce.core.audio import Pcm
from vivavoce.core.errors import BadRequest

FORMATS = {"mp3": "mp3", "flac": "flac", "opus": "ogg", "aac": "aac"}
ROOMY = Limits(seconds=60, decoded_bytes=100_000_000)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("seconds", [0.1, 1.0, 3.0337])
def test_it_sounds_the_same_and_as_long_when_decoded(form: str, seconds: float) -> None:
    sound = tone(seconds)
    file = last(encode(sound, form))
    assert sniff(file) == FORMATS[form]
    heard = last(decode(file, ROOMY, 24_000))
    assert heard.seconds == pytest.approx(sound.seconds, abs=0 if form == "flac" else 0.1)
    assert pitch(heard) == pytest.approx(440, abs=5)


def test_flac_is_the_very_samples_at_any_rate() -> None:
    sound = tone(0.5, rate=22_050)
    assert last(decode(last(encode(sound, "flac")), ROOMY, 0)) == sound


@pytest.mark.parametrize("form", ["mp3", "aac", "opus"])
def test_other_rates_are_brought_to_24_khz(form: str) -> None:
    heard = last(decode(last(encode(tone(1, rate=16_000), form)), ROOMY, 0))
    assert heard.rate == (48_000 if form == "opus" else 24_000)  # Opus always decodes to 48 kHz
    assert heard.seconds == pytest.approx(1, abs=0.1)


def test_mp3_is_128_kbit_constant_from_the_first_byte() -> None:
    file = last(encode(tone(10), "mp3"))
    assert file[:2] == b"\xff\xf3"
    assert len(file) * 8 / 10 == pytest.approx(128_000, rel=0.02)


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_sound_is_no_failure(form: str) -> None:
    assert len(last(encode(Pcm(b"", 24_000), form))) < 200


def test_it_says_that_it_still_works() -> None:
    assert list(encode(tone(5), "aac")).count(None) >= 5


def test_another_format_is_refused() -> None:
    with pytest.raises(BadRequest, match="Supported values are: 'aac', 'flac', 'mp3', 'opus'") as refused:
        last(encode(tone(1), "midi"))
    assert (refused.value.param, refused.value.code) == ("audio.format", "invalid_value")
