"""Spoken answers by id, for an hour: the row in the database, the sound in a file of many beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Column, Connection, Float, Index, Integer, String, Table, delete, func, insert, select

from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.turn import Speech
from vivavoce.store import clock
from vivavoce.store.database import Database, tables
from vivavoce.store.inserting import Inserting
from vivavoce.store.ledger import Entry, append
from vivavoce.store.segments import Place, Segments
from vivavoce.store.sweeping import commit_without_trace
from vivavoce.store.together import Together

LIFETIME_S = 3600

answers = Table(
    "answers",
    tables,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("transcript", String, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("origin", String(128)),
    Column("expires_at", Integer, nullable=False),
    Column("file", String, nullable=False, server_default=""),
    Column("start", Integer, nullable=False, server_default="0"),
    Column("size", Integer, nullable=False, server_default="0"),
    Index("answers_by_age", "expires_at", "file"),
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


class _Row(NamedTuple):
    id: str
    project: str
    transcript: str
    seconds: float
    origin: str | None
    expires_at: int
    file: str
    start: int
    size: int


ROWS = Inserting(insert(answers), _Row._fields)


class Answers:
    """Keeps spoken answers until they expire."""

    def __init__(self, database: Database, folder: Path, now: Callable[[], float] = clock.now) -> None:
        self._database = database
        self._sounds = Segments(folder, ".pcm", now)
        self._now = now
        self._tidy = False
        """Whether there can be no sound without a row."""
        self._kept = Together(database, self._write)

    def expiry(self) -> int:
        """When an answer given now expires, in Unix seconds."""
        return int(self._now()) + LIFETIME_S

    async def keep(self, answer: SpokenAnswer, entry: Entry | None = None) -> None:
        """Keep an answer; it can be found when this returns, and after a restart.

        Its `entry` in the ledger, if there is one, is written with its row. Both may be there without the sound where
        the disk or the power fails in the moment of writing: then this raises, or nobody is told anything.
        """
        await self._kept.add((answer, entry))

    def keep_later(self, answer: SpokenAnswer) -> None:
        """Keep an answer some time soon: for one that was broken off."""
        self._database.write_later(lambda connection: self._write(connection, [(answer, None)]))

    async def find(self, answer_id: str, project: str) -> Speech | None:
        """A kept answer; None where there is none of that id, project and age."""
        wanted = select(answers).where(
            answers.c.id == answer_id, answers.c.project == project, answers.c.expires_at > self._now()
        )
        rows = await self._database.read(wanted)
        if not rows:
            await self._database.write(lambda _: None)  # one that was broken off a moment ago may still be in the line
            rows = await self._database.read(wanted)
        if not rows:
            return None
        row = rows[0]
        return Speech(None, row.transcript, row.seconds, row.origin)

    async def sound(self, answer_id: str) -> Pcm | None:
        """The sound of a kept answer; None where it is gone."""
        place = select(answers.c.file, answers.c.start, answers.c.size).where(answers.c.id == answer_id)
        rows = await self._database.read(place)
        data = await self._sounds.read(Place(*rows[0])) if rows else None
        return None if data is None else Pcm(data, SPOKEN_RATE)

    async def sweep(self) -> None:
        """Delete what has expired, and at the first time what a server that was killed has left without its row."""
        await self._database.write(self._sweep)

    def _sweep(self, connection: Connection) -> None:
        if connection.execute(delete(answers).where(answers.c.expires_at <= self._now())).rowcount:
            commit_without_trace(connection)
        if not self._tidy:
            ends = select(answers.c.file, func.max(answers.c.start + answers.c.size)).group_by(answers.c.file)
            self._sounds.cut(dict(tuple(row) for row in connection.execute(ends)))
            self._tidy = True
        self._sounds.keep_only(set(connection.scalars(select(answers.c.file).distinct())))

    def _write(self, connection: Connection, spoken: Sequence[tuple[SpokenAnswer, Entry | None]]) -> None:
        with self._sounds.added([answer.pcm.data for answer, _ in spoken]) as places:
            ROWS.write(connection, (_row(answer, place) for (answer, _), place in zip(spoken, places, strict=True)))
            append(connection, [entry for _, entry in spoken if entry is not None])
            connection.commit()


def _row(answer: SpokenAnswer, place: Place) -> _Row:
    about = answer.id, answer.project, answer.transcript, answer.pcm.seconds, answer.origin, answer.expires_at
    return _Row(*about, *place)
