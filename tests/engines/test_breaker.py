"""A pool whose processes die again and again: nobody waits for them, until one has shown that it lives."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from tests.support.waiting import LIMIT_S, until
from vivavoce.core import breaker
from vivavoce.core.errors import EngineDown, EngineFailed
from vivavoce.engines import pool as pools
from vivavoce.engines.child import Spec
from vivavoce.engines.pool import Pool

Start = Callable[..., Awaitable[Pool]]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "FAILURES", 2)
    monkeypatch.setattr(pools, "BACK_OFF_S", (0.0,))


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    started: list[Pool] = []

    async def make(rest_s: float = 100, workers: int = 1) -> Pool:
        pool = Pool(Spec("test", "tests.support.engines:Blocking", {"folder": str(tmp_path)}), workers=workers)
        pool.breaker._rest_s = rest_s / 2
        started.append(pool)
        await pool.start()
        return pool

    yield make
    await asyncio.gather(*(pool.stop() for pool in started))


async def items(pool: Pool, method: str, *arguments: Any, wait_s: float = LIMIT_S) -> list[Any]:
    async with asyncio.timeout(LIMIT_S), aclosing(pool.stream(method, *arguments, wait_s=wait_s)) as stream:
        return [item async for item in stream]


async def crash(pool: Pool) -> None:
    with pytest.raises(EngineFailed):
        await items(pool, "crash")


async def test_those_in_line_and_those_who_come_are_told_at_once(start: Start) -> None:
    pool = await start()
    await crash(pool)
    async with aclosing(pool.stream("steps", "a", wait_s=LIMIT_S)) as stream:
        assert await anext(stream) == "a"
        waiting = [asyncio.create_task(items(pool, "answer", 1)) for _ in range(5)]
        await until(lambda: pool.waiting == 5)
        os.kill(pool.pids[0], signal.SIGKILL)
        with pytest.raises(EngineFailed):
            await anext(stream)
    told = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), LIMIT_S)
    assert [type(error) for error in told] == [EngineDown] * 5
    for call in (items(pool, "answer", 1), pool.count(["a"])):
        with pytest.raises(EngineDown) as refused:
            await call
        assert 60 < (refused.value.retry_after_s or 0) < 160
    assert (pool.ready, pool.pids, pool.waiting, pool.busy) == (False, [], 0, 0)


async def test_on_trial_it_has_one_call_at_a_time_until_one_is_answered(start: Start, tmp_path: Path) -> None:
    pool = await start(rest_s=0.05, workers=2)
    while pool.breaker.state == "closed":
        with pytest.raises((EngineFailed, EngineDown)):  # the last of it may be told before it is known
            await items(pool, "crash")
    await until(lambda: pool.breaker.state == "trial" and len(pool.pids) == 2)
    assert not pool.ready
    calls = [asyncio.create_task(items(pool, "steps", name)) for name in "abc"]
    await until(lambda: pool.waiting == 2)
    assert pool.busy == 1
    for name in "abc":
        (tmp_path / name).touch()
    assert await asyncio.gather(*calls) == [[name, f"{name} done"] for name in "abc"]
    assert (pool.breaker.state, pool.ready) == ("closed", True)


async def test_one_that_dies_on_trial_has_a_longer_rest(start: Start) -> None:
    pool = await start(rest_s=0.05)
    await crash(pool)
    await crash(pool)
    await until(lambda: pool.breaker.state == "trial" and pool.pids != [])
    pool.breaker._rest_s = 50
    await crash(pool)
    await until(lambda: pool.breaker.state == "open")
    with pytest.raises(EngineDown) as refused:
        await items(pool, "answer", 1)
    assert 60 < (refused.value.retry_after_s or 0) < 160


async def test_processes_that_are_killed_together_have_failed_once(start: Start) -> None:
    pool = await start(workers=3)
    for pid in pool.pids:
        os.kill(pid, signal.SIGKILL)
    await until(lambda: pool.restarts == 3 and pool.ready)
    assert pool.breaker.state == "closed"


async def test_answers_in_between_keep_it_asked(start: Start) -> None:
    pool = await start()
    for _ in range(3):
        await crash(pool)
        assert await items(pool, "answer", 1) == [0]
    await until(lambda: pool.ready)
