"""Writes together what comes from many at once: one transaction for all that wait costs what one of them does."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import Connection

from vivavoce.core.errors import NotRecorded
from vivavoce.store.database import Database

T = TypeVar("T")


class Together(Generic[T]):
    """Items that are written side by side: what comes while the writer is at work waits for its next job."""

    def __init__(self, database: Database, write: Callable[[Connection, list[T]], None]) -> None:
        """`write` writes all it is given, or nothing of it."""
        self._database = database
        self._write = write
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._next: asyncio.Task[None] | None = None
        """Writes what waits; None: nothing does."""
        self._at_work = asyncio.Lock()

    async def add(self, item: T) -> None:
        """Have an item written, and wait until it is on disk. Whoever stops waiting has it written all the same."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._next is None:
            self._next = asyncio.create_task(self._write_all())
        await done

    async def _write_all(self) -> None:
        async with self._at_work:
            waiting, self._waiting, self._next = self._waiting, [], None
            errors = await self._written([item for item, _ in waiting])
        for (_, done), error in zip(waiting, errors, strict=True):
            if not done.done():
                done.set_result(None) if error is None else done.set_exception(error)

    async def _written(self, items: list[T]) -> list[Exception | None]:
        """Write items; what was wrong with each. Where one of them cannot be written, the others are all the same."""
        try:
            await self._database.write(lambda connection: self._write(connection, items))
        except NotRecorded as error:  # nor could any of them alone
            return [error] * len(items)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told to whom it concerns
            return [error] if len(items) == 1 else [(await self._written([item]))[0] for item in items]
        return [None] * len(items)
