"""Writes together what comes from many at once: one transaction for all that wait costs what one of them does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from vivavoce.store.database import Database

T = TypeVar("T")


class Together(Generic[T]):
    """Items in line for one of the writer's jobs, which takes all of them that are there when its turn comes."""

    def __init__(self, database: Database, write: Callable[[AsyncConnection, list[T]], Awaitable[None]]) -> None:
        self._database = database
        self._write = write
        self._items: list[T] = []
        self._written: asyncio.Task[None] | None = None

    async def add(self, item: T) -> None:
        """Have an item written, and wait until it is on disk. Whoever stops waiting has it written all the same."""
        self._items.append(item)
        if self._written is None:
            self._written = asyncio.create_task(self._database.write(self._take))
        await asyncio.shield(self._written)

    async def _take(self, connection: AsyncConnection) -> None:
        items, self._items, self._written = self._items, [], None
        await self._write(connection, items)
