"""Engines that stand in for one another, and engines that are given up in time."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from tests.support.jumping import timed
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Hearing, Speaking, Transcript, Utterance
from vivavoce.core.errors import BadRequest, EngineFailed, EngineTimeout, Overloaded, PublicError, RateLimited
from vivavoce.core.turn import (
    AudioDelta,
    Message,
    Send,
    Stream,
    Text,
    TextDelta,
    ToolCallDelta,
    Turn,
    TurnDone,
    TurnEvent,
)
from vivavoce.core.wrappers import Fallback, Timed
from vivavoce.testing import Hears, Says, Speaks
from vivavoce.testing.scripted import Scripted, tone

TURN = Turn((Message("user", (Text("Hi"),)),))
SAY = Utterance("Hello.", "alloy")
SOUND = [tone(0.25), tone(0.5)]


class Breaks:
    """Fails in every role, after giving `after` of what it has."""

    def __init__(self, error: PublicError | None = None, after: int = 0) -> None:
        self.error = error or EngineFailed()
        self.after = after
        self.asked = 0
        self.heard: list[Pcm] = []

    async def respond(self, turn: Turn, send: Send) -> None:
        async for event in self.generate(turn):
            await send(event)

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        del turn
        self.asked += 1
        for _ in range(self.after):
            yield TextDelta("broken ")
        raise self.error

    async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        del ask
        async for pcm in audio:
            self.heard.append(pcm)
            break
        for _ in range(self.after):
            yield Transcript("broken")
        raise self.error

    async def synthesize(self, say: Utterance) -> Stream[Pcm]:
        del say
        for _ in range(self.after):
            yield tone(0.1)
        raise self.error

    async def count(self, texts: Sequence[str]) -> list[int]:
        raise self.error


class Hangs:
    """Gives `after` of what it has, then nothing more; knows when it was let go."""

    def __init__(self, after: int = 0) -> None:
        self.after = after
        self.stopped = asyncio.Event()

    async def _hang(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped.set()

    async def respond(self, turn: Turn, send: Send) -> None:
        async for event in self.generate(turn):
            await send(event)

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        del turn
        for _ in range(self.after):
            yield TextDelta("well ")
        await self._hang()

    async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        del audio, ask
        for _ in range(self.after):
            yield Transcript("well")
        await self._hang()

    async def synthesize(self, say: Utterance) -> Stream[Pcm]:
        del say
        for _ in range(self.after):
            yield tone(0.1)
        await self._hang()

    async def count(self, texts: Sequence[str]) -> list[int]:
        del texts
        await self._hang()
        return []


class Answers:
    """A responder that says one thing."""

    async def respond(self, turn: Turn, send: Send) -> None:
        async with aclosing(Says("whole.").generate(turn)) as events:
            async for event in events:
                await send(event)


async def sound() -> Stream[Pcm]:
    for pcm in SOUND:
        yield pcm


async def thought(engine: Any) -> str:
    return "".join([event.text async for event in engine.generate(TURN) if isinstance(event, TextDelta)])


async def answered(engine: Any) -> list[TurnEvent]:
    events: list[TurnEvent] = []

    async def send(event: TurnEvent) -> None:
        events.append(event)

    await engine.respond(TURN, send)
    return events


async def heard(engine: Any) -> list[str]:
    return [transcript.text async for transcript in engine.transcribe(sound(), Hearing())]


async def said(engine: Any) -> float:
    return sum([pcm.seconds async for pcm in engine.synthesize(SAY)])


Role = Callable[[Any], Any]
ROLES: list[Role] = [thought, answered, heard, said]
WHOLE = {
    thought: Says("whole."),
    answered: Answers(),
    heard: Hears("whole"),
    said: Speaks(),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("error", [EngineFailed(), Overloaded(), RateLimited(), EngineTimeout()])
async def test_the_next_answers_where_one_fails_before_its_first_event(role: Role, error: PublicError) -> None:
    alone = await role(WHOLE[role])
    assert await role(Fallback([Breaks(error), Breaks(error), WHOLE[role]])) == alone


@pytest.mark.parametrize("role", ROLES)
async def test_the_others_are_not_asked_where_the_first_answers(role: Role) -> None:
    other = Breaks()
    assert await role(Fallback([WHOLE[role], other])) == await role(WHOLE[role])
    assert not other.asked
    assert not other.heard


@pytest.mark.parametrize("role", ROLES)
async def test_an_answer_that_has_begun_is_not_begun_again(role: Role) -> None:
    with pytest.raises(EngineFailed):
        await role(Fallback([Breaks(after=1), WHOLE[role]]))


@pytest.mark.parametrize("role", ROLES)
async def test_what_the_client_did_wrong_is_not_asked_of_another(role: Role) -> None:
    wrong = BadRequest("no such thing")
    with pytest.raises(BadRequest):
        await role(Fallback([Breaks(wrong), WHOLE[role]]))


@pytest.mark.parametrize("role", ROLES)
async def test_the_last_ones_error_is_told(role: Role) -> None:
    with pytest.raises(EngineTimeout):
        await role(Fallback([Breaks(Overloaded()), Breaks(EngineTimeout())]))


async def test_the_next_hears_the_whole_recording() -> None:
    first, second = Breaks(), Scripted(Scripted.Options())
    told = [found async for found in Fallback([first, second]).transcribe(sound(), Hearing())]
    assert first.heard == SOUND[:1]
    assert told[0].end_s == 0.75


async def test_silence_is_an_answer() -> None:
    class Silent(Scripted):
        async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
            for event in ():
                yield event

    assert await thought(Fallback([Silent(Scripted.Options()), Says("no")])) == ""


async def test_tokens_are_counted_by_the_first_that_can() -> None:
    assert await Fallback([Breaks(), Says("")]).count(["one two"]) == [2]
    with pytest.raises(EngineFailed):
        await Fallback([Breaks(), Breaks()]).count(["one two"])


@pytest.mark.parametrize("role", ROLES)
async def test_an_engine_that_never_begins_is_given_up(role: Role) -> None:
    engine = Hangs()
    with pytest.raises(EngineTimeout):
        await role(Timed(engine, 0.01, None))
    assert engine.stopped.is_set()


@pytest.mark.parametrize("role", ROLES)
async def test_an_engine_that_stops_in_the_middle_is_given_up(role: Role) -> None:
    engine = Hangs(after=2)
    with pytest.raises(EngineTimeout):
        await role(Timed(engine, None, 0.01))
    assert engine.stopped.is_set()


@pytest.mark.parametrize("role", ROLES)
async def test_time_does_not_change_what_is_answered(role: Role) -> None:
    assert await role(Timed(WHOLE[role], 60, 60)) == await role(WHOLE[role])


async def test_a_slow_client_costs_the_engine_no_time() -> None:
    async def send(_event: TurnEvent) -> None:
        await asyncio.sleep(0.05)

    await Timed(Answers(), 1, 0.03).respond(TURN, send)


async def test_counting_has_a_limit_too() -> None:
    assert await Timed(Says(""), 60, None).count(["one two"]) == [2]
    with pytest.raises(EngineTimeout):
        await Timed(Hangs(), 0.01, None).count(["one two"])


@pytest.mark.parametrize("role", ROLES)
async def test_one_that_is_too_slow_is_replaced(role: Role) -> None:
    assert await role(Fallback([Timed(Hangs(), 0.01, None), WHOLE[role]])) == await role(WHOLE[role])


class Reads:
    """Speaks words as they come, a tone for each; hangs before the word `hang`, if that comes."""

    def __init__(self, error: PublicError | None = None) -> None:
        self.error = error
        self.came: list[str] = []

    async def speak(self, words: AsyncIterable[str], ask: Speaking) -> Stream[AudioDelta]:
        assert ask == SPEAKING
        end = 0
        async for word in words:
            self.came.append(word)
            end += len(word)
            if self.error:
                raise self.error
            if word == "hang":
                await asyncio.sleep(3600)
            yield AudioDelta(tone(0.1), end)


SPEAKING = Speaking("alloy", "en")


async def slowly(*words: str, wait_s: float = 0.0) -> AsyncIterator[str]:
    for word in words:
        await asyncio.sleep(wait_s)
        yield word


async def spoken(engine: Any, *words: str, wait_s: float = 0.0) -> list[int]:
    async with aclosing(engine.speak(slowly(*words, wait_s=wait_s), SPEAKING)) as sounds:
        return [sound.text_end async for sound in sounds]


async def test_words_that_the_first_speaker_took_are_there_for_the_next() -> None:
    first, second = Reads(EngineFailed()), Reads()
    assert await spoken(Fallback([first, second]), "one ", "two") == [4, 7]
    assert (first.came, second.came) == (["one "], ["one ", "two"])


def test_a_speaker_has_its_own_time_and_that_of_the_words_as_well() -> None:
    assert timed(spoken(Timed(Reads(), 1, 1), "one ", "two ", "three", wait_s=60)) == [4, 8, 13]
    assert timed(spoken(Timed(Reads(), None, None), "one ", wait_s=60)) == [4]


async def test_a_speaker_may_take_words_ahead_and_leave_them() -> None:
    class Ahead:
        async def speak(self, words: AsyncIterable[str], ask: Speaking) -> Stream[AudioDelta]:
            del ask
            taking = asyncio.ensure_future(_all(words))
            yield AudioDelta(tone(0.1), 1)
            await taking
            yield AudioDelta(tone(0.1), 2)

    sounds = Timed(Ahead(), 60, 60).speak(slowly("one ", "two"), SPEAKING)
    assert (await anext(sounds)).text_end == 1
    for _ in range(9):
        await asyncio.sleep(0)
    assert [sound.text_end async for sound in sounds] == [2]


async def _all(words: AsyncIterable[str]) -> list[str]:
    return [word async for word in words]


@pytest.mark.parametrize("words", [["hang"], ["one", "hang"]])
def test_a_speaker_that_hangs_is_given_up(words: list[str]) -> None:
    with pytest.raises(EngineTimeout):
        timed(spoken(Timed(Reads(), 2, 2), *words, wait_s=60))
