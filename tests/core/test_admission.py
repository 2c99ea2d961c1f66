"""Turns at the door: let in as a whole, or told honestly to come back."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.support.jumping import timed
from tests.support.waiting import until
from vivavoce.core import admission
from vivavoce.core.admission import Door, NobodyThere
from vivavoce.core.admitted import Admitted, admitted
from vivavoce.core.breaker import FAILURES
from vivavoce.core.errors import Overloaded
from vivavoce.core.load import Load
from vivavoce.core.models import Model, ModelCard
from vivavoce.core.needs import Need

ALWAYS_S = 20.0
"""Longer than any of these tests takes, however busy the machine is."""


async def settled() -> None:
    """Whatever can go on has gone on."""
    for _ in range(20):
        await asyncio.sleep(0)


class Turns:
    """Turns that last until they are told to end."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[Admitted | None]] = {}
        self.within: list[str] = []

    async def come(self, name: str, *needs: Need, project: str = "") -> None:
        self._ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._turn(name, list(needs), project))
        await settled()

    async def end(self, name: str) -> Admitted | None:
        self._ends[name].set()
        turn = await self.tasks[name]
        await settled()
        return turn

    async def _turn(self, name: str, needs: list[Need], project: str) -> Admitted | None:
        async with self._door.turn(project, needs):
            self.within.append(name)
            await self._ends[name].wait()
            return admitted()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
async def turns(stack: AsyncExitStack) -> Turns:
    made = Turns(Door(ALWAYS_S))

    async def end() -> None:
        for task in made.tasks.values():
            task.cancel()
        await asyncio.gather(*made.tasks.values(), return_exceptions=True)

    stack.push_async_callback(end)
    return made


async def refused(door: Door, *needs: Need) -> Overloaded:
    with pytest.raises(Overloaded) as told:
        async with asyncio.timeout(5), door.turn("", needs):
            pass
    return told.value


async def test_what_needs_no_place_of_ours_is_let_in(turns: Turns) -> None:
    for name in "abc":
        await turns.come(name)
    await turns.come("d", Need("think", []))
    assert turns.within == ["a", "b", "c", "d"]


async def test_one_more_than_there_are_places_waits_for_the_first_to_end(turns: Turns) -> None:
    thinks = Need("think", [Load(places=2)])
    for name in "abc":
        await turns.come(name, thinks)
    assert turns.within == ["a", "b"]
    await turns.end("b")
    assert turns.within == ["a", "b", "c"]


async def test_each_turn_knows_itself_and_its_project(turns: Turns) -> None:
    await turns.come("a", project="ours")
    await turns.come("b", project="theirs")
    a, b = await turns.end("a"), await turns.end("b")
    assert a is not b
    assert [turn and turn.project for turn in (a, b)] == ["ours", "theirs"]


def test_each_turn_knows_how_long_it_waited() -> None:
    async def waited_s(door: Door, at_s: float) -> float:
        await asyncio.sleep(at_s)
        async with door.turn("", [thinks]):
            turn = admitted()
            await asyncio.sleep(3.0)
        return turn.waited_s if turn else -1.0

    async def come() -> list[float]:
        door = Door(ALWAYS_S)
        return await asyncio.gather(waited_s(door, 0.0), waited_s(door, 1.0))

    thinks = Need("think", [Load(places=1)])
    assert timed(come()) == pytest.approx([0.0, 2.0])


async def test_projects_take_turns_at_the_door(turns: Turns) -> None:
    thinks = Need("think", [Load(places=1)])
    for name in ("a", "b", "c"):
        await turns.come(name, thinks, project="much")
    await turns.come("d", thinks, project="little")
    for name in ("a", "b", "d", "c"):
        await turns.end(name)
    assert turns.within == ["a", "b", "d", "c"]


async def test_who_needs_something_else_is_not_kept_by_those_before(turns: Turns) -> None:
    full, free = Need("think", [Load(places=1)]), Need("hear", [Load(places=1)])
    await turns.come("a", full)
    await turns.come("b", full)
    await turns.come("c", free)
    assert turns.within == ["a", "c"]


