"""Stored chat completions: what was asked, and what was answered, for so many days. Their JSON is not looked into."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from vivavoce.store import clock
from vivavoce.store.database import Database, tables
from vivavoce.store.paging import Listed, Part
from vivavoce.store.sweeping import commit_without_trace

DAY_S = 86_400

completions = Table(
    "completions",
    tables,
    Column("number", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("project", String(64), nullable=False),
    Column("created", Integer, nullable=False),
    Column("model", String, nullable=False),
    Column("alias", String, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("body", LargeBinary),
    Column("messages", LargeBinary),
    Column("audio_format", String(16)),
    Index("completions_in_order", "project", "created", "number"),
)
"""Of a deleted one the row stays, empty, until it would have expired: who reads on from it finds the place."""

WHOLE = [column for column in completions.c if column.name not in ("number", "messages")]
"""In the order of `KeptCompletion`."""


@dataclass(frozen=True, slots=True)
class KeptCompletion:
    """A stored completion."""

    id: str
    project: str
    created: int
    """Unix seconds."""
    model: str
    """The model's dated name."""
    alias: str
    """What the request called it."""
    metadata: dict[str, str]
    body: bytes
    """JSON, but for the metadata and the sound."""
    audio_format: str | None
    """What the sound was asked for in; None: a written answer."""


@dataclass(frozen=True, slots=True)
class Wanted(Part):
    """Which completions are to be listed."""

    model: str | None = None
    metadata: dict[str, str] | None = None
    """Pairs that each must have."""


class Completions:
    """Keeps completions for so many days, and so many of them; of no days, none."""

    def __init__(
        self, database: Database, *, days: int = 30, most: int = 10_000, now: Callable[[], float] = clock.now
    ) -> None:
        self._database = database
        self._lifetime_s = days * DAY_S
        self._most = most
        self._now = now
        self._listed = Listed(database, completions, completions.c.created, WHOLE)

    async def keep(self, completion: KeptCompletion, messages: bytes) -> None:
        """Keep a completion, and as JSON the messages it answers; it can be found when this returns."""
        if not self._lifetime_s:
            return
        row = {column.name: getattr(completion, column.name) for column in WHOLE} | {"messages": messages}

        def write(connection: Connection) -> None:
            connection.execute(insert(completions).values(row))

        await self._database.write(write)

    async def find(self, completion_id: str, project: str) -> KeptCompletion | None:
        """A kept completion; None where there is none of that id, project and age."""
        rows = await self._database.read(select(*WHOLE).where(self._one(completion_id, project)))
        return _kept(rows[0]) if rows else None

    async def messages(self, completion_id: str, project: str) -> bytes | None:
        """The messages that a kept completion answers; None where there is none."""
        rows = await self._database.read(select(completions.c.messages).where(self._one(completion_id, project)))
        return rows[0].messages if rows else None

    async def page(self, project: str, wanted: Wanted) -> tuple[list[KeptCompletion], bool]:
        """Kept completions, and whether there are more of them.

        Raises:
            NoSuchPlace: there is no completion to go on from.
        """
        found = self._of(project)
        if wanted.model is not None:
            found = and_(found, or_(completions.c.model == wanted.model, completions.c.alias == wanted.model))
        for key, value in (wanted.metadata or {}).items():
            pair = func.json_each(completions.c.metadata).table_valued("key", "value")
            found = and_(found, select(1).where(pair.c.key == key, pair.c.value == value).exists())
        rows, more = await self._listed.part(project, found, wanted)
        return [_kept(row) for row in rows], more

    async def update(self, completion_id: str, project: str, metadata: dict[str, str]) -> KeptCompletion | None:
        """Give a kept completion other metadata; None where there is none."""
        found = await self.find(completion_id, project)
        if found is None:
            return None
        one = self._one(completion_id, project)

        def write(connection: Connection) -> None:
            connection.execute(update(completions).where(one).values(metadata=metadata))

        await self._database.write(write)
        return replace(found, metadata=metadata)

    async def delete(self, completion_id: str, project: str) -> bool:
        """Delete a kept completion, without a trace of its words; False where there is none."""
        one = self._one(completion_id, project)
        deleted = False

        def write(connection: Connection) -> None:
            nonlocal deleted
            emptied = update(completions).where(one).values(metadata={}, body=None, messages=None)
            deleted = connection.execute(emptied).rowcount > 0
            if deleted:
                commit_without_trace(connection)

        await self._database.write(write)
        return deleted

    async def sweep(self) -> None:
        """Delete what has expired, and the oldest of too many."""
        newest = completions.c.number.desc()
        kept = select(completions.c.number).where(completions.c.body.is_not(None)).order_by(newest)
        too_many = completions.c.number <= kept.offset(self._most).limit(1).scalar_subquery()
        expired = completions.c.created <= self._horizon
        if not await self._database.read(select(completions.c.id).where(or_(expired, too_many)).limit(1)):
            return

        def write(connection: Connection) -> None:
            connection.execute(delete(completions).where(or_(expired, too_many)))
            commit_without_trace(connection)

        await self._database.write(write)

    @property
    def _horizon(self) -> int:
        return int(self._now()) - self._lifetime_s

    def _of(self, project: str) -> ColumnElement[bool]:
        mine = completions.c.project == project
        return and_(mine, completions.c.body.is_not(None), completions.c.created > self._horizon)

    def _one(self, completion_id: str, project: str) -> ColumnElement[bool]:
        return and_(completions.c.id == completion_id, self._of(project))


def _kept(row: Row[Any]) -> KeptCompletion:
    return KeptCompletion(*row)
