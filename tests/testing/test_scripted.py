from collections.abc import AsyncIterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.engines import Hearing, Utterance
from vivavoce.core.turn import Sampling, TextDelta, Turn, TurnDone, Usage
from vivavoce.testing import Hears, Says, Scripted, Speaks
from vivavoce.testing.scripted import tokens, tone


async def once(*pcm: Pcm) -> AsyncIterator[Pcm]:
    for one in pcm:
        yield one


def turn(**sampling: object) -> Turn:
    return Turn((), sampling=Sampling(**sampling))  # type: ignore[arg-type]


async def said(engine: Scripted, asked: Turn) -> tuple[str, TurnDone]:
    *words, done = [event async for event in engine.generate(asked)]
    assert isinstance(done, TurnDone)
    return "".join(word.text for word in words if isinstance(word, TextDelta)), done


def test_its_options_come_from_toml() -> None:
    toml = 'says = "Hi."\ntoken_ms = 30\nhears = "x"\nhear_ms = 0\nchar_ms = 2\nspeech_ms = 60'
    options = msgspec.toml.decode(toml, type=Scripted.Options)
    assert Scripted(options).card().roles == ("hear", "think", "speak")
    with pytest.raises(msgspec.ValidationError, match="typo"):
        msgspec.toml.decode("typo = 1", type=Scripted.Options)


@settings(deadline=None)
@given(st.text(st.sampled_from("ab \n")))
def test_tokens_are_words_with_their_space_and_lose_nothing(text: str) -> None:
    assert "".join(tokens(text)) == text
    assert len(tokens(text)) == max(len(text.split()), bool(text))


@settings(deadline=None)
@given(st.floats(0, 3))
def test_a_tone_lasts_as_long_as_asked(seconds: float) -> None:
    pcm = tone(seconds)
    assert pcm.rate == SPOKEN_RATE
    assert pcm.seconds == pytest.approx(seconds, abs=1 / SPOKEN_RATE)
    assert not pcm.samples > 200 or any(pcm.data)


async def test_it_says_the_script_token_by_token() -> None:
    engine = Scripted(Scripted.Options(says="Hello there. Bye."))
    events = [event async for event in engine.generate(turn())]
    assert events == [*map(TextDelta, ("Hello ", "there. ", "Bye.")), TurnDone("stop", Usage(text_out=3))]
    assert await engine.count(["Hello there.", ""]) == [2, 0]


async def test_it_ends_where_its_tokens_or_a_stop_word_end_it() -> None:
    engine = Scripted(Scripted.Options(says="One two three"))
    assert await said(engine, turn(max_tokens=2)) == ("One two ", TurnDone("length", Usage(text_out=2)))
    assert await said(engine, turn(max_tokens=3)) == ("One two three", TurnDone("stop", Usage(text_out=3)))
    assert await said(engine, turn(stop=("three", " two"))) == ("One", TurnDone("stop", Usage(text_out=1)))


async def test_it_hears_what_the_script_says() -> None:
    (heard,) = [one async for one in Scripted(Scripted.Options()).transcribe(once(tone(1), tone(0.5)), Hearing())]
    assert (heard.text, heard.end_s, heard.final) == ("hello world", 1.5, True)


async def test_its_sound_lasts_as_long_as_the_words_and_the_speed_say() -> None:
    engine = Scripted(Scripted.Options(speech_ms=60))
    sounds = [pcm async for pcm in engine.synthesize(Utterance("Hello", "alloy", speed=2))]
    assert [pcm.seconds for pcm in sounds] == [0.15]


async def test_hears_hears_one_text_after_another_and_the_last_for_ever() -> None:
    ear = Hears("one", "two")
    texts = [[one.text async for one in ear.transcribe(once(), Hearing("de"))] for _ in range(3)]
    assert texts == [["one"], ["two"], ["two"]]
    assert ear.asked == [Hearing("de")] * 3


async def test_says_keeps_what_it_was_asked_and_says_each_piece_at_once() -> None:
    model, asked = Says("One two.", " Three."), turn()
    events = [event async for event in model.generate(asked)]
    assert events == [TextDelta("One two.", 2), TextDelta(" Three.", 1), TurnDone("stop", Usage(text_out=3))]
    assert model.asked == [asked]


async def test_speaks_keeps_what_it_was_asked() -> None:
    voice, say = Speaks(), Utterance("Hello", "alloy")
    assert [pcm.seconds async for pcm in voice.synthesize(say)] == [0.05]
    assert voice.asked == [say]