async def test_a_part_that_several_play_is_full_when_all_of_them_are(turns: Turns) -> None:
    one, other = Load(places=1), Load(places=2)
    one.turns.add(Admitted("", 0.0))
    await turns.come("a", Need("think", [one, other]))
    assert turns.within == ["a"]


async def test_who_is_held_up_by_a_reader_holds_no_place(turns: Turns) -> None:
    thinks = Need("think", [Load(places=1)])
    await turns.come("a", thinks)
    (slow,) = thinks.loads[0].turns
    slow.unread(0.0)
    await turns.come("b", thinks)
    assert turns.within == ["a", "b"]


async def test_those_at_the_door_are_looked_at_again(turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "LOOK_S", 0.01)
    ear = Load(places=1)
    ear.busy, ear.waiting = 1, 20
    await turns.come("a", Need("hear", [ear]))
    assert turns.within == []
    ear.waiting = 0  # told by nobody
    await until(lambda: turns.within == ["a"])


async def test_a_voice_carries_as_many_as_it_speaks_to_in_time(turns: Turns) -> None:
    voice = Load(places=1)
    speaks = Need("speak", [voice])
    for name in "abcdef":
        await turns.come(name, speaks)
    assert len(turns.within) == 6  # nothing measured yet: nobody is turned away for it
    voice.called(4.0, 10.0)
    await turns.come("g", speaks)
    for name in "abcd":
        await turns.end(name)
        assert len(turns.within) == 6
    await turns.end("e")
    assert turns.within[-1] == "g"  # the second


async def test_what_answers_by_itself_has_both_bounds(turns: Turns) -> None:
    model = Load(places=8)
    model.called(3.0, 10.0)
    responds = Need("respond", [model])
    for number in range(25):
        await turns.come(f"{number}", responds)
    assert len(turns.within) == 8
    model.places = 2
    model.called(30.0, 10.0)  # one and a half times as long as the sound: one at most, at full rate
    await turns.end("0")
    assert len(turns.within) == 8


async def test_recordings_are_let_in_as_long_as_the_ear_comes_to_them_in_time() -> None:
    ear, door = Load(places=1), Door(2.0)
    ear.call_s.add(1.0)
    hears = Need("hear", [ear])
    async with AsyncExitStack() as opened:
        for _ in range(3):  # one is heard, two wait for it for one and for two seconds
            await opened.enter_async_context(door.turn("", [hears]))
        assert (len(ear.coming), ear.line_s) == (3, 3.0)
        ear.waiting = 2
        told = await refused(door, hears)
    assert told.whole_s == 3
    assert (ear.coming, ear.turns, ear.refused) == (set(), set(), 1)


async def test_who_would_wait_too_long_is_told_at_once_for_how_long(turns: Turns) -> None:
    door, brain = Door(1000.0), Load(places=2)
    brain.turn_s.add(1200.0)
    thinks = Need("think", [brain])
    async with door.turn("", [thinks]), door.turn("", [thinks]):
        told = await refused(door, thinks)
    assert told.retry_after_s == admission.LONGEST_S
    assert door.refused == brain.refused == 1


@pytest.mark.parametrize(("before", "expected_s"), [(0, 4.0), (1, 8.0), (2, 14.0), (5, 28.0)])
async def test_the_wait_is_for_those_who_end_first(before: int, expected_s: float) -> None:
    brain = Load(places=2)
    brain.turn_s.add(10.0)
    brain.turns = {Admitted("", began=94.0), Admitted("", began=98.0)}
    need = Need("think", [brain])
    assert need.wait_s(100.0, 2.0, before) == expected_s
    assert Need("think", [brain, Load()]).wait_s(100.0, 2.0, 0) == 0.0  # the other is free


def test_one_that_takes_longer_than_others_did_will_not_take_for_ever() -> None:
    brain = Load(places=1)
    brain.turn_s.add(10.0)
    brain.turns = {Admitted("", began=0.0)}
    assert Need("think", [brain]).wait_s(100.0, 2.0, 0) == 2.5


async def test_who_has_waited_in_vain_is_told_and_leaves_nothing(turns: Turns) -> None:
    door, brain = Door(0.05), Load(places=1)
    brain.turn_s.add(0.01)
    thinks = Need("think", [brain])
    async with door.turn("", [thinks]):
        told = await refused(door, thinks)
        assert (told.whole_s, door.waiting, len(brain.turns)) == (1, 0, 1)
    assert not brain.turns
    async with door.turn("", [thinks]):
        pass


