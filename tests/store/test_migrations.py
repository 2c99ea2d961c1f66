"""The database is brought to the shape that the program knows, whatever made it."""

import asyncio
import fcntl
import importlib
import pkgutil
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, create_engine, insert, select
from sqlalchemy.pool import NullPool

from tests.support.entries import entry
from vivavoce import store
from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.store import migrations
from vivavoce.store.answers import Answers
from vivavoce.store.database import FILE, Database, StoreInUse, tables
from vivavoce.store.ledger import Ledger, Wanted

for module in pkgutil.iter_modules(store.__path__):
    importlib.import_module(f"{store.__name__}.{module.name}")
"""So that every table is known."""


async def opened_and_closed(folder: Path, *, beside: bool = False) -> None:
    await (await Database.open(folder, beside=beside)).close()


def schema(folder: Path) -> dict[str, str]:
    with closing(sqlite3.connect(folder / FILE)) as connection:
        return dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


def sql(folder: Path, *statements: str) -> list[Any]:
    """What the last of these finds."""
    with closing(sqlite3.connect(folder / FILE)) as connection:
        found: Sequence[Any] = ()
        for statement in statements:
            found = connection.execute(statement).fetchall()
        connection.commit()
        return list(found)


def at(folder: Path, revision: str) -> None:
    """A database as a version of the program with that revision leaves it."""
    engine = create_engine(f"sqlite:///{folder / FILE}", poolclass=NullPool)
    with engine.begin() as connection:
        migrations.migrate(connection, revision)


async def test_the_revisions_make_what_the_program_knows(database: Database) -> None:
    def look(connection: Connection) -> None:
        context = MigrationContext.configure(connection)
        lacking = render_python_code(produce_migrations(context, tables).upgrade_ops)
        assert compare_metadata(context, tables) == [], f"a revision is to say:\n{lacking}"

    await database.write(look)


def test_the_revisions_are_one_line_in_the_order_of_their_names() -> None:
    found = sorted(file.stem for file in migrations.REVISIONS.glob("r*.py"))
    before = None
    for number, name in enumerate(found, 1):
        module = importlib.import_module(f"{migrations.__name__}.revisions.{name}")
        assert (name[1:5], module.revision, module.down_revision) == (f"{number:04}", f"{number:04}", before)
        before = module.revision


async def test_a_database_from_before_there_were_revisions_is_taken_on(tmp_path: Path) -> None:
    new, old, older = (tmp_path / name for name in ("new", "old", "older"))
    await opened_and_closed(new)
    for folder, lost in ((old, []), (older, ["heard", "keys"])):
        folder.mkdir()
        at(folder, "0001")
        sql(folder, "DROP TABLE alembic_version", *(f"DROP TABLE {table}" for table in lost))
        sql(folder, "INSERT INTO answers VALUES ('audio_1', 'shop', 'Hello.', 1.5, NULL, 7)")
        await opened_and_closed(folder)
        assert schema(folder) == schema(new)
        kept = ("audio_1", "shop", "Hello.", 1.5, None, 7, "1/1.pcm", 0, 72_000)
        assert sql(folder, "SELECT * FROM answers") == [kept]


async def test_what_was_kept_by_the_first_revision_is_there_with_the_newest(tmp_path: Path) -> None:
    at(tmp_path, "0001")
    engine = create_engine(f"sqlite:///{tmp_path / FILE}", poolclass=NullPool)
    first = MetaData()
    first.reflect(engine)
    kept = [table for table in first.sorted_tables if table.name != migrations.VERSION]
    with engine.begin() as connection:
        for table in kept:
            row = {column.name: _some(column.type.python_type, column.name) for column in table.columns}
            connection.execute(insert(table).values(row))
        before = {table.name: connection.execute(select(table)).one()._asdict() for table in kept}
    database = await Database.open(tmp_path)
    found = {table.name: (await database.read(select(table)))[0]._asdict() for table in kept}
    assert found == before
    await Ledger(database).append(entry(1))
    assert sum(each.requests for each in await Ledger(database).sums(Wanted())) == 2
    await database.close()


