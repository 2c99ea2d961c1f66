"""What becomes of batches: kept, begun, cancelled, expired, closed. A step that was cut off can be done again."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, or_, select, update

from vivavoce.core.errors import NotRecorded
from vivavoce.store import clock, trouble
from vivavoce.store.batch_files import BatchFiles, Kind, LineError, unanswered
from vivavoce.store.batch_remains import BatchRemains
from vivavoce.store.batch_rows import AT_ONCE, ENDED, TOLD, WAITING, Batch, BatchStatus, batch, batches, lines
from vivavoce.store.database import Database
from vivavoce.store.paging import Listed, Part

log = logging.getLogger("vivavoce.store")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a batch's input."""

    number: int
    """From 1, empty lines counted."""
    custom_id: str
    offset: int
    """Bytes from the beginning of the input."""
    length: int
    tokens: int
    """Of its prompt, about."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Prompts of a key that wait in batches."""

    project: str
    key: str | None
    counted: str
    """The name the model is counted by."""
    tokens: int


class TooMany(Exception):
    """The project has as many batches under way as it may."""


class BatchStates:
    """Takes batches from one state to the next."""

    def __init__(self, database: Database, files: BatchFiles, now: Callable[[], float] = clock.now) -> None:
        self._database = database
        self.files = files
        """What is asked in them, and what came of it."""
        self.now = now
        """Unix seconds."""
        self.remains = BatchRemains(database, files, now)
        """What there is to be deleted."""
        self._listed = Listed(database, batches, batches.c.created_at, TOLD)
        self.changed = asyncio.Event()
        """Set where somebody made or cancelled a batch."""
        self.wake: Callable[[], None] = lambda: None
        """Wakes who works on lines: there are some, or some are not to be worked on any more."""

    @classmethod
    async def open(cls, database: Database, folder: Path, now: Callable[[], float] = clock.now) -> "BatchStates":
        """Make ready, in a folder that no other process uses: what one that died left behind is deleted.

        Raises:
            OSError: the folder cannot be used.
        """
        opened = cls(database, BatchFiles(folder), now)
        await opened.remains.tidy()
        return opened

    async def create(self, made: Batch, source: Path, most: int) -> None:
        """Keep a batch and what it asks; it can be found when this returns.

        Args:
            made: the batch, in `validating`.
            source: the file it asks with.
            most: how many of its project's may be under way with it.

        Raises:
            TooMany: there would be more.
            FileNotFoundError: the file is gone.
            NotRecorded: it cannot be kept.
        """
        try:
            await asyncio.to_thread(self.files.begin, made.id, source)
        except FileNotFoundError:
            raise
        except OSError as error:
            log.error("a batch cannot be kept: %s", trouble.of_disk(error))
            raise NotRecorded from None

        def write(connection: Connection) -> None:
            alive = and_(batches.c.project == made.project, batches.c.status.not_in(ENDED))
            if (connection.scalar(select(func.count()).select_from(batches).where(alive)) or 0) >= most:
                raise TooMany
            connection.execute(insert(batches).values(asdict(made)))

        try:
            await self._database.write(write)
        except BaseException:
            await asyncio.to_thread(self.files.delete, made.id)
            raise
        self.changed.set()

    async def find(self, batch_id: str, project: str) -> Batch | None:
        """A batch; None where there is none of that id and project."""
        found = await self._those(and_(batches.c.id == batch_id, batches.c.project == project))
        return found[0] if found else None

    async def page(self, project: str, part: Part) -> tuple[list[Batch], bool]:
        """Part of a project's batches, and whether there are more of them.

        Raises:
            NoSuchPlace: there is no batch to go on from.
        """
        rows, more = await self._listed.part(project, batches.c.project == project, part)
        return [batch(row) for row in rows], more

    async def in_state(self, status: BatchStatus) -> list[Batch]:
        """Every batch of one state, the oldest first."""
        return await self._those(batches.c.status == status)

    async def begin(self, batch_id: str, model: str, counted: str, asked: Sequence[Line]) -> bool:
        """Have the lines of a batch that is validated worked on; false where it was cancelled or expired meanwhile.

        Args:
            batch_id: the batch.
            model: the dated name of its model.
            counted: the name by which that is counted.
            asked: the lines.
        """
        mine = and_(batches.c.id == batch_id, batches.c.status == "validating")
        begun, tokens = False, sum(each.tokens for each in asked)

        def forget(connection: Connection) -> None:
            """What a process that died had begun to write."""
            whose = select(batches.c.number).where(mine).scalar_subquery()
            connection.execute(delete(lines).where(lines.c.batch == whose))

        def start(connection: Connection) -> None:
            nonlocal begun
            about = {"model": model, "counted": counted, "total": len(asked), "tokens": tokens}
            started = {"status": "in_progress", "in_progress_at": int(self.now())} | about
            begun = connection.execute(update(batches).where(mine).values(started)).rowcount > 0

        await self._database.write(forget)
        for at in range(0, len(asked), AT_ONCE):
            await self._database.write(partial(_add, mine=mine, asked=asked[at : at + AT_ONCE]))
            await self.remains.slowly()
        await self._database.write(start)
        self.wake()
        return begun

    async def fail(self, batch_id: str, model: str | None, errors: Sequence[dict[str, Any]]) -> None:
        """End a batch whose lines were not worth beginning, unless it was cancelled or expired meanwhile."""
        failed = {"status": "failed", "failed_at": int(self.now()), "model": model, "errors": list(errors)}
        await self._change(and_(batches.c.id == batch_id, batches.c.status == "validating"), failed)

    async def cancel(self, batch_id: str, project: str) -> Batch | None:
        """Have a batch cancelled, and tell of it; one that is past that stays as it is. None where there is none."""
        mine = and_(batches.c.id == batch_id, batches.c.project == project)
        alive = batches.c.status.in_(("validating", "in_progress"))
        cancelling = {"status": "cancelling", "ending": "cancelled", "cancelling_at": int(self.now())}
        await self._change(and_(mine, alive), cancelling)
        self.changed.set()
        self.wake()
        return await self.find(batch_id, project)

    async def expire(self) -> None:
        """Have batches end whose time is over."""
        over = and_(batches.c.status.in_(("validating", "in_progress")), batches.c.expires_at <= self.now())
        if await self._database.read(select(batches.c.id).where(over).limit(1)):
            ending = {"status": "finalizing", "ending": "expired", "finalizing_at": int(self.now())}
            await self._change(over, ending)

    async def ending(self) -> list[Batch]:
        """Batches on which nobody works any more, and which have not ended."""
        held = exists().where(
            lines.c.batch == batches.c.number, lines.c.worker.is_not(None), lines.c.lease_until > self.now()
        )
        idle = and_(batches.c.status == "cancelling", ~held)
        return await self._those(or_(batches.c.status == "finalizing", idle))

    async def give_up(self, batch_id: str, error: LineError) -> None:
        """Say of every line that was not worked on why. The batch must be one of `ending`."""
        left = True

        def write(connection: Connection) -> None:
            nonlocal left
            left = self._give_up_some(connection, batch_id, error)

        while left:
            await self._database.write(write)
            await self.remains.slowly()

    async def close(self, batch_id: str, files: dict[Kind, str | None]) -> bool:
        """End a batch of `ending`, with the files of what came of it; false where that was done before."""
        done = False

        def write(connection: Connection) -> None:
            row = connection.execute(select(batches.c.ending, batches.c.status).where(batches.c.id == batch_id)).one()
            nonlocal done
            done = row.status not in ENDED
            if not done:
                return
            closed = {"status": row.ending, f"{row.ending}_at": int(self.now())}
            closed |= {"output_file": files["output"], "error_file": files["error"]}
            connection.execute(update(batches).where(batches.c.id == batch_id).values(closed))

        await self._database.write(write)
        return done

    async def results(self, batch_id: str) -> dict[Kind, int]:
        """How many bytes of results of each kind there are."""
        sizes = select(batches.c.output_bytes, batches.c.error_bytes).where(batches.c.id == batch_id)
        row = (await self._database.read(sizes))[0]
        return {"output": row.output_bytes, "error": row.error_bytes}

    async def waiting(self) -> list[Waiting]:
        """Prompts that wait in batches, by key and model."""
        whose = (batches.c.project, batches.c.key, batches.c.counted)
        found = select(*whose, func.sum(batches.c.tokens)).where(batches.c.status.in_(WAITING)).group_by(*whose)
        return [Waiting(*row) for row in await self._database.read(found) if row.counted is not None]

    def _give_up_some(self, connection: Connection, batch_id: str, error: LineError) -> bool:
        """Whether some lines are left."""
        row = connection.execute(select(batches).where(batches.c.id == batch_id)).one()
        found = select(lines.c.number, lines.c.custom_id).where(lines.c.batch == row.number, ~lines.c.done)
        some = connection.execute(found.order_by(lines.c.number).limit(AT_ONCE)).all()
        if not some or row.status in ENDED or row.in_progress_at is None:
            return False
        said = b"".join(unanswered(batch_id, each.number, each.custom_id, error) for each in some)
        end = self.files.append(batch_id, "error", row.error_bytes, said)
        these = and_(lines.c.batch == row.number, ~lines.c.done, lines.c.number <= some[-1].number)
        connection.execute(update(lines).where(these).values(done=True, worker=None, lease_until=None))
        counted = {"failed": row.failed + len(some), "error_bytes": end}
        connection.execute(update(batches).where(batches.c.number == row.number).values(counted))
        return len(some) == AT_ONCE

    async def _those(self, which: ColumnElement[bool]) -> list[Batch]:
        rows = await self._database.read(select(*TOLD).where(which).order_by(batches.c.number))
        return [batch(row) for row in rows]

    async def _change(self, which: ColumnElement[bool], values: dict[str, Any]) -> None:
        def write(connection: Connection) -> None:
            connection.execute(update(batches).where(which).values(values))

        await self._database.write(write)


def _add(connection: Connection, *, mine: ColumnElement[bool], asked: Sequence[Line]) -> None:
    whose = connection.scalar(select(batches.c.number).where(mine))
    if whose is not None:
        connection.execute(insert(lines), [asdict(each) | {"batch": whose} for each in asked])