async def test_who_leaves_the_door_is_not_waited_for(turns: Turns) -> None:
    thinks = Need("think", [Load(places=1)])
    for name in "abc":
        await turns.come(name, thinks)
    turns.tasks["b"].cancel()
    await asyncio.gather(turns.tasks["b"], return_exceptions=True)
    await turns.end("a")
    assert turns.within == ["a", "c"]


async def test_who_leaves_as_it_is_let_in_gives_the_place_to_the_next(turns: Turns) -> None:
    thinks = Need("think", [Load(places=1)])
    for name in "abc":
        await turns.come(name, thinks)
    thinks.loads[0].turns.clear()
    turns._door._let_in()  # b is in, and does not know it yet
    turns.tasks["b"].cancel()
    await asyncio.gather(turns.tasks["b"], return_exceptions=True)
    await settled()
    assert turns.within[-1] == "c"
    await turns.end("c")
    assert not thinks.loads[0].turns


async def test_only_whole_turns_are_measured() -> None:
    door, brain = Door(), Load()
    with pytest.raises(KeyError):
        async with door.turn("", [Need("think", [brain])]):
            raise KeyError
    assert brain.turn_s.value is None
    async with door.turn("", [Need("think", [brain])]):
        pass
    assert brain.turn_s.value is not None


async def test_work_is_done_inside_or_not_at_all(recwarn: pytest.WarningsRecorder) -> None:
    async def work() -> Admitted | None:
        return admitted()

    door, brain = Door(0.0), Load(places=1)
    thinks = Need("think", [brain])
    turn = await door.within("ours", [thinks], work())
    assert turn
    assert turn.project == "ours"
    async with door.turn("", [thinks]):
        with pytest.raises(Overloaded):
            await door.within("", [thinks], work())
    assert not recwarn.list


async def test_refusals_are_logged_now_and_then_with_their_number(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "TELL_S", 0.2)
    door, brain = Door(0.0), Load(places=1)
    thinks = Need("think", [brain])
    with caplog.at_level(logging.WARNING, "vivavoce.admission"):
        async with door.turn("", [thinks]):
            for _ in range(5):
                await refused(door, thinks)
            assert caplog.messages == ["1 turned away with 503: no place to think"]
            await until(lambda: len(caplog.messages) == 2)
        assert caplog.messages[1:] == ["4 turned away with 503: no place to think"]
        await asyncio.sleep(0.4)
        assert len(caplog.messages) == 2


def model(**loads: list[Load]) -> Model:
    return Model("m", "m", None, ModelCard(hears=True, speaks=True), loads=loads)  # pyright: ignore[reportArgumentType]


def test_a_model_needs_the_engines_of_the_parts_a_turn_has() -> None:
    ear, brain, voice = [Load()], [Load()], [Load()]
    whole = model(hear=ear, think=brain, speak=voice)
    assert whole.answering(hears=False, speaks=False) == [Need("think", brain)]
    spoken = whole.answering(hears=True, speaks=True)
    assert {need.part: need.loads for need in spoken} == {"hear": ear, "think": brain, "speak": voice}
    assert model(speak=voice).answering(hears=True, speaks=True) == [Need("speak", voice)]
    native = model(hear=ear, respond=brain)
    assert native.answering(hears=True, speaks=True) == [Need("respond", brain)]
    assert native.needs("hear") == [Need("hear", ear)]


async def test_what_needs_an_engine_that_is_given_a_rest_is_not_let_in() -> None:
    door, ear, brain, other = Door(60.0), Load(), Load(), Load()
    for _ in range(FAILURES):
        brain.breaker.failed()
    brain.breaker.recover_s = 20
    with pytest.raises(NobodyThere) as told:
        async with door.turn("", [Need("hear", [ear]), Need("think", [brain])]):
            pass
    assert told.value.whole_s == 25
    assert (door.waiting, ear.turns, brain.turns) == (0, set(), set())
    async with door.turn("", [Need("think", [brain, other])]):
        assert len(other.turns) == 1
