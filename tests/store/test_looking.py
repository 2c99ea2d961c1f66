"""Looking into the database of a server that runs: nothing is written, and nothing is waited for."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, delete, func, select
from sqlalchemy.exc import OperationalError

from tests.support.entries import entry
from vivavoce.store.database import FILE, Database
from vivavoce.store.ledger import Ledger, ledger
from vivavoce.store.looking import looking

COUNT = select(func.count()).select_from(ledger)


async def test_what_a_server_has_written_is_seen_at_once(database: Database, tmp_path: Path) -> None:
    books = Ledger(database)
    with looking(tmp_path, ledger) as look:
        for number in range(3):
            await books.append(entry(number))
            assert look(COUNT) == [(number + 1,)]


async def test_it_is_seen_after_the_server_has_gone(tmp_path: Path) -> None:
    first = await Database.open(tmp_path)
    await Ledger(first).append(entry(1))
    await first.close()
    with looking(tmp_path, ledger) as look:
        assert look(COUNT) == [(1,)]


async def test_nothing_can_be_written(database: Database, tmp_path: Path) -> None:
    await Ledger(database).append(entry(1))
    with pytest.raises(OSError, match="cannot be read"), looking(tmp_path, ledger) as look:
        look(delete(ledger))


def test_a_database_of_before_there_was_a_ledger_holds_nothing(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / FILE}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE other (id INTEGER)")
    engine.dispose()
    with looking(tmp_path, ledger) as look:
        assert look(COUNT) == []


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="kept anything here yet"), looking(tmp_path, ledger):
        raise OperationalError("never", {}, Exception())
    (tmp_path / FILE).write_text("this is no database" * 100)
    with pytest.raises(OSError, match="cannot be read"), looking(tmp_path, ledger):
        raise OperationalError("never", {}, Exception())
