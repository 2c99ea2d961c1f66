"""The database: many readers, one thread that writes, and one server process at a time where it is SQLite.

Another process may open it beside the server for what is only ever read anew from it; SQLite has them take turns.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, Executable, MetaData, Row, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from vivavoce.core.errors import NotRecorded
from vivavoce.store import trouble
from vivavoce.store.migrations import TooNew
from vivavoce.store.opening import LOCK, StoreInUse, prepare
from vivavoce.store.upkeep import Upkeep, patience

log = logging.getLogger("vivavoce.store")

Job: TypeAlias = Callable[[Connection], None]
"""Writes something, in the writer's thread. It is committed when the job ends, or earlier where the job says so; undone
if it fails."""

Told: TypeAlias = Callable[[Exception | None], None]
"""Is told what was wrong with a job, once nothing more comes of it."""

WAITING_JOBS = 1000
FILE = "vivavoce.db"
SETTINGS = (
    "busy_timeout=5000",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",
    "journal_size_limit=4194304",
)

__all__ = ["Database", "Job", "StoreInUse", "tables"]

tables = MetaData()
"""What the modules beside this one keep. `store.migrations` says how one more is added."""


class Database:
    """SQLite in the data folder. One thread makes every write, a transaction each, in the order in which they come."""

    def __init__(self, engine: Engine, path: Path, lock: int) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, "database")
        self._lock = lock
        self._loop = asyncio.get_running_loop()
        self._waiting = 0
        """Jobs that were handed over and are not done."""
        self._done_one = asyncio.Event()
        self._in_vain = 0.0
        """When the last job began that has waited for another process in vain."""
        self._upkeep = Upkeep(path, self.write)
        self._looking: asyncio.Task[None] | None = None
        self._closed = False
        """Whether nobody writes any more."""

    @classmethod
    async def open(cls, folder: Path, *, beside: bool = False) -> "Database":
        """Open the database in `folder`, making both if need be.

        Args:
            folder: where it is.
            beside: open it though a server has it open, for a few rows that no server holds in its memory.

        Raises:
            StoreInUse: another server has it open.
            OSError: the folder, or what is in it, cannot be used.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / FILE
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # what stands beside it is made as it is
        engine = create_engine(f"sqlite:///{path}", hide_parameters=True)
        event.listen(engine, "connect", _settle)
        if beside:  # the log is the server's to empty: SQLite before 3.51.3 may lose what two do at once (#walresetbug)
            event.listen(engine, "connect", _leave_the_log)
        database = cls(engine, path, os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600))
        preparing = partial(prepare, folder, engine, database._lock, beside=beside)
        try:
            await database._loop.run_in_executor(database._thread, preparing)
        except BaseException as error:
            await database.close()
            if isinstance(error, SQLAlchemyError):
                why = trouble.of_database(error) or type(error).__name__
                hint = "; put it back from a backup" if trouble.damaged(error) else ""
                raise OSError(0, f"cannot be used: {why}{hint}", str(path)) from None
            if isinstance(error, TooNew):
                raise OSError(0, str(error), str(path)) from None
            raise
        if not beside:
            database._looking = asyncio.create_task(database._upkeep.for_ever())
        return database

    async def close(self) -> None:
        """Finish the writes that wait, then close."""
        while self._waiting:
            await self._one_less()
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        await asyncio.to_thread(self._thread.shutdown)
        self._engine.dispose()
        os.close(self._lock)

    @property
    def writable(self) -> bool:
        """Whether it can be written to, as far as is known. Where it cannot be, that is tried every second."""
        return self._upkeep.well

    async def write(self, job: Job) -> None:
        """Run `job` in a transaction of the writer's, and wait until it is on disk.

        Raises:
            NotRecorded: the database or the disk does not take it. Whatever else is wrong the job has raised.
        """
        while self._waiting >= WAITING_JOBS:
            await self._one_less()
        done: asyncio.Future[None] = self._loop.create_future()
        self.hand_over(job, partial(tell, done))
        await done

    def write_later(self, job: Job) -> bool:
        """Run `job` in a transaction of the writer's soon; false, and dropped, where too much waits already."""
        if self._waiting >= WAITING_JOBS:
            log.error("a write was dropped: %d wait already", WAITING_JOBS)
            return False
        self.hand_over(job, _log)
        return True

    def hand_over(self, job: Job, told: Told) -> None:
        """Run `job` in a transaction of the writer's, after all that came before it, and then tell what was wrong.

        Whoever hands over keeps the line short; `write` and `write_later` do.
        """
        if self._closed:
            told(NotRecorded())
            return
        self._waiting += 1
        self._thread.submit(self._do, job, told, time.monotonic())

    async def read(self, statement: Executable) -> list[Row[Any]]:
        """The rows a statement finds."""
        return await asyncio.to_thread(self._read, statement)

    def _read(self, statement: Executable) -> list[Row[Any]]:
        with self._engine.connect() as connection:
            return list(connection.execute(statement).all())

    async def _one_less(self) -> None:
        self._done_one.clear()
        await self._done_one.wait()

    def _do(self, job: Job, told: Told, came: float) -> None:
        """Do a job. Where one has waited for another process in vain, those that came before it do not wait again."""
        hurried, began = came <= self._in_vain, time.monotonic()
        error = self._write(job, hurried=hurried)
        if trouble.waited_for(error) and not hurried:
            self._in_vain = began
        self._loop.call_soon_threadsafe(self._done, told, error)

    def _done(self, told: Told, error: Exception | None) -> None:
        self._waiting -= 1
        self._done_one.set()
        told(self._told(error))

    def _told(self, error: Exception | None) -> Exception | None:
        """What whoever wrote is told."""
        wrong = trouble.of_database(error)
        if wrong is not None:
            self._upkeep.suffers(wrong)
        elif trouble.of_disk(error):
            log.error("a file beside the database cannot be written: %s", trouble.of_disk(error))
        else:
            return error
        return NotRecorded()

    def _write(self, job: Job, *, hurried: bool) -> Exception | None:
        try:
            with self._engine.connect() as connection, patience(connection, 0) if hurried else nullcontext():
                job(connection)
                connection.commit()
        except Exception as error:  # noqa: BLE001 - whatever it is
            return error
        return None


def tell(done: "asyncio.Future[None]", error: Exception | None) -> None:
    """Tell whoever waits, if anybody still does, what was wrong."""
    if not done.done():
        done.set_result(None) if error is None else done.set_exception(error)


def _log(error: Exception | None) -> None:
    if error is not None:
        log.error("a write failed: %s", type(error).__name__)


def _settle(connection: Any, _record: Any) -> None:
    """Each new connection: readers beside the writer, rows that survive a power cut, and deleted ones overwritten."""
    cursor = connection.cursor()
    for setting in SETTINGS:
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _leave_the_log(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA wal_autocheckpoint=0").close()
