"""What those who were turned away were told: it counts until they are back, and no longer."""

import asyncio
import random
import statistics
from collections import Counter
from dataclasses import dataclass, field

import pytest

from tests.support.jumping import timed
from vivavoce.core import promises
from vivavoce.core.admission import Door, TurnedAway
from vivavoce.core.load import Load
from vivavoce.core.needs import Need
from vivavoce.core.promises import LATE_S, Promise, Promises

WAY_S = 0.02
"""Of a request to the server."""


@dataclass
class Comer:
    """One of many: what it was told, and how long it had to wait in all."""

    told: list[int] = field(default_factory=list)
    waited_s: float = 0.0

    @property
    def late_s(self) -> float:
        """How much longer it waited than it was told at first."""
        return self.waited_s - self.told[0]


class Crowd:
    """Turns that need one engine, and come back when they were told to."""

    def __init__(self, wait_s: float, places: int = 4) -> None:
        self._door = Door(wait_s)
        self._brain = Load(places)
        self._brain.turn_s.add(1.0)
        self._dice = random.Random(6)  # noqa: S311 - the same ones come every time

    async def one(self, at_s: float, project: str = "", *, spread_s: float = 0.0) -> Comer:
        comer, loop = Comer(), asyncio.get_running_loop()
        await asyncio.sleep(at_s)
        came = loop.time()
        served = False
        while not served:
            try:
                async with self._door.turn(project, [Need("think", [self._brain])]):
                    comer.waited_s = loop.time() - came
                    await asyncio.sleep(1 + self._dice.uniform(-spread_s, spread_s))
                    served = True
            except TurnedAway as away:
                told_s = away.whole_s or 0
                comer.told.append(told_s)
                await asyncio.sleep(told_s + (WAY_S if spread_s else 0))
        return comer

    async def ghost(self, project: str = "") -> None:
        """One that never comes back."""
        with pytest.raises(TurnedAway):
            async with self._door.turn(project, [Need("think", [self._brain])]):
                pass

    def several_per_second(self, rate: float, seconds: float) -> list[float]:
        """When they come, each by itself."""
        times = [0.0]
        while times[-1] < seconds:
            times.append(times[-1] + self._dice.expovariate(rate))
        return times


def test_of_a_crowd_each_is_let_in_when_it_was_told() -> None:
    async def come() -> tuple[list[Comer], float]:
        crowd = Crowd(0.5)
        everybody = await asyncio.gather(*(crowd.one(0.0) for _ in range(40)))
        return everybody, asyncio.get_running_loop().time()

    everybody, took_s = timed(come())
    away = [comer for comer in everybody if comer.told]
    assert Counter(comer.told[0] for comer in away) == dict.fromkeys(range(1, 10), 4)
    assert max(len(comer.told) for comer in away) == 1
    assert max(abs(comer.late_s) for comer in away) < 1e-6
    assert took_s == pytest.approx(10.0)  # 40 turns of a second, 4 at a time: no place was ever free


def test_while_more_come_all_the_time_those_who_were_told_are_not_behind_them() -> None:
    async def come() -> list[Comer]:
        crowd = Crowd(2.0)
        times = crowd.several_per_second(6.0, 60.0)  # one and a half times as many as are carried
        return await asyncio.gather(*(crowd.one(at_s, spread_s=0.5) for at_s in times))

    away = [comer for comer in timed(come()) if comer.told]
    assert len(away) > 150
    assert statistics.median(len(comer.told) + 1 for comer in away) == 2
    assert max(len(comer.told) for comer in away) <= 6
    late = sorted(comer.late_s for comer in away)
    assert late[0] > -2.0
    assert statistics.median(late) < 2.0
    assert late[len(late) * 9 // 10] < 10.0  # of waits of up to half a minute, with turns of 0.5 to 1.5 s


def test_who_does_not_come_back_is_forgotten() -> None:
    async def come() -> list[list[int]]:
        crowd = Crowd(0.0)
        working = [asyncio.create_task(crowd.one(at_s)) for at_s in (0.0, 0.0, 0.0, 0.0, 6.0, 6.0, 6.0, 6.0)]
        await asyncio.sleep(0.1)
        for _ in range(12):
            await crowd.ghost()
        then = asyncio.create_task(crowd.one(0.0))
        later = await crowd.one(6.5)
        return [comer.told for comer in await asyncio.gather(*working, then)] + [later.told]

    *_, then, later = timed(come())
    assert (then, later) == ([4], [1])


def test_those_of_another_project_take_turns_with_its_own() -> None:
    async def come() -> list[int]:
        crowd = Crowd(0.0)
        working = [asyncio.create_task(crowd.one(0.0)) for _ in range(4)]
        await asyncio.sleep(0.1)
        for _ in range(30):
            await crowd.ghost("much")
        little = [asyncio.create_task(crowd.one(0.0, "little")) for _ in range(4)]
        return [comer.told[0] for comer in (await asyncio.gather(*working, *little))[4:]]

    assert timed(come()) == [1, 1, 2, 2]


THINKS, HEARS = frozenset({Load()}), frozenset({Load()})
ALL = THINKS | HEARS


def given(*made: Promise) -> Promises:
    kept = Promises()
    for promise in made:
        kept.give(promise)
    return kept


def promise(due: float, project: str = "", loads: frozenset[Load] = THINKS) -> Promise:
    return Promise(-1, due, project, loads)


def test_who_comes_back_has_the_number_it_had() -> None:
    kept = given(promise(10.0), promise(10.0, "other"), promise(10.0, loads=ALL))
    assert [kept.number("", THINKS, now) for now in (9.9, 10.0, 10.0)] == [0, -1, 1]
    assert kept.number("other", THINKS, 10.0 + LATE_S) == -1
    assert kept.number("", ALL, 10.1 + LATE_S) == 2
    assert len(kept) == 0


def test_only_those_before_it_and_for_the_same_engine_are_counted() -> None:
    kept = given(promise(12.0), promise(11.0), promise(13.0, loads=HEARS))
    assert [each.due for each in kept.before(0, "", THINKS, 20.0)] == [11.0, 12.0]
    assert [each.due for each in kept.before(0, "", HEARS, 20.0)] == [13.0]
    assert [each.due for each in kept.before(0, "", ALL, 11.5)] == [11.0]
    assert kept.before(-1, "", ALL, 20.0) == []


def test_there_are_no_more_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promises, "MOST", 3)
    assert len(given(*[promise(1.0)] * 5)) == 3
