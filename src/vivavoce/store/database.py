"""The database: many readers, one writer task, and one server process at a time where it is SQLite."""

import asyncio
import fcntl
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Executable, MetaData, Row, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

log = logging.getLogger("vivavoce.store")

Job: TypeAlias = Callable[[AsyncConnection], Awaitable[None]]
"""Writes something. It is committed when the job ends, or earlier where the job says so; undone if it fails."""

WAITING_JOBS = 1000

tables = MetaData()


class StoreInUse(Exception):
    """Another server process has this data folder open."""


class Database:
    """SQLite in the data folder. Every write goes through one task, one transaction each."""

    def __init__(self, engine: AsyncEngine, lock: int) -> None:
        self._engine = engine
        self._lock = lock
        self._jobs: asyncio.Queue[tuple[Job, asyncio.Future[None] | None]] = asyncio.Queue(WAITING_JOBS)
        self._writer: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, folder: Path) -> "Database":
        """Open the database in `folder`, making both if need be.

        Raises:
            StoreInUse: another process has it open.
            OSError: the folder, or what is in it, cannot be used.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise StoreInUse(
                f"another vivavoce server uses the data folder {folder}; a second one needs its own: "
                "set [store] folder and [server] port in its configuration"
            ) from None
        logging.getLogger("aiosqlite").setLevel(logging.INFO)  # its debug lines hold every value that is written
        engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'vivavoce.db'}", hide_parameters=True)
        event.listen(engine.sync_engine, "connect", _settle)
        database = cls(engine, lock)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(tables.create_all)
        except BaseException as error:
            await database.close()
            if isinstance(error, SQLAlchemyError):
                raise OSError(f"{folder / 'vivavoce.db'} cannot be used: {type(error).__name__}") from None
            raise
        database._writer = asyncio.create_task(database._write_for_ever())
        return database

    async def close(self) -> None:
        """Finish the writes that wait, then close."""
        if self._writer is not None:
            await self._jobs.join()
            self._writer.cancel()
            await asyncio.wait([self._writer])
        await self._engine.dispose()
        os.close(self._lock)

    async def write(self, job: Job) -> None:
        """Run `job` in a transaction of the writer's, and wait until it is on disk."""
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
        async with self._engine.connect() as connection:
            return list((await connection.execute(statement)).all())

    async def _write_for_ever(self) -> None:
        while True:
            job, done = await self._jobs.get()
            try:
                async with self._engine.connect() as connection:
                    await job(connection)
                    await connection.commit()
            except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for this job, not to the writer
                if done is None:
                    log.error("a write failed: %s", type(error).__name__)
                elif not done.done():
                    done.set_exception(error)
            else:
                if done is not None and not done.done():
                    done.set_result(None)
            finally:
                self._jobs.task_done()


def _settle(connection: Any, _record: Any) -> None:
    """Each new connection: readers beside the writer, rows that survive a power cut, and deleted ones overwritten."""
    cursor = connection.cursor()
    for setting in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()