async def test_an_answer_that_had_a_file_of_its_own_is_given_until_it_expires(tmp_path: Path) -> None:
    at(tmp_path, "0003")
    stem, pcm = "0123456789abcdef" * 2, Pcm(b"\1\2" * 36_001, SPOKEN_RATE)
    row = (f"audio_{stem}", "shop", "Hello.", pcm.seconds, "theirs", 5000)
    sql(tmp_path, f"INSERT INTO answers VALUES {row}")  # noqa: S608 - of our own
    file = tmp_path / "answers" / "01" / f"{stem}.pcm"
    file.parent.mkdir(parents=True)
    file.write_bytes(pcm.data)
    database = await Database.open(tmp_path)
    for now, there in ((4000, pcm), (5001, None)):
        answers = Answers(database, tmp_path / "answers", lambda now=now: now)
        await answers.sweep()
        assert await answers.sound(f"audio_{stem}") == there
    assert not file.exists()
    await database.close()


def _some(kind: type, name: str) -> Any:
    return {str: f"a {name}", bytes: b"\0\1", int: 7, float: 1.5}.get(kind, {"a": "b"})


@pytest.mark.parametrize("beside", [False, True], ids=["a server", "a command"])
async def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path, beside: bool) -> None:
    await opened_and_closed(tmp_path)
    sql(tmp_path, "UPDATE alembic_version SET version_num = '9999'", "CREATE TABLE newer (id INTEGER)")
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(OSError, match=r"is of a newer version of vivavoce \(revision 9999; known here: up to \d{4}\)"):
        await Database.open(tmp_path, beside=beside)
    assert (tmp_path / FILE).read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {FILE, "lock"}


async def test_a_revision_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    revisions, data = tmp_path / "revisions", tmp_path / "data"
    shutil.copytree(migrations.REVISIONS, revisions)
    await opened_and_closed(data)
    before, newest = schema(data), sql(data, "SELECT version_num FROM alembic_version")[0][0]
    half = [
        "from alembic import op",
        f"revision, down_revision = '9998', {newest!r}",
        "def upgrade():",
        "    op.execute('CREATE TABLE half (id INTEGER)')",
        "    op.execute('INSERT INTO nowhere VALUES (1)')",
    ]
    (revisions / "r9998_half.py").write_text("\n".join(half))
    monkeypatch.setattr(migrations, "REVISIONS", revisions)
    with pytest.raises(OSError, match="cannot be used: OperationalError"):
        await Database.open(data)
    assert schema(data) == before
    assert sql(data, "SELECT version_num FROM alembic_version") == [(newest,)]
    monkeypatch.undo()
    await opened_and_closed(data)


async def test_those_who_open_a_new_folder_at_the_same_moment_take_turns(tmp_path: Path) -> None:
    opening = [Database.open(tmp_path, beside=bool(number)) for number in range(6)]
    opened = await asyncio.gather(*opening)
    for number, database in enumerate(opened):
        await Ledger(database).append(entry(number))
    assert len(await opened[0].read(select(tables.tables["ledger"]))) == len(opened)
    for database in opened:
        await database.close()


async def test_no_command_changes_the_database_of_an_older_server_that_runs(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as one that knew no revisions does
        sql(tmp_path, "CREATE TABLE older (id INTEGER)")
        with pytest.raises(StoreInUse, match="older version"):
            await Database.open(tmp_path, beside=True)
        assert schema(tmp_path) == {"older": "CREATE TABLE older (id INTEGER)"}
    await opened_and_closed(tmp_path, beside=True)
    await opened_and_closed(tmp_path)  # the command does not hold the server's lock


async def test_who_waits_too_long_for_another_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivavoce.store.opening.WAIT_S", 0.05)
    with closing(Holding(tmp_path)), pytest.raises(OSError, match="another process has been making its database"):
        await Database.open(tmp_path)
    await opened_and_closed(tmp_path)


class Holding:
    """Another process that is making a database for ever."""

    def __init__(self, folder: Path) -> None:
        script = f"import fcntl, os; fcntl.flock(os.open({str(folder)!r}, os.O_RDONLY), 2); print(); input()"
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe)
        assert self._process.stdout
        self._process.stdout.readline()

    def close(self) -> None:
        self._process.communicate(b"\n")


def test_alembic_is_loaded_only_where_there_is_something_to_do(tmp_path: Path) -> None:
    script = (
        "import asyncio, pathlib, sys; from vivavoce.store.database import Database\n"
        "async def go(): await (await Database.open(pathlib.Path(sys.argv[1]))).close()\n"
        "asyncio.run(go()); print('alembic' in sys.modules)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    loaded = [subprocess.run(command, capture_output=True, check=True, text=True).stdout for _ in range(2)]
    assert loaded == ["True\n", "False\n"]
