"""Writes together what comes from many at once: one transaction for all that wait costs what one of them does."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import Connection

from vivavoce.store.database import Database

T = TypeVar("T")


class Together(Generic[T]):
    """Items that are written side by side: what comes while the writer is at work waits for its next job."""

    def __init__(self, database: Database, write: Callable[[Connection, list[T]], None]) -> None:
        self._database = database
        self._write = write
        self._items: list[T] = []
        self._next: asyncio.Task[None] | None = None
        """Writes what waits; None: nothing does."""
        self._at_work = asyncio.Lock()

    async def add(self, item: T) -> None:
        """Have an item written, and wait until it is on disk. Whoever stops waiting has it written all the same."""
        self._items.append(item)
        if self._next is None:
            self._next = asyncio.create_task(self._write_all())
        await asyncio.shield(self._next)

    async def _write_all(self) -> None:
        async with self._at_work:
            items, self._items, self._next = self._items, [], None
            await self._database.write(lambda connection: self._write(connection, items))
