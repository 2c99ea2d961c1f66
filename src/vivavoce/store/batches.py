"""The lines of batches: given out to whoever works on them, and taken back once.

A line is leased for a time. Whoever holds it may have more time, give it back, or say what came of it. One whose time
is over is given to the next, with a larger number, its fence: whoever held it before and wakes up late is told that it
holds nothing any more.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, func, or_, select, update

from vivavoce.store import clock
from vivavoce.store.batch_files import BatchFiles, LineResponse, answered, one_line, request_id
from vivavoce.store.batch_rows import WORKED_ON, batches, lines
from vivavoce.store.database import Database
from vivavoce.store.ledger import Entry, append

log = logging.getLogger("vivavoce.store")

GOOD = range(200, 300)


@dataclass(frozen=True, slots=True)
class Leased:
    """A line that somebody works on."""

    batch: str
    number: int
    """The line's, from 1."""
    custom_id: str
    endpoint: str
    """As `/v1/chat/completions`."""
    body: bytes
    """JSON."""
    project: str
    key_id: str | None
    """The id of the key that the batch came with; None: the server had no keys."""
    model: str
    """The dated name; `body` may have another."""
    tokens: int
    """Of the prompt, about."""
    fence: int
    """Larger with each lease of the line."""
    request_id: str
    """The same with each lease: the ledger has one row of it."""


