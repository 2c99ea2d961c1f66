"""Turns that nobody waits for: done while nobody else is there, and broken off for whoever comes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.waiting import until
from vivavoce.core import background
from vivavoce.core.admission import Door
from vivavoce.core.admitted import Admitted, admitted, in_background, is_background
from vivavoce.core.background import GaveWay
from vivavoce.core.load import Load
from vivavoce.core.needs import Need


class Turns:
    """Turns that last until they are told to end, or are broken off."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[Admitted | None]] = {}
        self.within: list[str] = []
        self.gave_way: list[str] = []

    async def come(self, name: str, *needs: Need) -> None:
        """A turn that somebody waits for."""
        await self._begin(name, needs)

    async def wait(self, name: str, *needs: Need) -> None:
        """One that nobody does."""
        with in_background():
            await self._begin(name, needs)

    async def end(self, name: str) -> Admitted | None:
        self.ends[name].set()
        return await self._tasks.pop(name)

    async def leave(self, *names: str) -> None:
        tasks = [self._tasks.pop(name) for name in names or list(self._tasks)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def just_let_in(self, before: str) -> None:
        """One ends, and one that waited for it is let in; it has not gone on yet."""
        self.ends[before].set()
        while self.door.background.waiting:  # noqa: ASYNC110 - any more time and it would have
            await asyncio.sleep(0)

    async def _begin(self, name: str, needs: tuple[Need, ...]) -> None:
        self.ends[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._turn(name, needs))
        for _ in range(20):
            await asyncio.sleep(0)

    async def _turn(self, name: str, needs: tuple[Need, ...]) -> Admitted | None:
        try:
            async with self.door.turn("", needs):
                self.within.append(name)
                try:
                    await self.ends[name].wait()
                    return admitted()
                finally:
                    self.within.remove(name)
        except GaveWay:
            self.gave_way.append(name)
            return None


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "QUIET_S", 0.0)


@pytest.fixture
async def turns(soon: None) -> AsyncIterator[Turns]:
    del soon
    made = Turns(Door(20.0))
    yield made
    await made.leave()


def thinks(places: int = 4) -> Need:
    return Need("think", [Load(places)])


async def test_where_nobody_is_they_come_in_and_know_that_they_give_way(turns: Turns) -> None:
    await turns.wait("a", thinks())
    assert turns.within == ["a"]
    assert turns.door.background.inside == 1
    turn = await turns.end("a")
    assert turn is not None
    assert turn.background
    assert turns.door.background.inside == 0


async def test_what_is_begun_outside_is_not_in_the_background(turns: Turns) -> None:
    with in_background():
        assert is_background()
    assert not is_background()
    await turns.come("a")
    turn = await turns.end("a")
    assert turn is not None
    assert not turn.background


async def test_they_leave_every_engine_a_place(turns: Turns) -> None:
    brain, voice = thinks(3), Need("speak", [Load(8)])
    for name in "abc":
        await turns.wait(name, brain, voice)
    assert turns.within == ["a", "b"]
    assert turns.door.background.waiting == 1
    assert len(brain.loads[0].background) == len(voice.loads[0].background) == 2
    await turns.end("a")
    await until(lambda: turns.within == ["b", "c"])
    assert len(brain.loads[0].background) == 2


async def test_of_an_engine_with_one_place_they_take_it_while_it_is_nobodys(turns: Turns) -> None:
    ear = Need("hear", [Load(1)])
    await turns.wait("a", ear)
    await turns.wait("b", ear)
    assert turns.within == ["a"]


async def test_whoever_comes_has_them_all_broken_off_and_waits_for_none(turns: Turns) -> None:
    brain = thinks(3)
    await turns.wait("a", brain)
    await turns.wait("b", brain)
    await turns.come("somebody", brain)
    assert turns.gave_way == ["b", "a"]
    assert turns.within == ["somebody"]
    await turns.wait("c", brain)
    assert turns.within == ["somebody"]
    await turns.end("somebody")
    await until(lambda: turns.within == ["c"])


async def test_they_wait_until_it_has_been_quiet_for_a_while(turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "QUIET_S", 0.05)
    loop = asyncio.get_running_loop()
    await turns.come("somebody")
    await turns.wait("a", thinks())
    await turns.end("somebody")
    left = loop.time()
    await turns.wait("b", thinks())  # looks again, and no sooner
    await until(lambda: turns.within == ["a", "b"])
    assert loop.time() - left >= 0.05


async def test_one_who_waits_may_leave(turns: Turns) -> None:
    brain = thinks(2)
    await turns.wait("a", brain)
    await turns.wait("b", brain)
    await turns.leave("b")
    assert turns.door.background.waiting == 0
    await turns.end("a")
    assert turns.within == []


async def test_one_who_leaves_when_it_was_just_let_in_holds_nothing(turns: Turns) -> None:
    brain = thinks(2)
    await turns.wait("a", brain)
    await turns.wait("b", brain)
    await turns.just_let_in("a")
    await turns.leave("b")
    assert turns.door.background.inside == 0
    assert not brain.loads[0].background


async def test_one_that_was_just_let_in_gives_way_too(turns: Turns) -> None:
    brain = thinks(2)
    await turns.wait("a", brain)
    await turns.wait("b", brain)
    await turns.just_let_in("a")
    turns.door.background.somebody_came()
    await until(lambda: turns.gave_way == ["b"])
    assert not brain.loads[0].background


async def test_some_go_on_beside_others_while_there_is_a_place_left(soon: None) -> None:
    del soon
    turns, brain = Turns(Door(20.0, beside=2)), thinks(4)
    for name in "abc":
        await turns.wait(name, brain)
    assert not turns.door.background.somebody
    assert turns.within == ["a", "b", "c"]
    await turns.come("somebody", brain)
    assert turns.door.background.somebody
    assert turns.gave_way == ["c"]
    await turns.wait("d", brain)
    await turns.wait("e", Need("hear", [Load(1)]))
    assert turns.within == ["a", "b", "somebody"]
    await turns.come("another", brain)  # of four places one is kept for whoever comes next
    assert turns.gave_way == ["c", "b"]
    assert turns.within == ["a", "somebody", "another"]
    await turns.end("another")
    assert turns.within == ["a", "somebody", "d"]
    await turns.leave()


async def test_what_goes_wrong_inside_is_told_as_it_is(turns: Turns) -> None:
    with in_background(), pytest.raises(TimeoutError):
        async with turns.door.turn("", []):
            raise TimeoutError
    with in_background(), pytest.raises(KeyError):
        async with turns.door.turn("", []):
            raise KeyError


async def test_all_can_be_sent_away(turns: Turns) -> None:
    brain = thinks(2)
    await turns.wait("a", brain)
    await turns.wait("b", brain)
    turns.door.background.send_away()
    await until(lambda: sorted(turns.gave_way) == ["a", "b"])
    assert turns.door.background.waiting == turns.door.background.inside == 0
    await turns.wait("c", brain)
    assert turns.gave_way[2:] == ["c"]


async def test_where_an_engine_is_given_a_rest_they_wait_until_it_answers(
    turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "LOOK_S", 0.01)
    brain = thinks(2)
    breaker = brain.loads[0].breaker
    while not breaker.failed():
        pass
    await turns.wait("a", brain)
    assert turns.door.background.waiting == 1
    breaker.succeeded()
    await until(lambda: turns.within == ["a"])
