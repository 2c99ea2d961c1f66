"""Lists of what is kept, part by part: by time, and at the same time as they were kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Table, and_, select, tuple_

from vivavoce.store.database import Database


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a list, and in which order."""

    limit: int = 20
    newest_first: bool = False
    after: str | None = None
    """The id of the last one that is known already."""


class NoSuchPlace(Exception):
    """What was to be gone on from is not there."""


class Listed:
    """The rows of a table that has the columns `id`, `project` and `number`, each project's by themselves."""

    def __init__(self, database: Database, table: Table, when: Column[int], shown: Sequence[Column[Any]]) -> None:
        """`when`: the time they are ordered by; `shown`: what is read of each."""
        self._database = database
        self._table = table
        self._order = (when, table.c.number)
        self._shown = shown

    async def part(self, project: str, found: ColumnElement[bool], part: Part) -> tuple[list[Row[Any]], bool]:
        """Part of the rows that are `found`, and whether there are more of them.

        Raises:
            NoSuchPlace: there is nothing to go on from.
        """
        if part.after is not None:
            place, last = tuple_(*self._order), await self._place(part.after, project)
            found = and_(found, place < last if part.newest_first else place > last)
        order = [column.desc() if part.newest_first else column.asc() for column in self._order]
        rows = await self._database.read(select(*self._shown).where(found).order_by(*order).limit(part.limit + 1))
        return rows[: part.limit], len(rows) > part.limit

    async def _place(self, row_id: str, project: str) -> tuple[Any, ...]:
        """Where a row stands, or an emptied one stood."""
        mine = and_(self._table.c.id == row_id, self._table.c.project == project)
        rows = await self._database.read(select(*self._order).where(mine))
        if not rows:
            raise NoSuchPlace
        return tuple(rows[0])
