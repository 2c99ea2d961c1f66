"""Spoken answers by id, for an hour: the row in the database, the sound in a file beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Column, Connection, Float, Integer, String, Table, insert, select

from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.turn import Speech
from vivavoce.store import clock
from vivavoce.store.database import Database, tables
from vivavoce.store.files import Files, forget_expired
from vivavoce.store.inserting import Inserting
from vivavoce.store.ledger import Entry, append
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

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.pcm.seconds


ROWS = Inserting(insert(answers), [column.name for column in answers.c])


class Answers:
    """Keeps spoken answers until they expire."""

    def __init__(self, database: Database, folder: Path, now: Callable[[], float] = clock.now) -> None:
        self._database = database
        self._files = Files(folder, ".pcm")
        self._now = now
        self._kept = Together(database, self._write)

    def expiry(self) -> int:
        """When an answer given now expires, in Unix seconds."""
        return int(self._now()) + LIFETIME_S

    async def keep(self, answer: SpokenAnswer, entry: Entry | None = None) -> None:
        """Keep an answer; it can be found when this returns, and after a restart.

        Its `entry` in the ledger, if there is one, is written after it: it is there only where the answer is.
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
        data = await self._files.read(answer_id)
        return None if data is None else Pcm(data, SPOKEN_RATE)

    async def sweep(self) -> None:
        """Delete what has expired, and at the first time what a server that was killed has left without its row."""
        await self._database.write(lambda connection: forget_expired(connection, answers, self._files, self._now()))

    def _write(self, connection: Connection, spoken: Sequence[tuple[SpokenAnswer, Entry | None]]) -> None:
        written: dict[str, bytes] = {}
        try:
            ROWS.write(connection, [answer for answer, _ in spoken])
            written = {answer.id: answer.pcm.data for answer, _ in spoken}
            self._files.write(written)
            append(connection, [entry for _, entry in spoken if entry is not None])
            connection.commit()
        except BaseException:
            for name in written:
                self._files.delete(name)
            raise
