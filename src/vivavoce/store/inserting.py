"""Rows by a statement that is made once: to build it, and find it among those built, takes longer than SQLite does."""

from collections.abc import Iterable, Sequence
from operator import attrgetter

from sqlalchemy import Connection, Insert
from sqlalchemy.dialects import sqlite


class Inserting:
    """Inserts things whose attributes are called as the columns are."""

    def __init__(self, statement: Insert, columns: Sequence[str]) -> None:
        """`columns`: at least two, each of a type that SQLite knows by itself."""
        made = statement.compile(dialect=sqlite.dialect(), column_keys=list(columns))
        self._statement = str(made)
        self._values = attrgetter(*made.positiontup or ())

    def write(self, connection: Connection, things: Iterable[object]) -> None:
        """Write one row for each thing, within a transaction."""
        rows = [self._values(thing) for thing in things]
        if rows:
            connection.exec_driver_sql(self._statement, rows)
