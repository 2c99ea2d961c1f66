"""Whole answers by a name nobody can guess, to be given again: the row in the database, the body in a file beside it.

The newest are kept: where there is no more room, the oldest go before their time.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Column, Connection, Integer, String, Table, delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from vivavoce.core.errors import NotRecorded
from vivavoce.store import clock
from vivavoce.store.database import Database, tables
from vivavoce.store.files import Files, forget, forget_expired

log = logging.getLogger("vivavoce.store")

REPLY_BYTES = 64 * 1024 * 1024
"""The largest body kept: a quarter of an hour of speech, in base64."""
BLOCK_BYTES = 4096
"""What the smallest file takes."""

replies = Table(
    "replies",
    tables,
    Column("id", String(64), primary_key=True),
    Column("request", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", String, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered."""

    request: str
    """The digest of the request it answers."""
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Replies:
    """Keeps whole answers until they expire."""

    def __init__(
        self, database: Database, folder: Path, *, lifetime_s: float, room: int, now: Callable[[], float] = clock.now
    ) -> None:
        """`room`: bytes of all that are kept."""
        self._database = database
        self._files = Files(folder, ".reply")
        self._lifetime_s = lifetime_s
        self._room = room
        self._now = now
        self.largest = min(REPLY_BYTES, room)
        """Bytes of a body that is kept; a larger one is not."""

    async def keep(self, name: str, reply: Reply) -> None:
        """Keep an answer, as far as the disk lets: it has been given already, and the next request would be anew.

        Args:
            name: letters and digits.
            reply: not over `largest`.
        """
        try:
            await self._database.write(lambda connection: self._write(connection, name, reply))
        except (NotRecorded, OSError, SQLAlchemyError) as error:
            log.error("an answer could not be kept for its key: %s", type(error).__name__)

    async def find(self, name: str) -> Reply | None:
        """A kept answer, bit for bit; None where there is none of that name and age, or its file is not whole."""
        rows = await self._database.read(
            select(replies).where(replies.c.id == name, replies.c.expires_at > self._now())
        )
        body = await self._files.read(name) if rows else None
        if body is None or await asyncio.to_thread(_digest, body) != rows[0].digest:
            return None
        row = rows[0]
        headers = [(each.encode("latin-1"), value.encode("latin-1")) for each, value in json.loads(row.headers)]
        return Reply(row.request, row.status, headers, body)

    async def sweep(self) -> None:
        """Delete what has expired, and at the first time what a server that was killed has left without its row."""
        await self._database.write(lambda connection: forget_expired(connection, replies, self._files, self._now()))

    def _write(self, connection: Connection, name: str, reply: Reply) -> None:
        size = max(BLOCK_BYTES, len(reply.body))
        row = {
            "id": name,
            "request": reply.request,
            "status": reply.status,
            "headers": json.dumps([(each.decode("latin-1"), value.decode("latin-1")) for each, value in reply.headers]),
            "digest": _digest(reply.body),
            "size": size,
            "expires_at": int(self._now() + self._lifetime_s),
        }
        connection.execute(delete(replies).where(replies.c.id == name))
        self._make_room(connection, size)
        connection.execute(insert(replies).values(row))
        connection.commit()  # the row before the bytes: there are never bytes that no sweep would find
        self._files.write({name: reply.body})

    def _make_room(self, connection: Connection, size: int) -> None:
        taken = (connection.scalar(select(func.sum(replies.c.size))) or 0) + size
        if taken <= self._room:
            return
        going: list[str] = []
        with connection.execute(select(replies.c.id, replies.c.size).order_by(replies.c.expires_at)) as oldest:
            for row in oldest:
                if taken <= self._room:
                    break
                if self._files.delete(row.id):
                    going.append(row.id)
                    taken -= row.size
        forget(connection, replies, going)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
