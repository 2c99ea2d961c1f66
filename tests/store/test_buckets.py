"""How far limits of a day are used is on disk: what changed, and nothing that is over."""

import asyncio

import pytest

from vivavoce.store import buckets as module
from vivavoce.store.buckets import Buckets
from vivavoce.store.database import Database, Job

HUGE = 10**25


async def test_what_changed_is_written_and_what_is_over_deleted(database: Database) -> None:
    told = {"rpd a": (5, 100.0), "rpd b": (HUGE, 100.5)}
    kept = Buckets(database, lambda: told)
    assert await kept.read() == {}
    await kept.keep()
    assert await Buckets(database, dict).read() == {"rpd a": (5, 100.0), "rpd b": (HUGE, 100.5)}
    told = {"rpd a": (6, 101.0), "rpd c": (1, 101.0)}
    await kept.keep()
    assert await kept.read() == told


async def test_what_is_over_by_the_time_of_the_next_start_is_deleted(database: Database) -> None:
    await Buckets(database, lambda: {"rpd a": (5, 100.0)}).keep()
    again = Buckets(database, dict)
    await again.read()
    await again.keep()
    assert await Buckets(database, dict).read() == {}


async def test_where_nothing_changed_nothing_is_written(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Buckets(database, lambda: {"rpd a": (5, 100.0)})
    await kept.keep()

    async def write(_job: object) -> None:
        raise AssertionError

    monkeypatch.setattr(database, "write", write)
    await kept.keep()


async def test_what_was_empty_and_is_as_full_again_is_kept_anew(database: Database) -> None:
    told = {"rpd a": (5, 100.0)}
    kept = Buckets(database, lambda: told)
    await kept.keep()
    told = {"rpd a": (5, 86_500.0)}
    await kept.keep()
    assert await Buckets(database, dict).read() == told


async def test_it_is_written_for_ever_and_what_fails_is_tried_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "EVERY_S", 0.001)
    kept, fails = Buckets(database, lambda: {"rpd a": (5, 100.0)}), [True]
    write = database.write

    async def failing(job: Job) -> None:
        if fails.pop() if fails else False:
            raise OSError("disk full")
        await write(job)

    monkeypatch.setattr(database, "write", failing)
    task = asyncio.create_task(kept.keep_for_ever())
    async with asyncio.timeout(10):
        while not await kept.read():  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert "could not be written: OSError" in caplog.text
    assert "disk full" not in caplog.text
