"""The checks say, in one line, what an engine does not keep."""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Card, Hearing, Speaking, Transcript, Utterance, Word
from vivavoce.core.errors import BadRequest, EngineFailed
from vivavoce.core.turn import AudioDelta, Send, TextDelta, ToolCallDelta, Turn, TurnDone
from vivavoce.testing import (
    Scripted,
    check_language_model,
    check_responder,
    check_speaker,
    check_synthesizer,
    check_transcriber,
)
from vivavoce.testing.scripted import tone

RATE = 16_000


class Hears:
    """Blocking; hears what it is told to."""

    hears_at = RATE

    def __init__(self, hear: Callable[[Pcm, Hearing], Iterator[Any]], card: Card | None = None) -> None:
        self._hear = hear
        self._card = card or Card("hears", ("hear",))

    def card(self) -> Card:
        return self._card

    def transcribe(self, audio: Pcm, ask: Hearing) -> Iterator[Any]:
        yield from self._hear(audio, ask)


def well(audio: Pcm, ask: Hearing) -> Iterator[Transcript | None]:
    yield Transcript("on", False)
    yield None
    words = (Word("one", 0.0, audio.seconds, 0.5),) if ask.words else ()
    yield Transcript("one", end_s=audio.seconds, words=words)


def hears(**off: Any) -> Callable[[Pcm, Hearing], Iterator[Any]]:
    """Hear well, but for some fields of the last transcript."""

    def hear(audio: Pcm, ask: Hearing) -> Iterator[Any]:
        *before, last = well(audio, ask)
        yield from before
        yield replace(last, **off)  # type: ignore[type-var]

    return hear


def raises(error: Exception) -> Callable[..., Iterator[Any]]:
    def call(*_: object) -> Iterator[Any]:
        yield None
        raise error

    return call


def slow(_audio: Pcm, _ask: Hearing) -> Iterator[Any]:
    time.sleep(0.2)
    yield Transcript("")


def sticky(*_: object) -> Iterator[Any]:
    try:
        yield Transcript("")
    except GeneratorExit:
        raise ValueError("it does not want to go") from None


