"""A database that is locked, full, read-only, damaged, or read from without end."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, select, text

from tests.support.entries import entry
from tests.support.waiting import until
from vivavoce.core.errors import NotRecorded
from vivavoce.store import database as databases
from vivavoce.store import upkeep
from vivavoce.store.database import FILE, SETTINGS, Database
from vivavoce.store.ledger import Ledger, Wanted, ledger

GOOD = "the database can be written to again; it could not be: "


@pytest.fixture
async def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """One that has little patience."""
    monkeypatch.setattr(databases, "SETTINGS", [*SETTINGS, "busy_timeout=50"])
    monkeypatch.setattr(upkeep, "AGAIN_S", 0.01)
    monkeypatch.setattr(upkeep, "CHECK_S", 0.05)
    opened = await Database.open(tmp_path)
    yield opened
    await opened.close()


@contextmanager
def connected(folder: Path) -> Iterator[sqlite3.Connection]:
    """Another process's connection."""
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as connection:
        yield connection


@contextmanager
def settled(database: Database, setting: str) -> Iterator[None]:
    """Every connection has a setting."""

    def settle(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA {setting}")

    event.listen(database._engine, "connect", settle)
    database._engine.dispose()
    yield
    event.remove(database._engine, "connect", settle)
    database._engine.dispose()


async def requests(database: Database) -> int:
    return sum(each.requests for each in await Ledger(database).sums(Wanted()))


async def test_locked_by_another_process_nothing_is_written_all_is_read_and_it_goes_on(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    books, waited = Ledger(database), []

    def job(connection: Connection) -> None:
        waited.append(connection.exec_driver_sql("PRAGMA busy_timeout").scalar())
        connection.execute(ledger.insert().values(request="never"))

    await books.append(entry(1))
    with connected(tmp_path) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = [*(database.write(job) for _ in range(50)), *(books.append(entry(number)) for number in range(2, 9))]
        told = await asyncio.gather(*writing, return_exceptions=True)
        assert {type(each) for each in told} == {NotRecorded}
        assert len(waited) == 50
        assert sum(map(bool, waited)) <= 3, "each has waited, one after another"
        assert not database.writable
        assert await requests(database) == 1
    await until(lambda: database.writable)
    await books.append(entry(2))
    assert await requests(database) == 2
    assert caplog.messages == ["the database cannot be written to: SQLITE_BUSY", f"{GOOD}SQLITE_BUSY"]


async def test_a_full_one_takes_nothing_is_read_and_goes_on(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    books = Ledger(database)
    await books.append(entry(0))
    pages = (await database.read(select(ledger.c.number)))[0][0] and _pages(database)
    with settled(database, f"max_page_count={pages + 8}"):
        written, full = 1, False
        while not full:
            try:
                await books.append(entry(written, alias="a" * 4000))
                written += 1
            except NotRecorded:
                full = True
        assert 4 < written < 20
        assert await requests(database) == written
    await until(lambda: database.writable)
    await books.append(entry(written))
    assert await requests(database) == written + 1
    assert caplog.messages[0] == "the database cannot be written to: SQLITE_FULL"


def _pages(database: Database) -> int:
    with database._engine.connect() as connection:
        return connection.exec_driver_sql("PRAGMA page_count").scalar_one()


async def test_a_read_only_one_is_read_and_goes_on_when_it_is_so_no_more(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await Ledger(database).append(entry(1))
    with settled(database, "query_only=ON"):
        with pytest.raises(NotRecorded):
            await Ledger(database).append(entry(2))
        assert not database.writable
        assert await requests(database) == 1
    await until(lambda: database.writable)
    await Ledger(database).append(entry(2))
    assert await requests(database) == 2
    assert caplog.messages == ["the database cannot be written to: SQLITE_READONLY", f"{GOOD}SQLITE_READONLY"]


async def test_a_damaged_one_takes_nothing_in_and_says_what_it_is(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    books = Ledger(database)
    await books.append(entry(1))
    await database.write(upkeep.empty_log)
    database._engine.dispose()
    with connected(tmp_path) as other:
        (page,) = other.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ledger'").fetchone()
        (size,) = other.execute("PRAGMA page_size").fetchone()
    with (tmp_path / FILE).open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)
    with pytest.raises(NotRecorded):
        await books.append(entry(999))
    assert caplog.messages[0] == "the database cannot be written to: SQLITE_CORRUPT"


async def test_the_log_stays_short_though_somebody_reads_without_end(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(upkeep, "LOG_BYTES", 100_000)
    log, books = tmp_path / f"{FILE}-wal", Ledger(database)
    await books.append(entry(0))
    with connected(tmp_path) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM ledger").fetchone()
        number = 0
        async with asyncio.timeout(20):
            while database.writable:
                number += 1
                await books.append(entry(number))
        assert log.stat().st_size > 100_000
        await books.append(entry(number + 1))  # what is under way is finished
        assert reader.execute("SELECT count(*) FROM ledger").fetchone() == (1,)
    await until(lambda: database.writable)
    assert log.stat().st_size == 0
    assert await requests(database) == number + 2
    assert caplog.messages[0].endswith("the log that is written ahead cannot be emptied")


async def test_the_log_is_emptied_now_and_then(database: Database, tmp_path: Path) -> None:
    await Ledger(database).append(entry(1))
    await until(lambda: (tmp_path / f"{FILE}-wal").stat().st_size == 0)


async def test_closed_in_the_moment_it_is_found_to_be_locked_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "SETTINGS", [*SETTINGS, "busy_timeout=50"])
    opened = await Database.open(tmp_path)
    with connected(tmp_path) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(Ledger(opened).append(entry(1)))
        await asyncio.sleep(0.02)  # it is at work
        async with asyncio.timeout(5):
            await opened.close()
    with pytest.raises(NotRecorded):
        await writing


async def test_the_log_is_emptied_by_the_server_alone(database: Database, tmp_path: Path) -> None:
    another = await Database.open(tmp_path, beside=True)
    for opened, pages in ((database, 1000), (another, 0)):
        assert [tuple(row) for row in await opened.read(text("PRAGMA wal_autocheckpoint"))] == [(pages,)]
    await another.close()
