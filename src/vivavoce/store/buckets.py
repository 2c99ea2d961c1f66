"""How far the limits of a day are used, kept so that a restart does not begin the day anew.

Written every second where something has changed, and at the end: a server that is killed forgets a second's requests.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TypeAlias

from sqlalchemy import Column, Connection, Float, String, Table, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from vivavoce.core.errors import NotRecorded
from vivavoce.store.database import Database, tables

log = logging.getLogger("vivavoce.store")

EVERY_S = 1.0
Kept: TypeAlias = Mapping[str, tuple[int, float]]
"""By name: how full, and when that was in Unix seconds."""

buckets = Table(
    "buckets",
    tables,
    Column("name", String, primary_key=True),
    Column("mark", String, nullable=False),  # a whole number that may outgrow 64 bits
    Column("at", Float, nullable=False),
)


class Buckets:
    """Keeps what `told` tells."""

    def __init__(self, database: Database, told: Callable[[], Kept]) -> None:
        self._database = database
        self._told = told
        self._written: Kept = {}

    async def read(self) -> Kept:
        """What was kept."""
        rows = await self._database.read(select(buckets.c.name, buckets.c.mark, buckets.c.at))
        self._written = {row.name: (int(row.mark), row.at) for row in rows}
        return self._written

    async def keep(self) -> None:
        """Write what has changed since it was last written. What cannot be written now is written the next time."""
        told = self._told()
        changed = [name for name, kept in told.items() if self._differs(name, *kept)]
        gone = [*changed, *(name for name in self._written if name not in told)]
        if not gone:
            return
        rows = [{"name": name, "mark": str(told[name][0]), "at": told[name][1]} for name in changed]

        def write(connection: Connection) -> None:
            for name in gone:
                connection.execute(delete(buckets).where(buckets.c.name == name))
            if rows:
                connection.execute(insert(buckets), rows)

        try:
            await self._database.write(write)
        except (NotRecorded, OSError, SQLAlchemyError) as error:
            log.error("how far limits are used could not be written: %s", type(error).__name__)
        else:
            self._written = told

    def _differs(self, name: str, mark: int, at: float) -> bool:
        """Whether it is not what was written; one that was empty and is as full again is so at another time."""
        before, then = self._written.get(name, (None, 0.0))
        return mark != before or abs(at - then) > EVERY_S

    async def keep_for_ever(self) -> None:
        """Write every second."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.keep()
