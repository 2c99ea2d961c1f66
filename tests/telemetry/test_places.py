"""What is told of engines' processes, by pools that run."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from tests.support.page import Page
from tests.support.waiting import until
from vivavoce.core.admission import Door
from vivavoce.core.load import Load
from vivavoce.core.needs import Need
from vivavoce.engines.child import Spec
from vivavoce.engines.pool import Pool
from vivavoce.telemetry.meters import Meters

ENGINE = {"engine": "blocking"}
Start = Callable[[], Awaitable[Pool]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    pools: list[Pool] = []

    async def begin() -> Pool:
        options: dict[str, Any] = {"folder": str(tmp_path)}
        pool = Pool(Spec("blocking", "tests.support.engines:Blocking", options), wait_s=20)
        pools.append(pool)
        await pool.start()
        return pool

    yield begin
    await asyncio.gather(*(pool.stop() for pool in pools))


def told(meters: Meters) -> dict[str, float]:
    page = Page(meters)
    names = ("places", "busy", "waiting", "ready", "restarts_total")
    return {name: page[f"engine_{name}", ENGINE] for name in names}


async def test_calls_at_work_and_in_line_are_told(start: Start, tmp_path: Path) -> None:
    pool, meters = await start(), Meters()
    with meters.showing([pool], Door()):
        async with aclosing(pool.stream("steps", "first")) as first:
            await anext(first)
            second = asyncio.create_task(anext(pool.stream("answer", 1)))
            await until(lambda: pool.waiting == 1)
            assert told(meters) == {"places": 1, "busy": 1, "waiting": 1, "ready": 1, "restarts_total": 0}
            (tmp_path / "first").touch()
            assert await second == 0
        await until(lambda: pool.busy == 0)
        assert told(meters) == {"places": 1, "busy": 0, "waiting": 0, "ready": 1, "restarts_total": 0}
    assert not Page(meters).of("engine_places")


async def test_a_process_that_dies_is_counted_when_it_runs_again(start: Start) -> None:
    pool, meters = await start(), Meters()
    with meters.showing([pool], Door()):
        for died in (1, 2):
            os.kill(pool.pids[0], signal.SIGKILL)
            await until(lambda died=died: pool.restarts == died and pool.ready)
            assert told(meters)["restarts_total"] == died


async def test_while_one_configuration_follows_another_a_pool_counts_once(start: Start) -> None:
    one, two, meters = await start(), await start(), Meters()
    with meters.showing([one], Door()):
        with meters.showing([one], Door()):
            assert told(meters)["places"] == 1
        with meters.showing([one, two], Door()):
            assert told(meters)["places"] == 2
        assert told(meters)["places"] == 1


async def test_turns_that_wait_to_be_let_in_are_told_of_every_configuration() -> None:
    async def wait(door: Door) -> None:
        async with door.turn("", thinks):
            pass

    meters, doors, thinks = Meters(), (Door(60.0), Door(60.0)), [Need("think", [Load()])]
    with meters.showing([], doors[0]), meters.showing([], doors[1]):
        assert Page(meters)["waiting_turns", {}] == 0
        async with asyncio.TaskGroup() as group, doors[0].turn("", thinks):
            for door in (*doors, doors[1]):
                group.create_task(wait(door))
            await until(lambda: sum(door.waiting for door in doors) == 3)
            assert Page(meters)["waiting_turns", {}] == 3
        assert Page(meters)["waiting_turns", {}] == 0
