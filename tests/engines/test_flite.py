"""Flite, where the system has it."""

import time
from array import array
from collections.abc import Callable

import pytest

from vivavoce.core.audio import Pcm, join
from vivavoce.core.engines import Utterance
from vivavoce.core.errors import BadRequest
from vivavoce.engines import libflite
from vivavoce.engines.flite import VOICES, Flite
from vivavoce.engines.libflite import FliteMissing

needs_flite = pytest.mark.skipif(not libflite.installed(), reason=libflite.MISSING)
OPENAI = {
    *("alloy", "ash", "ballad", "coral", "echo", "fable", "nova"),
    *("onyx", "sage", "shimmer", "verse", "marin", "cedar"),
}
NASTY = {
    "emoji": "😀 👩‍👩‍👧",
    "NUL": "one\0two",
    "long": "word " * 1000,
    "one long word": "a" * 5000,
    "digits": "1" * 600,
    "markup": "<speak>hi <break time='10s'/></speak> &amp; <!--",
    "French": "Où est la bibliothèque ? Ça va être l'été.",
    "Chinese": "你好，世界。",
    "formats": "%s %n %d \\ \x01\x7f",
    "surrogate": "lone \ud800 half",
    "punctuation": "... !? ( [ { ' \"",
}


@pytest.fixture(scope="module")
def voice() -> Flite:
    return Flite()


def said(voice: Flite, say: Utterance) -> Pcm:
    chunks = [chunk for chunk in voice.synthesize(say) if chunk]
    return join(chunks, chunks[0].rate) if chunks else Pcm(b"", 16_000)


@needs_flite
@pytest.mark.parametrize("name", VOICES)
def test_every_voice_speaks(voice: Flite, name: str) -> None:
    pcm = said(voice, Utterance("Good morning, how are you?", name))
    assert 0.8 < pcm.seconds < 3
    assert 3_000 < max(array("h", pcm.data)) < 32_767
    assert pcm.rate == round(16_000 * VOICES[name].rate)


@needs_flite
def test_the_card_has_the_openai_voices(voice: Flite) -> None:
    card = voice.card()
    assert OPENAI | {"slt", "rms", "awb", "kal16"} == set(card.voices)
    assert (card.roles, card.languages, card.parallel) == (("speak",), ("en",), 1)


@needs_flite
def test_the_same_words_sound_the_same(voice: Flite) -> None:
    say = Utterance("The same again, please.", "alloy")
    first = said(voice, say)
    said(voice, Utterance("Something else.", "onyx", speed=2.0))
    assert said(voice, say) == first


@needs_flite
def test_it_streams(voice: Flite) -> None:
    said(voice, Utterance("warm up", "alloy"))
    start, first = time.process_time(), 0.0
    chunks: list[Pcm] = []
    for chunk in voice.synthesize(
        Utterance("This is a sentence of some length, said to see how soon it is heard.", "alloy")
    ):
        if chunk:
            first = first or time.process_time() - start
            chunks.append(chunk)
    assert len(chunks) > 10
    assert chunks[0].seconds < 0.1
    assert first < 0.5


@needs_flite
@pytest.mark.parametrize(("speed", "low", "high"), [(0.25, 3.0, 5.0), (2.0, 0.4, 0.6), (4.0, 0.2, 0.4)])
def test_speed(voice: Flite, speed: float, low: float, high: float) -> None:
    words = "How long does it take to say this?"
    usual = said(voice, Utterance(words, "alloy")).seconds
    assert low < said(voice, Utterance(words, "alloy", speed=speed)).seconds / usual < high


@needs_flite
def test_stopping_in_the_middle(voice: Flite) -> None:
    before = said(voice, Utterance("still here", "alloy"))
    for taken in (1, 3, 100):
        call = voice.synthesize(Utterance("These words go on and on. " * 50, "alloy"))
        for _ in range(taken):
            next(call)
        start = time.process_time()
        call.close()  # type: ignore[attr-defined]
        assert time.process_time() - start < 1.0
        assert said(voice, Utterance("still here", "alloy")) == before


@needs_flite
def test_closing_before_the_start(voice: Flite) -> None:
    voice.synthesize(Utterance("never said", "alloy")).close()  # type: ignore[attr-defined]
    assert said(voice, Utterance("hello", "alloy")).seconds > 0.3


@needs_flite
def test_two_engines_do_not_mix(voice: Flite) -> None:
    other, say = Flite(), Utterance("one and two and three", "echo")
    assert said(other, say) == said(voice, say)


@needs_flite
@pytest.mark.parametrize("text", ["", " \n\t", "...", "😀", "你好"])
def test_nothing_to_say_is_no_sound(voice: Flite, text: str) -> None:
    assert list(voice.synthesize(Utterance(text, "alloy"))) == []


@needs_flite
@pytest.mark.parametrize("name", ["alloy", "kal16"])
@pytest.mark.parametrize("kind", NASTY)
def test_nasty_text_is_survived_in_silence(
    voice: Flite, name: str, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    heard = 0.0
    for chunk in voice.synthesize(Utterance(NASTY[kind], name, language="fr" if kind == "French" else "en")):
        heard += chunk.seconds if chunk else 0
        if heard > 30:
            break
    assert said(voice, Utterance("still alive", name)).seconds > 0.3
    assert capfd.readouterr() == ("", "")


@needs_flite
def test_an_unknown_voice_names_the_known(voice: Flite) -> None:
    with pytest.raises(BadRequest) as caught:
        list(voice.synthesize(Utterance("hello", "nobody")))
    assert caught.value.message.startswith("Invalid value: 'nobody'. Supported values are: 'alloy', 'ash',")
    assert (caught.value.param, caught.value.code) == ("audio.voice", "invalid_value")


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: Callable[[str], None] = lambda _: None  # noqa: E731
    monkeypatch.setattr(libflite, "find_library", nothing)
    assert not libflite.installed()
    with pytest.raises(FliteMissing, match="apt install flite"):
        Flite()
