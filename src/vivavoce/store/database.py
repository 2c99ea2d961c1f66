"""The database: many readers, one thread that writes, and one server process at a time where it is SQLite.

Another process may open it beside the server for what is only ever read anew from it; SQLite has them take turns.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
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
    """SQLite in the data folder. One thread makes every write, a transaction each; it takes all that waits at once."""

    def __init__(self, engine: Engine, path: Path, lock: int) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, "database")
        self._lock = lock
        self._jobs: asyncio.Queue[tuple[Job, asyncio.Future[None] | None]] = asyncio.Queue(WAITING_JOBS)
        self._upkeep = Upkeep(path, self.write)
        self._tasks: list[asyncio.Task[None]] = []
        """The writer first."""
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
            await asyncio.get_running_loop().run_in_executor(database._thread, preparing)
        except BaseException as error:
            await database.close()
            if isinstance(error, SQLAlchemyError):
                why = trouble.of_database(error) or type(error).__name__
                hint = "; put it back from a backup" if trouble.damaged(error) else ""
                raise OSError(0, f"cannot be used: {why}{hint}", str(path)) from None
            if isinstance(error, TooNew):
                raise OSError(0, str(error), str(path)) from None
            raise
        at_work = [database._write_for_ever(), *([] if beside else [database._upkeep.for_ever()])]
        database._tasks = [asyncio.create_task(each) for each in at_work]
        return database

    async def close(self) -> None:
        """Finish the writes that wait, then close."""
        if self._tasks:
            await self._jobs.join()
            self._closed = True
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
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
        if self._closed:
            raise NotRecorded
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._jobs.put((job, done))
        await done

    def write_later(self, job: Job) -> bool:
        """Run `job` in a transaction of the writer's soon; false, and dropped, where too much waits already."""
        if self._jobs.full():
            log.error("a write was dropped: %d wait already", WAITING_JOBS)
            return False
        self._jobs.put_nowait((job, None))
        return True

    async def read(self, statement: Executable) -> list[Row[Any]]:
        """The rows a statement finds."""
        return await asyncio.to_thread(self._read, statement)

    def _read(self, statement: Executable) -> list[Row[Any]]:
        with self._engine.connect() as connection:
            return list(connection.execute(statement).all())

    async def _write_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            waiting = [await self._jobs.get()]
            while not self._jobs.empty():
                waiting.append(self._jobs.get_nowait())
            jobs = [job for job, _ in waiting]
            errors = await loop.run_in_executor(self._thread, self._write_each, jobs)
            for (_, done), error in zip(waiting, errors, strict=True):
                self._jobs.task_done()
                told = self._told(error)
                if done is None:
                    if told is not None:
                        log.error("a write failed: %s", type(error).__name__)
                elif not done.done():
                    done.set_result(None) if told is None else done.set_exception(told)

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

    def _write_each(self, jobs: Sequence[Job]) -> list[Exception | None]:
        """Do jobs, and say what was wrong with each: that belongs to whoever waits for it, not to the writer.

        Where one has waited for another process in vain, those after it, which waited as long, do not wait again.
        """
        errors: list[Exception | None] = []
        locked = False
        for job in jobs:
            errors.append(self._write(job, hurried=locked))
            locked = trouble.waited_for(errors[-1])
        return errors

    def _write(self, job: Job, *, hurried: bool) -> Exception | None:
        try:
            with self._engine.connect() as connection, patience(connection, 0) if hurried else nullcontext():
                job(connection)
                connection.commit()
        except Exception as error:  # noqa: BLE001 - whatever it is
            return error
        return None


def _settle(connection: Any, _record: Any) -> None:
    """Each new connection: readers beside the writer, rows that survive a power cut, and deleted ones overwritten."""
    cursor = connection.cursor()
    for setting in SETTINGS:
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _leave_the_log(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA wal_autocheckpoint=0").close()
