"""Engines whose calls are watched: everything passes as it was, and is told once."""

import asyncio
from collections.abc import AsyncIterable
from contextlib import aclosing
from typing import Any

import pytest

from tests.support.leaves import Fails, Stuck
from tests.support.watch import Notes
from vivavoce.core.audio import Pcm
from vivavoce.core.cascade import Cascade
from vivavoce.core.engines import Hearing, Speaking, Utterance
from vivavoce.core.errors import BadRequest, EngineDown, EngineFailed, Overloaded, RateLimited
from vivavoce.core.speaking import Phrased
from vivavoce.core.streams import once
from vivavoce.core.turn import Message, Sampling, Send, Speech, Text, TextDelta, Turn, TurnDone, TurnEvent
from vivavoce.core.watching import Watched, Watches, Watching
from vivavoce.testing import Hears, Says, Scripted, Speaks

SOUND = Pcm(bytes(3200), 16_000)
TURN = Turn((Message("user", (Speech(SOUND, seconds=0.1),)),), voice="alloy")


class Answers:
    """Answers by itself."""

    async def respond(self, turn: Turn, send: Send) -> None:
        await send(TextDelta("Hi."))
        await send(TurnDone())


async def answered(responder: Any, turn: Turn = TURN) -> list[TurnEvent]:
    events: list[TurnEvent] = []

    async def take(event: TurnEvent) -> None:
        events.append(event)

    await responder.respond(turn, take)
    return events


def cascade(notes: Notes | None, hear: Any = None, think: Any = None, speak: Any = None) -> Cascade:
    engines = [hear or Hears("hello"), think or Says("Hello there. ", "How are you?"), speak or Speaks()]
    if notes is not None:
        named = zip(engines, ("ear", "brain", "voice"), strict=True)
        engines = [Watched(engine, name, notes) for engine, name in named]
    return Cascade(engines[0], engines[1], Phrased(engines[2]))


async def test_a_turn_is_the_same_and_each_part_of_it_is_told() -> None:
    notes = Notes()
    assert await answered(cascade(notes)) == await answered(cascade(None))
    assert [end for end in notes.ends if end[0] != "speak"] == [
        ("hear", "ear", "1", "done"),
        ("think", "brain", "3", "done"),
    ]
    spoken = [end for end in notes.ends if end[0] == "speak"]
    assert spoken
    assert set(spoken) == {("speak", "voice", "1", "done")}


async def test_what_answers_by_itself_is_told_too() -> None:
    notes = Notes()
    assert await answered(Watched(Answers(), "talker", notes)) == [TextDelta("Hi."), TurnDone()]
    assert notes.ends == [("respond", "talker", "2", "done")]


async def test_what_takes_words_as_they_come_is_told_too() -> None:
    notes = Notes()
    watched = Watched(Phrased(Speaks()), "voice", notes)
    assert [sound async for sound in watched.speak(once("Hi."), Speaking("alloy"))]
    assert [(stage, engine, outcome) for stage, engine, _, outcome in notes.ends] == [("speak", "voice", "done")]


async def test_counting_is_nobodys_work() -> None:
    notes = Notes()
    assert await Watched(Scripted(Scripted.Options()), "brain", notes).count(["one two", ""]) == [2, 0]
    assert notes.work == []


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (BadRequest("no"), "refused"),
        (Overloaded(), "full"),
        (RateLimited(), "full"),
        (EngineDown(), "failed"),
        (EngineFailed(), "failed"),
        (ValueError("a bug"), "failed"),
    ],
)
async def test_an_error_passes_and_is_told_by_its_kind(error: Exception, outcome: str) -> None:
    notes = Notes()
    with pytest.raises(type(error)):
        await answered(cascade(notes, think=Fails("prompt", error)))
    assert ("think", "brain", "0", outcome) in notes.ends


async def test_a_turn_that_is_cancelled_is_left_by_all_its_parts() -> None:
    notes, stuck = Notes(), Stuck("think")
    turn = asyncio.create_task(answered(cascade(notes, think=stuck)))
    await stuck.begun.wait()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert stuck.stopped.is_set()
    assert ("think", "brain", "left") in [(*end[:2], end[3]) for end in notes.ends]


async def test_what_was_broken_off_is_left_and_what_had_ended_is_done() -> None:
    notes = Notes()
    voice, brain = Watched(Stuck("speak"), "voice", notes), Watched(Says("Hi."), "brain", notes)
    async with aclosing(voice.synthesize(Utterance("Hi.", "alloy"))) as sounds:
        await anext(sounds)
    async with aclosing(brain.generate(TURN)) as events:
        while not isinstance(await anext(events), TurnDone):
            pass
    assert notes.ends == [("speak", "voice", "1", "left"), ("think", "brain", "2", "done")]


async def test_a_budget_that_is_spent_leaves_the_engines() -> None:
    notes = Notes()
    turn = Turn((Message("user", (Text("Hi"),)),), voice="alloy", sampling=Sampling(max_tokens=2))
    done = (await answered(cascade(notes), turn))[-1]
    assert isinstance(done, TurnDone)
    assert done.reason == "length"
    assert {end[3] for end in notes.ends} <= {"left", "done"}


async def test_hearing_passes_sound_and_wishes_on() -> None:
    asked = Hears("hello")
    ears: Any = Watched(asked, "ear", Notes())
    audio: AsyncIterable[Pcm] = once(SOUND)
    assert [heard.end_s async for heard in ears.transcribe(audio, Hearing(language="en"))] == [0.1]
    assert asked.asked == [Hearing(language="en")]


def test_errors_of_ones_own_may_say_that_nobody_wants_the_rest() -> None:
    notes = Notes()
    for left in ((), (KeyError,)):
        with pytest.raises(KeyError), Watching(notes.turn("chat", "m", streamed=True), left):
            raise KeyError
    assert notes.ends == [("chat", "m", "streamed", "0", "failed"), ("chat", "m", "streamed", "0", "left")]


def test_several_watch_as_one_and_nobody_may() -> None:
    one, two = Notes(), Notes()
    for notes in ([one, two], []):
        watch = Watches(notes)
        watch.looked_up("heard", found=True)
        with Watching(watch.call("hear", "ear")) as call, Watching(watch.turn("chat", "m", streamed=False)):
            call.told("hello")
    assert one.ends == two.ends == [("hear", "ear", "1", "done"), ("chat", "m", "whole", "0", "done")]
    assert one.lookups == two.lookups == [("heard", True)]
