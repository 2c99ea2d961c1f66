"""Looks after a database while it is open: whether it can be written to, and that its log stays short.

SQLite writes into a log first (`vivavoce.db-wal`). What is in it goes into the database from time to time, as far as no
reader still sees what was before, and the log then begins anew. One that reads without end, in a shell that was left
open, has it grow without end.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from vivavoce.core.errors import NotRecorded
from vivavoce.store.trouble import LogTooLong

log = logging.getLogger("vivavoce.store")

CHECK_S = 60.0
"""How often the log is emptied: so long at most, deleted words may still stand in it."""
AGAIN_S = 1.0
"""How often it is tried whether a database can be written to again."""
WAIT_MS = 100
"""How long readers are waited for, where all writers wait meanwhile."""
LOG_BYTES = 1024 * 1024 * 1024
"""The longest the log may become. Then nothing new is begun."""


class Upkeep:
    """What is known of a database's health."""

    def __init__(self, path: Path, write: Callable[[Callable[[Connection], None]], Awaitable[None]]) -> None:
        """`path`: of the database; `write` does a job in its writer's thread, or raises `NotRecorded`."""
        self._log = path.with_name(f"{path.name}-wal")
        self._write = write
        self._trouble: str | None = None
        self._called = asyncio.Event()

    @property
    def well(self) -> bool:
        """Whether the database can be written to, as far as is known."""
        return self._trouble is None

    def suffers(self, trouble: str) -> None:
        """Something could not be written, and why."""
        if self._trouble is None:
            log.error("the database cannot be written to: %s", trouble)
            self._called.set()
        self._trouble = trouble

    async def for_ever(self) -> None:
        """Empty the log now and then; where the database cannot be written to, try until it can be."""
        while True:
            if self.well:
                with suppress(TimeoutError):
                    # not `wait_for`: that of 3.11 passes over the end where both come at once
                    async with asyncio.timeout(CHECK_S):
                        await self._called.wait()
                self._called.clear()
            if not self.well:
                await asyncio.sleep(AGAIN_S)
            try:
                await self._write(self._check)
            except NotRecorded:  # it is known by now
                continue
            except SQLAlchemyError as error:
                log.error("the database could not be looked after: %s", type(error).__name__)
                continue
            if self._trouble is not None:
                log.error("the database can be written to again; it could not be: %s", self._trouble)
                self._trouble = None

    def _check(self, connection: Connection) -> None:
        if self._trouble is not None:
            connection.exec_driver_sql("PRAGMA user_version=0")  # what it is; writing it changes nothing
        empty_log(connection)
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES:
            raise LogTooLong


def empty_log(connection: Connection) -> None:
    """Take over what is in the log, and leave no trace of it there, as far as readers let that."""
    with patience(connection, WAIT_MS):
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def patience(connection: Connection, wait_ms: int) -> Generator[None]:
    """Wait no longer than this for other processes."""
    usual = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
    connection.exec_driver_sql(f"PRAGMA busy_timeout={wait_ms}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={usual}")
