"""What was heard in recordings, for an hour: the words alone, by a digest of the sound and of what was asked of it."""

import logging
from collections.abc import Callable

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.exc import SQLAlchemyError

from vivavoce.core.engines import Transcript
from vivavoce.store import clock
from vivavoce.store.database import WAITING_JOBS, Database, tables
from vivavoce.store.sweeping import commit_without_trace

log = logging.getLogger("vivavoce.store")

heard = Table(
    "heard",
    tables,
    Column("id", String(64), primary_key=True),
    Column("words", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
    Index("heard_by_age", "expires_at", "size"),
)


class Heard:
    """Keeps transcripts until they expire; a `core.recalling.Memory`. Where there is no more room, the oldest go."""

    def __init__(
        self, database: Database, *, lifetime_s: float, most: int, room: int, now: Callable[[], float] = clock.now
    ) -> None:
        """`most`: how many recordings' words; `room`: bytes of all of them."""
        self._database = database
        self._lifetime_s = lifetime_s
        self._most = most
        self._room = room
        self._now = now
        self._waiting: dict[str, list[Transcript]] = {}
        """What is on its way to the disk; at most as much as the writer's line holds."""

    async def recall(self, name: str) -> list[Transcript] | None:
        """The words kept under a name; None where there are none of that age, or the disk does not give them."""
        waiting = self._waiting.get(name)
        if waiting is not None:
            return waiting
        try:
            rows = await self._database.read(
                select(heard.c.words).where(heard.c.id == name, heard.c.expires_at > self._now())
            )
            return msgspec.json.decode(rows[0].words, type=list[Transcript]) if rows else None
        except (SQLAlchemyError, msgspec.DecodeError) as error:
            log.error("what was heard could not be read: %s", type(error).__name__)
            return None

    def remember(self, name: str, words: list[Transcript]) -> None:
        """Keep words from now on, as far as the disk lets."""
        written = msgspec.json.encode(words)
        if len(written) > self._room:
            return
        if len(self._waiting) > WAITING_JOBS:
            self._waiting.clear()  # more than the line holds: the disk has stopped taking them
        self._waiting[name] = words

        def write(connection: Connection) -> None:
            try:
                self._write(connection, name, written)
            finally:
                self._waiting.pop(name, None)

        if not self._database.write_later(write):
            del self._waiting[name]

    async def sweep(self) -> None:
        """Delete what has expired."""
        expired = heard.c.expires_at <= self._now()
        if not await self._database.read(select(heard.c.id).where(expired).limit(1)):
            return

        def write(connection: Connection) -> None:
            connection.execute(delete(heard).where(expired))
            commit_without_trace(connection)

        await self._database.write(write)

    def _write(self, connection: Connection, name: str, words: bytes) -> None:
        row = {"id": name, "words": words, "size": len(words), "expires_at": int(self._now() + self._lifetime_s)}
        connection.execute(delete(heard).where(heard.c.id == name))
        connection.execute(insert(heard).values(row))
        too_many = self._over(connection)
        if too_many:
            gone = [{"gone": each} for each in too_many]
            connection.execute(delete(heard).where(heard.c.id == bindparam("gone")), gone)
            commit_without_trace(connection)
        else:
            connection.commit()

    def _over(self, connection: Connection) -> list[str]:
        """The oldest that are one too many, or for which there is no more room."""
        count, size = connection.execute(select(func.count(), func.sum(heard.c.size)).select_from(heard)).one()
        going: list[str] = []
        if count > self._most or size > self._room:
            oldest = select(heard.c.id, heard.c.size).order_by(heard.c.expires_at, heard.c.size)
            with connection.execute(oldest) as rows:
                for row in rows:
                    if count <= self._most and size <= self._room:
                        break
                    going.append(row.id)
                    count, size = count - 1, size - row.size
        return going
