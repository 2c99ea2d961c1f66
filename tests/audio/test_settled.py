"""What of an encoded sound stays as it is when the sound goes on, shown with the real encoder."""

import random
from array import array

import pytest

from tests.audio.making import last, tone
from vivavoce.audio.decode import decode
from vivavoce.audio.encode import encode
from vivavoce.audio.limits import Limits
from vivavoce.audio.settled import endless, settled
from vivavoce.audio.sniff import sniff
from vivavoce.core.audio import Pcm

FORMS = {"mp3": "mp3", "aac": "aac", "flac": "flac", "opus": "ogg"}
RATE = 24_000
SECONDS = 9.0


def sound(seed: int) -> Pcm:
    """Tones with noise over them that comes and goes: work for the encoder's rate control."""
    chance = random.Random(seed)  # noqa: S311 - the same noise each time
    hum = array("h", tone(SECONDS).data)
    loud = [chance.choice([0, 50, 8000]) for _ in range(40)]
    noisy = [max(-32768, min(32767, value + int(chance.gauss(0, loud[at % 40])))) for at, value in enumerate(hum)]
    return Pcm(array("h", noisy).tobytes(), RATE)


def file(pcm: Pcm, form: str) -> bytes:
    return endless(last(encode(pcm, form)), form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", [1, 2])
def test_settled_bytes_are_those_of_every_longer_sound(form: str, seed: int) -> None:
    pcm = sound(seed)
    whole = file(pcm, form)
    chance = random.Random(seed)  # noqa: S311 - the same noise each time
    for seconds in (1.0, 2.5, *(chance.uniform(1, SECONDS) for _ in range(12))):
        begun = file(pcm.until(seconds), form)
        ready = settled(begun, form)
        assert whole.startswith(begun[:ready]), seconds
        assert seconds < 3.5 or ready > 0.2 * len(begun)


@pytest.mark.parametrize("form", FORMS)
def test_an_endless_file_is_the_same_sound(form: str) -> None:
    pcm = sound(3)
    data = file(pcm, form)
    assert sniff(data) == FORMS[form]
    heard = last(decode(data, Limits(60, 10**8), RATE))
    assert heard.seconds == pytest.approx(SECONDS, abs=0.1)
    assert form != "flac" or heard == pcm


def test_an_endless_mp3_begins_with_sound_and_an_endless_flac_tells_no_length() -> None:
    pcm = tone(1.0)
    assert b"Info" in last(encode(pcm, "mp3"))[:64]
    assert b"Info" not in file(pcm, "mp3")[:400]
    assert file(pcm, "flac")[21:42] == bytes([0xF0]) + bytes(20)


@pytest.mark.parametrize("form", FORMS)
def test_no_sound_at_all_is_no_trouble(form: str) -> None:
    data = file(Pcm(b"", RATE), form)
    assert settled(data, form) <= len(data)
