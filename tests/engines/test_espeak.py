"""eSpeak NG, from its wheel."""

import time
from array import array

import pytest

from vivavoce.core.audio import Pcm, join
from vivavoce.core.engines import Utterance
from vivavoce.core.errors import BadRequest
from vivavoce.engines.espeak import VOICES, Espeak

NASTY = {
    "emoji": "😀 👩‍👩‍👧",
    "NUL": "one\0two",
    "long": "word " * 1000,
    "one long word": "a" * 5000,
    "digits": "1" * 5000,
    "markup": "<speak>hi <break time='10s'/></speak> &amp; <!-- [[h@'loU]] <audio src='/etc/passwd'/>",
    "Chinese": "你好，世界。" * 100,
    "ligatures": "ﷺ" * 300,
    "formats": "%s %n %d \\ \x01\x7f",
    "surrogate": "lone \ud800 half",
    "punctuation": "... !? ( [ { ' \"",
}
HELLO = {
    "de": "Guten Tag",
    "fr": "Bonjour",
    "ja": "こんにちは",
    "zh": "你好",
    "ar": "مرحبا",
    "ru": "Привет",
    "no": "God dag",
}


@pytest.fixture(scope="module")
def voice() -> Espeak:
    return Espeak()


def said(voice: Espeak, say: Utterance) -> Pcm:
    return join([chunk for chunk in voice.synthesize(say) if chunk], 22_050)


@pytest.mark.parametrize("name", VOICES)
def test_every_voice_speaks(voice: Espeak, name: str) -> None:
    pcm = said(voice, Utterance("Good morning, how are you?", name))
    assert 0.8 < pcm.seconds < 3
    assert max(array("h", pcm.data)) > 5_000


def test_every_voice_is_another(voice: Espeak) -> None:
    assert len({said(voice, Utterance("hello there", name)).data for name in VOICES}) == 13


def test_its_card(voice: Espeak) -> None:
    card = voice.card()
    assert len(card.voices) == 13
    assert len(card.languages) > 90
    assert {"en", "fr", "zh", "nb", "no", "hi"} < set(card.languages)
    assert "py" not in card.languages
    assert card.note == "a robotic voice"
    assert card.parallel == 1


def test_every_language_of_the_card_speaks(voice: Espeak, capfd: pytest.CaptureFixture[str]) -> None:
    for language in voice.card().languages:
        pcm = said(voice, Utterance("test 1 2 3", "nova", language))
        assert pcm.seconds > 0.3, language
        assert max(array("h", pcm.data)) > 1_000, language
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("language", HELLO)
def test_a_language_is_read_in_its_own_way(voice: Espeak, language: str) -> None:
    own = said(voice, Utterance(HELLO[language], "echo", language))
    assert own.seconds > 0.2
    assert own.samples != said(voice, Utterance(HELLO[language], "echo", "en")).samples


def test_an_unknown_language_is_read_as_english(voice: Espeak) -> None:
    words = "how do you do"
    english = said(voice, Utterance(words, "echo", "en-GB"))
    assert said(voice, Utterance(words, "echo", "xx")).seconds == pytest.approx(english.seconds, rel=0.01)


def test_the_same_words_take_the_same_time(voice: Espeak) -> None:
    # All but the same: its breath is random, and goes on from call to call.
    say = Utterance("The same again, please.", "alloy")
    first = said(voice, say)
    said(voice, Utterance("Etwas anderes.", "onyx", "de", 2.0))
    assert said(voice, say).seconds == pytest.approx(first.seconds, rel=0.01)


@pytest.mark.parametrize(
    ("speed", "low", "high"), [(0.25, 1.8, 2.5), (0.7, 1.3, 1.6), (2.0, 0.4, 0.65), (4.0, 0.2, 0.4)]
)
def test_speed(voice: Espeak, speed: float, low: float, high: float) -> None:
    words = "How long does it take to say this?"
    usual = said(voice, Utterance(words, "alloy")).seconds
    assert low < said(voice, Utterance(words, "alloy", speed=speed)).seconds / usual < high


def test_stopping_in_the_middle(voice: Espeak) -> None:
    call = voice.synthesize(Utterance("These words go on and on. " * 200, "alloy"))
    start = time.process_time()
    assert next(call)
    call.close()  # type: ignore[attr-defined]
    assert time.process_time() - start < 0.3
    assert 0.3 < said(voice, Utterance("hello", "alloy")).seconds < 2


@pytest.mark.parametrize("text", ["", " \n\t", "...", "😀"])
def test_nothing_to_say_is_no_sound(voice: Espeak, text: str) -> None:
    assert list(voice.synthesize(Utterance(text, "alloy"))) == []


@pytest.mark.parametrize("kind", NASTY)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_nasty_text_is_survived_in_silence(
    voice: Espeak, kind: str, language: str, capfd: pytest.CaptureFixture[str]
) -> None:
    list(voice.synthesize(Utterance(NASTY[kind], "alloy", language)))
    assert said(voice, Utterance("still alive", "alloy")).seconds > 0.3
    assert capfd.readouterr() == ("", "")


def test_markup_is_read_not_obeyed(voice: Espeak) -> None:
    assert said(voice, Utterance("a <break time='10s'/> b", "alloy")).seconds < 6


def test_an_unknown_voice_names_the_known(voice: Espeak) -> None:
    with pytest.raises(BadRequest) as caught:
        list(voice.synthesize(Utterance("hello", "nobody")))
    assert caught.value.message.startswith("Invalid value: 'nobody'. Supported values are: 'alloy', 'ash',")
    assert (caught.value.param, caught.value.code) == ("audio.voice", "invalid_value")
