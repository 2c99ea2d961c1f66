"""Spoken answers by id, for an hour: the row in the database, the sound in a file beside it."""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Column, Float, Integer, String, Table, bindparam, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.turn import Speech
from vivavoce.store.database import Database, tables

log = logging.getLogger("vivavoce.store")

LIFETIME_S = 3600
SWEEP_S = 60

answers = Table(
    "answers",
    tables,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("transcript", String, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("origin", String(128)),
    Column("expires_at", Integer, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class SpokenAnswer:
    """An answer that was spoken."""

    id: str
    project: str
    transcript: str
    pcm: Pcm
    expires_at: int
    """Unix seconds."""
    origin: str | None = None


class Answers:
    """Keeps spoken answers until they expire."""

    def __init__(self, database: Database, folder: Path, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._folder = folder
        self._now = now

    def expiry(self) -> int:
        """When an answer given now expires, in Unix seconds."""
        return int(self._now()) + LIFETIME_S

    async def keep(self, answer: SpokenAnswer) -> None:
        """Keep an answer; it can be found when this returns, and after a restart."""
        await self._database.write(lambda connection: self._write(connection, answer))

    def keep_later(self, answer: SpokenAnswer) -> None:
        """Keep an answer some time soon: for one that was broken off."""
        self._database.write_later(lambda connection: self._write(connection, answer))

    async def find(self, answer_id: str, project: str) -> Speech | None:
        """A kept answer; None where there is none of that id, project and age."""
        wanted = select(answers).where(
            answers.c.id == answer_id, answers.c.project == project, answers.c.expires_at > self._now()
        )
        rows = await self._database.read(wanted)
        if not rows:
            await self._database.write(_nothing)  # one that was broken off a moment ago may still be in the line
            rows = await self._database.read(wanted)
        if not rows:
            return None
        row = rows[0]
        return Speech(None, row.transcript, row.seconds, row.origin)

    async def sound(self, answer_id: str) -> Pcm | None:
        """The sound of a kept answer; None where it is gone."""
        try:
            return Pcm(await asyncio.to_thread(self._path(answer_id).read_bytes), SPOKEN_RATE)
        except OSError:
            return None

    async def sweep(self) -> None:
        """Delete what has expired, bytes first; where they cannot be deleted the row stays, to be tried again."""
        expired = answers.c.expires_at <= self._now()
        old: list[str] = [row.id for row in await self._database.read(select(answers.c.id).where(expired))]
        gone = [answer_id for answer_id in old if await asyncio.to_thread(self._unlink, answer_id)]
        if gone:
            await self._database.write(lambda connection: _forget(connection, gone))

    async def sweep_for_ever(self) -> None:
        """Delete what has expired, now and every minute."""
        while True:
            try:
                await self.sweep()
            except (OSError, SQLAlchemyError) as error:
                log.error("expired answers could not be deleted: %s", type(error).__name__)
            await asyncio.sleep(SWEEP_S)

    async def _write(self, connection: AsyncConnection, answer: SpokenAnswer) -> None:
        row = {
            "id": answer.id,
            "project": answer.project,
            "transcript": answer.transcript,
            "seconds": answer.pcm.seconds,
            "origin": answer.origin,
            "expires_at": answer.expires_at,
        }
        await connection.execute(insert(answers).values(row))
        await connection.commit()  # the row before the bytes: there are never bytes that no sweep would find
        await asyncio.to_thread(self._write_sound, answer)

    def _write_sound(self, answer: SpokenAnswer) -> None:
        path = self._path(answer.id)
        for folder in (self._folder, path.parent):
            folder.mkdir(exist_ok=True, mode=0o700)
        # What people heard is nobody else's on this machine.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(answer.pcm.data)

    def _unlink(self, answer_id: str) -> bool:
        try:
            self._path(answer_id).unlink(missing_ok=True)
        except OSError as error:
            log.error("the sound of an expired answer could not be deleted: %s", type(error).__name__)
            return False
        return True

    def _path(self, answer_id: str) -> Path:
        name = answer_id.removeprefix("audio_")
        if not name.isalnum():
            raise OSError("not an id of ours")
        return self._folder / name[:2] / f"{name}.pcm"


async def _nothing(_connection: AsyncConnection) -> None:
    pass


async def _forget(connection: AsyncConnection, ids: list[str]) -> None:
    await connection.execute(delete(answers).where(answers.c.id == bindparam("gone")), [{"gone": each} for each in ids])
    await connection.commit()
    await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")  # the log holds their words too