async def test_a_good_pair_of_ears_passes() -> None:
    await check_transcriber(Hears(well))
    picky = Hears(lambda audio, ask: raises(BadRequest("no"))() if ask.language == "xx" else well(audio, ask))
    await check_transcriber(picky)


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (Hears(well, Card("x", ("speak",))), "card: its roles are without 'hear'"),
        (Hears(well, Card("x", ("hear", "sing"))), "card: a role is none of"),
        (Hears(well, Card("x", ("hear",), parallel=0)), "card: it serves no call at once"),
        (Hears(well, Card("x", ("hear",), languages=("english",))), "card: a language is not of ISO-639-1"),
        (Hears(lambda *_: iter(["one"])), "it yields str, not Transcript"),
        (Hears(lambda *_: iter([])), "no transcript is final"),
        (Hears(lambda *_: iter([Transcript("one"), Transcript("one", False)])), "the last transcript is not final"),
        (Hears(hears(text=" one")), "a text has blanks around it"),
        (Hears(hears(start_s=-1.0)), "times are not in order"),
        (Hears(hears(end_s=9.0)), "times are not in order, or after the sound"),
        (Hears(hears(confidence=1.5)), "a confidence is not from 0 to 1"),
        (Hears(hears(words=(Word("one", 0, 1),))), "there are words that nobody asked for"),
        (Hears(lambda _, ask: iter([Transcript("a", words=(Word("a", 1, 0),) * ask.words)])), "words are not in order"),
        (Hears(lambda _, ask: iter([Transcript("a", words=(Word(" ", 0, 0),) * ask.words)])), "a word is empty"),
        (Hears(raises(KeyError("a bug"))), "it raises KeyError, which is no PublicError"),
        (Hears(slow), "an item takes over 0 s"),
        (Hears(sticky), "ValueError when it is left"),
        (
            Hears(
                lambda audio, ask: raises(BadRequest("no"))() if ask.language else well(audio, ask),
                Card("x", ("hear",), languages=("de",)),
            ),
            "it refuses 'de', which its card has",
        ),
    ],
)
async def test_ears_that_keep_something_not(engine: Hears, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        await check_transcriber(engine, step_s=0.1 if "over" in said else 10)


class Speaks:
    """Blocking; says what it is told to."""

    def __init__(self, say: Callable[[Utterance], Iterator[Any]], voices: Sequence[str] = ("one",)) -> None:
        self._say = say
        self._voices = tuple(voices)

    def card(self) -> Card:
        return Card("speaks", ("speak",), self._voices)

    def synthesize(self, say: Utterance) -> Iterator[Any]:
        yield from self._say(say)


def sounds(say: Utterance) -> Iterator[Pcm | None]:
    yield None
    for _ in say.text.split():
        yield Pcm(bytes(2 * int(800 / say.speed)), RATE)


def only_once() -> Callable[[Utterance], Iterator[Any]]:
    """What goes wrong once a call has been left."""
    left: list[bool] = []

    def say(asked: Utterance) -> Iterator[Any]:
        try:
            yield from [] if left else sounds(asked)
        except GeneratorExit:
            left.append(True)
            raise

    return say


async def test_a_good_voice_passes() -> None:
    await check_synthesizer(Speaks(sounds))
    strict = Speaks(lambda say: sounds(say) if say.voice == "one" else raises(BadRequest("no"))())
    await check_synthesizer(strict)


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (Speaks(sounds, ("a", "a")), "voices are empty or twice there"),
        (Speaks(lambda _: iter([b"sound"])), "it yields bytes, not Pcm"),
        (Speaks(lambda _: iter([Pcm(b"odd", RATE)])), "half a sample"),
        (Speaks(lambda _: iter([Pcm(b"", 0)])), "a rate of 0 Hz"),
        (Speaks(lambda _: iter([Pcm(b"", RATE), Pcm(b"", 8000)])), "several rates in one call"),
        (Speaks(lambda _: iter([])), "voice 'one' says nothing"),
        (Speaks(lambda _: iter([tone(1)])), "speed changes nothing"),
        (Speaks(lambda say: iter([tone(1 / say.speed)])), "more text is not more sound"),
        (Speaks(only_once()), "a call that was left spoils the next"),
        (
            Speaks(lambda say: sounds(say) if say.text.strip() else raises(BadRequest("no"))()),
            "it refuses a text for what is in it",
        ),
        (
            Speaks(lambda say: sounds(say) if say.voice == "one" else raises(EngineFailed())()),
            "an unknown voice is not a BadRequest",
        ),
    ],
)
async def test_a_voice_that_keeps_something_not(engine: Speaks, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        await check_synthesizer(engine)


class Thinks:
    """Blocking; thinks what it is told to."""

    def __init__(self, *events: Any, counts: Sequence[Any] | None = None) -> None:
        self._events = events
        self._counts = counts

    def card(self) -> Card:
        return Card("thinks", ("think",))

    def generate(self, turn: Turn) -> Iterator[Any]:
        del turn
        yield from self._events

    def count(self, texts: Sequence[str]) -> Sequence[Any]:
        return [len(text) for text in texts] if self._counts is None else self._counts


WORD, DONE = TextDelta("Hm."), TurnDone()


async def test_a_good_mind_passes() -> None:
    await check_language_model(Thinks(None, WORD, None, DONE))


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (Thinks(WORD), "TurnDone is not the last"),
        (Thinks(DONE, WORD, DONE), "TurnDone comes twice"),
        (Thinks("word", DONE), "it yields str"),
        (Thinks(DONE), "no words"),
        (Thinks(WORD, WORD, DONE), "more than max_tokens"),
        (Thinks(WORD, ToolCallDelta(0, "{}"), DONE), "a tool's call begins without id or name"),
        (Thinks(WORD, ToolCallDelta(0, "{}", "call_1", "f"), DONE), "a tool nobody offered"),
        (Thinks(WORD, TurnDone("bored")), "it ends for no reason that there is"),  # type: ignore[arg-type]
        (Thinks(WORD, DONE, counts=[1]), "not one number a text"),
        (Thinks(WORD, DONE, counts=[]), "not one number a text"),
    ],
)
async def test_a_mind_that_keeps_something_not(engine: Thinks, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        await check_language_model(engine)


class Answers:
    """Async; answers as it is told to."""

    def __init__(self, answer: Callable[[Turn], Sequence[Any]]) -> None:
        self._answer = answer

    def card(self) -> Card:
        return Card("answers", ("respond",))

    async def respond(self, turn: Turn, send: Send) -> None:
        for event in self._answer(turn):
            await send(event)
            await asyncio.sleep(0)


class AnswersBlocking(Answers):
    """The same, blocking."""

    def respond(self, turn: Turn) -> Iterator[Any]:  # type: ignore[override]
        yield from self._answer(turn)


def aloud(turn: Turn, sound: Pcm | None = None, end: int = 3) -> list[Any]:
    spoken = [AudioDelta(sound or tone(0.1), end)] if turn.voice else []
    return [TextDelta("Hm."), *spoken, TurnDone()]


async def test_one_that_answers_well_passes() -> None:
    await check_responder(Answers(aloud))
    await check_responder(AnswersBlocking(lambda turn: aloud(turn, Pcm(bytes(200), RATE))))


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (Answers(lambda turn: aloud(turn)[:-1]), "TurnDone is not the last"),
        (Answers(lambda turn: aloud(replace(turn, voice=None))), "no sound where a voice is asked for"),
        (Answers(lambda turn: aloud(replace(turn, voice="alloy"))), "sound where no voice is asked for"),
        (Answers(lambda turn: aloud(turn, end=9)), "text_end goes back, or too far"),
        (Answers(lambda turn: aloud(turn, Pcm(bytes(200), RATE))), "an async engine's sound has 24000 Hz"),
        (Answers(lambda turn: [][turn]), "it raises TypeError, which is no PublicError"),  # type: ignore[call-overload]
    ],
)
async def test_one_that_answers_otherwise(engine: Answers, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        await check_responder(engine)


class Deaf(Scripted):
    """An async engine that never answers."""

    async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> AsyncIterator[Transcript]:  # type: ignore[override]
        await asyncio.Event().wait()
        yield Transcript("")


async def test_an_async_engine_that_never_answers() -> None:
    with pytest.raises(AssertionError, match="transcribe: an item takes over 0 s"):
        await check_transcriber(Deaf(Scripted.Options()), step_s=0.05)


class Reads:
    """Takes words as they come: a tone for each, and how far it says that it is."""

    def __init__(self, ahead: int = 0, *, says: Any = None, short: bool = False) -> None:
        self._ahead, self._says, self._short = ahead, says, short

    def card(self) -> Card:
        return Card("reads", ("speak",))

    async def speak(self, words: AsyncIterable[str], ask: Speaking) -> AsyncIterator[Any]:
        assert ask.voice == "alloy"
        end = 0
        async for word in words:
            end += len(word) - self._short
            yield self._says or AudioDelta(tone(0.01), end + self._ahead)


async def test_a_good_speaker_of_words_passes() -> None:
    await check_speaker(Reads())


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (Reads(1), "text_end goes back, or too far"),
        (Reads(short=True), "has not all of the text said"),
        (Reads(says="sound"), "it yields str, not AudioDelta"),
        (Reads(says=AudioDelta(Pcm(b"", 24_000), 0)), "no sound"),
        (Reads(says=AudioDelta(Pcm(b"ab", 8_000), 0)), "sound has 24000 Hz"),
    ],
)
async def test_speakers_of_words_that_keep_something_not(engine: Reads, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        await check_speaker(engine)
