"""What batches leave behind, and what a process that died left of them."""

import asyncio
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection, and_, delete, exists, select, update

from vivavoce.store.batch_files import BatchFiles
from vivavoce.store.batch_rows import AT_ONCE, ENDED, batches, lines
from vivavoce.store.database import Database
from vivavoce.store.sweeping import commit_without_trace

SLOWLY_S = 0.3
"""While somebody is there, so long a pause after as many lines as are written at once."""
KEPT_S = 30 * 86_400
"""How long a batch that ended is told of, after it would have expired."""
LOST = {"code": "server_error", "message": "The files of this batch are gone.", "param": None, "line": None}
"""What is wrong with a batch whose database was put back without them."""


class BatchRemains:
    """Deletes what nobody needs any more."""

    def __init__(self, database: Database, files: BatchFiles, now: Callable[[], float]) -> None:
        self._database = database
        self._files = files
        self._now = now
        self.somebody: Callable[[], bool] = lambda: False
        """Whether somebody is there for whom it goes slowly."""

    async def slowly(self) -> None:
        """After many lines were written: leave the machine to those who are there."""
        if self.somebody():
            await asyncio.sleep(SLOWLY_S)

    async def clean(self, batch_id: str) -> None:
        """Delete what a batch that ended has left: its lines, and its files. Its results are elsewhere."""
        number = select(batches.c.number).where(batches.c.id == batch_id).scalar_subquery()
        which = lines.c.batch == number
        left = True

        def write(connection: Connection) -> None:
            nonlocal left
            some = connection.scalars(select(lines.c.number).where(which).limit(AT_ONCE)).all()
            connection.execute(delete(lines).where(which, lines.c.number.in_(some)))
            commit_without_trace(connection)
            left = len(some) == AT_ONCE

        while left:
            await self._database.write(write)
            await self.slowly()
        await asyncio.to_thread(self._files.delete, batch_id)

    async def sweep(self) -> None:
        """Forget batches that ended long ago."""
        old = and_(batches.c.status.in_(ENDED), batches.c.expires_at <= self._now() - KEPT_S)
        if await self._database.read(select(batches.c.id).where(old).limit(1)):
            unused = and_(old, ~exists().where(lines.c.batch == batches.c.number))

            def write(connection: Connection) -> None:
                connection.execute(delete(batches).where(unused))
                commit_without_trace(connection)

            await self._database.write(write)

    async def tidy(self) -> None:
        """Clean up after a process that died. No batch may be made meanwhile; one whose files are gone has failed."""
        sizes = (batches.c.output_bytes.label("output"), batches.c.error_bytes.label("error"))
        for row in await self._database.read(select(batches.c.id, *sizes).where(batches.c.status.not_in(ENDED))):
            if not await asyncio.to_thread(self._files.whole, row.id, {"output": row.output, "error": row.error}):
                await self._database.write(partial(_lose, batch_id=row.id, now=int(self._now())))
        ended = select(batches.c.id).where(
            batches.c.status.in_(ENDED), exists().where(lines.c.batch == batches.c.number)
        )
        for row in await self._database.read(ended):
            await self.clean(row.id)
        alive = await self._database.read(select(batches.c.id).where(batches.c.status.not_in(ENDED)))
        await asyncio.to_thread(self._files.keep_only, {row.id for row in alive})


def _lose(connection: Connection, *, batch_id: str, now: int) -> None:
    lost = {"status": "failed", "failed_at": now, "errors": [LOST]}
    connection.execute(update(batches).where(batches.c.id == batch_id).values(lost))