class Batches:
    """Gives lines out, the oldest batch's first; projects take turns."""

    def __init__(self, database: Database, files: BatchFiles, now: Callable[[], float] = clock.now) -> None:
        self._database = database
        self._files = files
        self._now = now
        self._turns: dict[str, int] = {}
        """By project with batches: when it had its last turn."""
        self._turn = count(1)

    async def lease(self, worker: str, most: int, lease_s: float) -> list[Leased]:
        """Lines to be worked on, for `lease_s` seconds: those nobody holds, or held too long.

        Args:
            worker: who will do so, in up to 64 letters.
            most: how many at most.
            lease_s: seconds until others are given them.
        """
        if not await self._database.read(select(batches.c.number).where(self._begun()).limit(1)):
            return []
        given: list[tuple[Row[Any], Row[Any]]] = []

        def write(connection: Connection) -> None:
            given.extend(self._given(connection, worker, most, lease_s))

        await self._database.write(write)
        return await asyncio.to_thread(self._read, given)

    async def renew(self, leased: Sequence[Leased], lease_s: float) -> list[Leased]:
        """Have more time for lines; those that are still held. Of a batch that was cancelled, none are any more."""
        held: list[Leased] = []

        def write(connection: Connection) -> None:
            for each in leased:
                batch = exists().where(batches.c.number == lines.c.batch, self._begun())
                longer = update(lines).where(_held(each), batch).values(lease_until=self._now() + lease_s)
                if connection.execute(longer).rowcount:
                    held.append(each)
                else:
                    connection.execute(update(lines).where(_held(each)).values(worker=None, lease_until=None))

        await self._database.write(write)
        return held

    async def finish(
        self, leased: Leased, status_code: int, request_id: str, body: bytes, entry: Entry | None = None
    ) -> bool:
        """Say what came of a line: the answer, and its row in the ledger, are on disk when this returns, or neither is.

        Args:
            leased: the line.
            status_code: of the answer; one of 200 to 299 goes to the output file, any other to the error file.
            request_id: the answer's.
            body: the answer's, as JSON.
            entry: the row in the ledger; None: there is none.

        Returns:
            False: somebody else holds the line by now, or the batch has ended; nothing was written.

        Raises:
            NotRecorded: the database or the disk does not take it; the line is still held.
        """
        done = False
        line = await asyncio.to_thread(
            lambda: answered(
                leased.batch, leased.number, leased.custom_id, LineResponse(status_code, request_id, one_line(body))
            )
        )

        def write(connection: Connection) -> None:
            nonlocal done
            done = self._finish(connection, leased, line, entry, good=status_code in GOOD)

        await self._database.write(write)
        return done

    async def give_back(self, leased: Sequence[Leased], wait_s: float = 0.0) -> None:
        """Let others have lines that were not worked on, in `wait_s` seconds at the earliest."""

        def write(connection: Connection) -> None:
            for each in leased:
                free = update(lines).where(_held(each)).values(worker=None, lease_until=self._now() + wait_s)
                connection.execute(free)

        await self._database.write(write)

    async def forget_leases(self) -> None:
        """Take back every line, as at the start of the one process that has had them given out."""

        def write(connection: Connection) -> None:
            connection.execute(
                update(lines).where(lines.c.lease_until.is_not(None)).values(worker=None, lease_until=None)
            )

        await self._database.write(write)

    async def left(self) -> int:
        """How many lines are given out, or will be."""
        found = select(func.count()).select_from(lines.join(batches)).where(self._begun(), ~lines.c.done)
        return (await self._database.read(found))[0][0]

    def _begun(self) -> ColumnElement[bool]:
        """Whether a batch's lines are given out."""
        return and_(batches.c.status == "in_progress", batches.c.expires_at > self._now())

    def _given(
        self, connection: Connection, worker: str, most: int, lease_s: float
    ) -> Iterator[tuple[Row[Any], Row[Any]]]:
        until = self._now() + lease_s
        waiting: dict[str, list[Row[Any]]] = {}
        for row in connection.execute(select(batches).where(self._begun()).order_by(batches.c.number)).all():
            waiting.setdefault(row.project, []).append(row)
        self._turns = {project: self._turns.get(project, 0) for project in waiting}
        while most and waiting:
            project = min(waiting, key=lambda each: self._turns[each])
            batch = waiting[project][0]
            line = connection.execute(self._open(batch.number)).one_or_none()
            if line is None:
                del waiting[project][0]
                if not waiting[project]:
                    del waiting[project]
                continue
            mine = {"worker": worker, "lease_until": until, "fence": line.fence + 1}
            which = and_(lines.c.batch == batch.number, lines.c.number == line.number)
            yield batch, connection.execute(update(lines).where(which).values(mine).returning(lines)).one()
            self._turns[project] = next(self._turn)
            most -= 1

    def _open(self, batch: int) -> Any:
        free = or_(lines.c.lease_until.is_(None), lines.c.lease_until <= self._now())
        found = select(lines).where(lines.c.batch == batch, ~lines.c.done, free)
        return found.order_by(lines.c.number).limit(1)

    def _read(self, given: Sequence[tuple[Row[Any], Row[Any]]]) -> list[Leased]:
        """Lines with what they ask; one that cannot be read is tried again when its time is over."""
        found: list[Leased] = []
        for batch, line in given:
            try:
                body = self._files.asked(batch.id, line.offset, line.length)
            except OSError as error:
                log.error("a line of %s cannot be read: %s", batch.id, type(error).__name__)
                continue
            request = request_id(batch.id, line.number)
            whose = (batch.project, batch.key, batch.model)
            what = (batch.id, line.number, line.custom_id, batch.endpoint, body)
            found.append(Leased(*what, *whose, line.tokens, line.fence, request))
        return found

    def _finish(self, connection: Connection, leased: Leased, line: bytes, entry: Entry | None, *, good: bool) -> bool:
        batch = connection.execute(select(batches).where(batches.c.id == leased.batch)).one_or_none()
        if batch is None or batch.status not in WORKED_ON:
            return False
        done = update(lines).where(_held(leased)).values(done=True, worker=None, lease_until=None)
        if not connection.execute(done).rowcount:
            return False
        changed: dict[str, Any] = {}
        if good:
            changed["completed"] = batch.completed + 1
            changed["output_bytes"] = self._files.append(batch.id, "output", batch.output_bytes, line)
        else:
            changed["failed"] = batch.failed + 1
            changed["error_bytes"] = self._files.append(batch.id, "error", batch.error_bytes, line)
        if entry is not None:
            changed |= {
                "tokens_in": batch.tokens_in + entry.text_in + entry.audio_in,
                "cached": batch.cached + entry.cached,
                "tokens_out": batch.tokens_out + entry.text_out + entry.audio_out,
                "reasoning": batch.reasoning + entry.reasoning,
            }
            append(connection, [entry])
        if batch.status == "in_progress" and batch.completed + batch.failed + 1 == batch.total:
            changed |= {"status": "finalizing", "ending": "completed", "finalizing_at": int(self._now())}
        connection.execute(update(batches).where(batches.c.number == batch.number).values(changed))
        return True


def _held(leased: Leased) -> ColumnElement[bool]:
    """Whether a line is still held by whoever has it."""
    batch = select(batches.c.number).where(batches.c.id == leased.batch).scalar_subquery()
    mine = and_(lines.c.batch == batch, lines.c.number == leased.number, lines.c.fence == leased.fence)
    return and_(mine, lines.c.worker.is_not(None), ~lines.c.done)
