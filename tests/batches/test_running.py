"""Lines worked on: each once, whatever becomes of whoever is asked, of its batch, or of the runner."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from tests.store.conftest import Clock
from tests.support.batches import begun, results
from tests.support.entries import entry
from tests.support.waiting import until
from vivavoce.account.lines import Line
from vivavoce.batches.running import TRIES, Outcome, Pace, Runner
from vivavoce.core.background import GaveWay
from vivavoce.core.errors import EngineFailed, NotRecorded, PublicError, RateLimited
from vivavoce.generations import while_open
from vivavoce.store import clock
from vivavoce.store.batch_states import BatchStates
from vivavoce.store.batches import Batches, Leased
from vivavoce.store.database import Database
from vivavoce.store.ledger import ledger

SOON = Pace(lease_s=60, look_s=0.005, again_s=0.001, disk_s=0.005)


class Asked:
    """Answers lines, or whatever else a test says comes of them."""

    def __init__(self) -> None:
        self.times = Counter[int]()
        self.now = self.most = 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.comes: dict[int, list[PublicError]] = {}
        """By line: what it comes to first."""
        self.settled: list[bool] = []
        """Of each answer, whether its batch was given it."""

    async def __call__(self, leased: Leased) -> Outcome:
        self.times[leased.number] += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0)
            await self.goes_on.wait()
        finally:
            self.now -= 1
        line = Line(leased.batch, leased.request_id, leased.key_id)
        if self.comes.get(leased.number):
            line.error = self.comes[leased.number].pop(0)
            status = line.error.status
            line.entry = entry(request=leased.request_id, batch=leased.batch, status="failed", http=status)
            return Outcome(status, b'{"error": {}}', line)
        line.entry = entry(request=leased.request_id, batch=leased.batch, text_in=3)
        line.settles = self._settles
        return Outcome(200, b'{"said": "hello"}', line)

    async def _settles(self, given: bool) -> None:
        self.settled.append(given)


class Seen:
    def __init__(self) -> None:
        self.lines = Counter[str]()
        self.left: list[tuple[int, int]] = []

    def line(self, outcome: str) -> None:
        self.lines[outcome] += 1

    def backlog(self, held: int, lines: int) -> None:
        self.left.append((held, lines))


class Desk:
    """A store of batches, and one who works on their lines."""

    def __init__(self, stack: AsyncExitStack, folder: Path, database: Database, states: BatchStates) -> None:
        self._stack = stack
        self.folder = folder
        self.database = database
        self.states = states
        self.clock = Clock()
        self.clock.now = clock.now()
        self.lines = Batches(database, states.files, self.clock)
        self.asked = Asked()
        self.seen = Seen()

    async def batch(self, lines: int, name: str = "a") -> str:
        return await begun(self.states, self.folder, name, lines, clock.now())

    async def work(self, at_once: int = 4, pace: Pace = SOON) -> Runner:
        runner = Runner(self.lines, self.asked, lambda: at_once, self.seen, pace)
        self.states.wake = runner.wake
        while_open(self._stack, runner.run())
        return runner

    async def stop(self) -> None:
        await self._stack.aclose()

    async def done(self) -> bool:
        return bool(await self.states.ending())

    async def told(self, batch: str) -> dict[str, list[dict[str, Any]]]:
        return results(self.states.files, batch, await self.states.results(batch))

    async def rows(self) -> Counter[str]:
        return Counter(row.request for row in await self.database.read(select(ledger.c.request)))


async def ended(desk: Desk) -> None:
    async with asyncio.timeout(20):
        while not await desk.done():  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.005)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    database = await Database.open(tmp_path / "data")
    try:
        async with AsyncExitStack() as stack:
            yield Desk(stack, tmp_path, database, await BatchStates.open(database, tmp_path / "data" / "batches"))
    finally:
        await database.close()


async def test_every_line_has_one_result_and_one_row(desk: Desk) -> None:
    batch = await desk.batch(9)
    await desk.work(at_once=4)
    await ended(desk)
    told = await desk.told(batch)
    assert sorted(each["custom_id"] for each in told["output"]) == sorted(f"c{n}" for n in range(1, 10))
    assert told["error"] == []
    assert desk.asked.most == 4
    assert set((await desk.rows()).values()) == {1}
    await until(lambda: desk.seen.lines == {"done": 9})
    assert desk.seen.left[0][0] == 0


async def test_what_is_answered_too_late_is_not_paid_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = await desk.batch(2)
    desk.asked.goes_on.clear()
    await desk.work()
    await until(lambda: desk.asked.now == 2)
    await desk.states.cancel(batch, "mine")
    monkeypatch.setattr(desk.lines, "renew", lambda held, _: _all(held))  # it has not been told yet
    desk.asked.goes_on.set()
    await until(lambda: len(desk.asked.settled) == 2)
    assert (await desk.rows()).total() == desk.asked.settled.count(True)


async def _all(held: Any) -> Any:
    return held


async def test_what_gives_way_is_asked_until_it_is_answered(desk: Desk) -> None:
    batch = await desk.batch(2)
    desk.asked.comes = {1: [GaveWay() for _ in range(3 * TRIES)]}
    await desk.work()
    await ended(desk)
    assert len((await desk.told(batch))["output"]) == 2
    assert desk.asked.times == {1: 3 * TRIES + 1, 2: 1}
    await until(lambda: desk.seen.lines == {"done": 2, "gave_way": 3 * TRIES})


async def test_what_cannot_be_recorded_is_asked_until_it_can_be(desk: Desk) -> None:
    await desk.batch(1)
    desk.asked.comes = {1: [NotRecorded() for _ in range(2 * TRIES)]}
    await desk.work()
    await ended(desk)
    await until(lambda: desk.seen.lines == {"done": 1, "again": 2 * TRIES})


@pytest.mark.parametrize("error", [EngineFailed(), RateLimited(0.001)], ids=["failed", "full"])
async def test_what_fails_for_our_sake_is_tried_again(desk: Desk, error: PublicError) -> None:
    batch = await desk.batch(1)
    desk.asked.comes = {1: [error] * (TRIES - 1)}
    await desk.work()
    await ended(desk)
    assert len((await desk.told(batch))["output"]) == 1
    assert desk.asked.times == {1: TRIES}


async def test_what_fails_again_and_again_has_failed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivavoce.batches.running.LONGEST_S", 0.001)
    batch = await desk.batch(1)
    desk.asked.comes = {1: [EngineFailed() for _ in range(2 * TRIES)]}
    await desk.work()
    await ended(desk)
    (failed,) = (await desk.told(batch))["error"]
    assert failed["response"]["status_code"] == 500
    assert desk.asked.times == {1: TRIES}
    await until(lambda: desk.seen.lines == {"failed": 1, "again": TRIES - 1})
    assert len(await desk.rows()) == 1


async def test_what_is_wrong_with_a_line_is_told_at_once(desk: Desk) -> None:
    batch = await desk.batch(1)
    desk.asked.comes = {1: [PublicError("no")]}
    desk.asked.comes[1][0].status = 400
    await desk.work()
    await ended(desk)
    (failed,) = (await desk.told(batch))["error"]
    assert failed["response"]["status_code"] == 400
    assert desk.asked.times == {1: 1}


async def test_what_is_not_done_by_the_end_is_given_back(desk: Desk) -> None:
    batch = await desk.batch(3)
    desk.asked.goes_on.clear()
    await desk.work()
    await until(lambda: desk.asked.now == 3)
    assert await desk.lines.lease("another", 9, 60) == []
    await desk.stop()
    assert desk.asked.now == 0
    assert await desk.told(batch) == {"output": [], "error": []}
    assert await desk.rows() == {}
    assert len(await desk.lines.lease("another", 9, 60)) == 3


async def test_whoever_begins_takes_what_one_that_died_had(desk: Desk) -> None:
    await desk.batch(3)
    assert len(await desk.lines.lease("died", 2, 3600)) == 2
    await desk.work()
    await ended(desk)
    assert desk.asked.times == {1: 1, 2: 1, 3: 1}


async def test_the_lines_of_a_cancelled_batch_are_dropped(desk: Desk) -> None:
    batch = await desk.batch(2)
    desk.asked.goes_on.clear()
    await desk.work(pace=Pace(look_s=3600))
    await until(lambda: desk.asked.now == 2)
    await desk.states.cancel(batch, "mine")
    await until(lambda: desk.asked.now == 0)
    assert desk.seen.lines == {}


async def test_a_batch_that_begins_is_not_kept_waiting(desk: Desk) -> None:
    await desk.work(pace=Pace(look_s=3600))
    await until(lambda: bool(desk.seen.left))
    await desk.batch(2)
    await ended(desk)
    assert desk.asked.times == {1: 1, 2: 1}


async def test_lines_are_held_for_as_long_as_they_are_worked_on(desk: Desk) -> None:
    batch = await desk.batch(1)
    desk.asked.goes_on.clear()
    runner = await desk.work()
    await until(lambda: desk.asked.now == 1)
    for _ in range(3):
        desk.clock.now += SOON.lease_s * 2 / 3
        for _ in range(2):  # the second time, the first is over
            looked = len(desk.seen.left)
            runner.wake()
            await until(lambda looked=looked: len(desk.seen.left) > looked)
        assert await desk.lines.lease("another", 1, 60) == []
    desk.asked.goes_on.set()
    await ended(desk)
    assert desk.asked.times == {1: 1}
    assert len((await desk.told(batch))["output"]) == 1


async def test_a_database_that_cannot_be_used_for_a_while_loses_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    batch = await desk.batch(3)
    broken = {"lease": 2, "finish": 2, "renew": 1, "left": 1, "forget_leases": 2}

    def breaks(name: str) -> Callable[..., Any]:
        works = getattr(desk.lines, name)

        async def work(*given: Any, **more: Any) -> Any:
            if broken[name]:
                broken[name] -= 1
                raise OperationalError("", {}, Exception("locked")) if broken[name] else NotRecorded
            return await works(*given, **more)

        return work

    for name in broken:
        monkeypatch.setattr(desk.lines, name, breaks(name))
    await desk.work()
    await ended(desk)
    assert len((await desk.told(batch))["output"]) == 3
    assert "OperationalError" in caplog.text
    assert "locked" not in caplog.text


async def test_leases_that_cannot_be_given_back_end_by_themselves(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.batch(1)
    desk.asked.goes_on.clear()

    async def broken(*_: Any, **__: Any) -> None:
        raise NotRecorded

    monkeypatch.setattr(desk.lines, "give_back", broken)
    await desk.work()
    await until(lambda: desk.asked.now == 1)
    await desk.stop()
    assert "could not be given back: NotRecorded" in caplog.text
