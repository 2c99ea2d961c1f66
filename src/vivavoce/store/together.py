"""Writes together what comes from many at once: one transaction for all that wait costs what one of them does."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from sqlalchemy import Connection

from vivavoce.core.errors import NotRecorded
from vivavoce.store.database import Database, tell

T = TypeVar("T")


class Together(Generic[T]):
    """Items that are written side by side: what comes while the writer is at work waits for its next job."""

    def __init__(self, database: Database, write: Callable[[Connection, list[T]], None]) -> None:
        """`write` writes all it is given, or nothing of it."""
        self._database = database
        self._write = write
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._jobs = 0
        """Handed over, or about to be, and not done."""

    async def add(self, item: T) -> None:
        """Have an item written, and wait until it is on disk. Whoever stops waiting has it written all the same."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((item, done))
        if not self._jobs:
            self._jobs = 1
            loop.call_soon(self._begin)  # with what comes in the same moment
        await done

    def _begin(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._hand_over(waiting)

    def _hand_over(self, those: Sequence[tuple[T, "asyncio.Future[None]"]]) -> None:
        items = [item for item, _ in those]
        self._database.hand_over(lambda connection: self._write(connection, items), partial(self._told, those))

    def _told(self, those: Sequence[tuple[T, "asyncio.Future[None]"]], error: Exception | None) -> None:
        """Tell it on. Where one item cannot be written, the others are all the same: each alone."""
        self._jobs -= 1
        if error is None or len(those) == 1 or isinstance(error, NotRecorded):  # then none of them could be alone
            for _, done in those:
                tell(done, error)
        else:
            self._jobs += len(those)
            for each in those:
                self._hand_over([each])
        if self._waiting and not self._jobs:
            self._jobs = 1
            self._begin()
