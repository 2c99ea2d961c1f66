"""The keys that were made: what each may do, and a keyed hash of it. The key itself is nowhere."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    and_,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from vivavoce.store import clock
from vivavoce.store.database import Database, tables

keys = Table(
    "keys",
    tables,
    Column("number", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("shown", String(64), nullable=False),
    Column("name", String(128), nullable=False),
    Column("project", String(64)),
    Column("tier", String(64)),
    Column("models", JSON(none_as_null=True)),
    Column("created_at", Integer, nullable=False),
    Column("expires_at", Integer),
    Column("revoked_at", Integer),
    Column("last_used_at", Integer),
    Index("keys_in_order", "project", "number"),
)
"""A revoked one stays: what was done with it goes by its id."""

TOLD = [column for column in keys.c if column.name not in ("number", "hash")]
"""In the order of `Key`."""


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key."""

    id: str
    shown: str
    """Its beginning and its end, by which whoever has it knows it again."""
    name: str
    project: str | None
    """None: an admin key, which makes and revokes keys."""
    tier: str | None
    models: list[str] | None
    """None: all."""
    created_at: int
    """Unix seconds, as all times here."""
    expires_at: int | None = None
    revoked_at: int | None = None
    """When it ends before its time; that may be yet to come."""
    last_used_at: int | None = None
    """Give or take some minutes."""

    @property
    def admin(self) -> bool:
        """Whether it is an admin key."""
        return self.project is None

    @property
    def ends_at(self) -> int | None:
        """When it is no longer good, by its own time or before it; None: never, as far as is known."""
        return min((at for at in (self.expires_at, self.revoked_at) if at is not None), default=None)

    def expired(self, now: float) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now

    def revoked(self, now: float) -> bool:
        """Whether it was ended before."""
        return self.revoked_at is not None and self.revoked_at <= now


class Keys:
    """Keeps keys."""

    def __init__(self, database: Database, now: Callable[[], float] = clock.now) -> None:
        self._database = database
        self._now = now

    async def any(self) -> bool:
        """Whether there ever was one."""
        return bool(await self._database.read(select(keys.c.number).limit(1)))

    async def keep(self, key: Key, hashed: str) -> None:
        """Keep a key by its hash."""

        def write(connection: Connection) -> None:
            connection.execute(insert(keys).values(_row(key, hashed)))

        await self._database.write(write)

    async def replace(self, old_id: str, key: Key, hashed: str, ends_at: int) -> bool:
        """Keep a key in the place of another, which ends at `ends_at`; nothing, and false, where it ends before."""
        done = False

        def write(connection: Connection) -> None:
            nonlocal done
            done = self._end(connection, old_id, ends_at)
            if done:
                connection.execute(insert(keys).values(_row(key, hashed)))

        await self._database.write(write)
        return done

    async def revoke(self, key_id: str) -> bool:
        """End a key now; false where there is none of that id that has not ended so."""
        done = False

        def write(connection: Connection) -> None:
            nonlocal done
            done = self._end(connection, key_id, int(self._now()))

        await self._database.write(write)
        return done

    async def known_by(self, hashed: str) -> Key | None:
        """The key of a hash."""
        return await self._one(keys.c.hash == hashed)

    async def find(self, key_id: str) -> Key | None:
        """The key of an id."""
        return await self._one(keys.c.id == key_id)

    async def all(self, *, ended: bool = False) -> list[Key]:
        """Every key in the order in which they were made; with `ended` those too that were revoked."""
        return await self._listed(true() if ended else self._after(self._now()))

    async def of(self, project: str | None) -> list[Key]:
        """The keys of a project, or all admin keys, without those that were revoked."""
        return await self._listed(and_(keys.c.project == project, self._after(self._now())))

    async def projects(self) -> list[tuple[str, int]]:
        """Every project that ever had a key, and when its first was made, in that order."""
        first = select(keys.c.project, func.min(keys.c.created_at).label("first")).where(keys.c.project.is_not(None))
        rows = await self._database.read(first.group_by(keys.c.project).order_by(func.min(keys.c.number)))
        return [(row.project, row.first) for row in rows]

    def note_use(self, key_id: str) -> None:
        """Write down soon that a key was used now."""
        used = update(keys).where(keys.c.id == key_id).values(last_used_at=int(self._now()))

        def write(connection: Connection) -> None:
            connection.execute(used)

        self._database.write_later(write)

    async def _one(self, which: ColumnElement[bool]) -> Key | None:
        rows = await self._database.read(select(*TOLD).where(which))
        return _key(rows[0]) if rows else None

    async def _listed(self, which: ColumnElement[bool]) -> list[Key]:
        rows = await self._database.read(select(*TOLD).where(which).order_by(keys.c.number))
        return [_key(row) for row in rows]

    def _end(self, connection: Connection, key_id: str, at: int) -> bool:
        """Have a key end at a time; false where it has ended by then."""
        ending = update(keys).where(keys.c.id == key_id, self._after(at)).values(revoked_at=at)
        return connection.execute(ending).rowcount > 0

    def _after(self, at: float) -> ColumnElement[bool]:
        """Whether it goes on after a time."""
        return or_(keys.c.revoked_at.is_(None), keys.c.revoked_at > at)


def _row(key: Key, hashed: str) -> dict[str, Any]:
    return {column.name: getattr(key, column.name) for column in TOLD} | {"hash": hashed}


def _key(row: Row[Any]) -> Key:
    return Key(*row)
