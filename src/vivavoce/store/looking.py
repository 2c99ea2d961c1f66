"""Looks into a database that a server may have open; writes nothing, and waits for nobody."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from sqlalchemy import Executable, Row, Table, create_engine, event, inspect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from vivavoce.store.database import FILE

Look: TypeAlias = Callable[[Executable], list[Row[Any]]]
"""The rows a statement finds."""


@contextmanager
def looking(folder: Path, table: Table) -> Generator[Look]:
    """Look into a table of the database in `folder`. Where there is no such table yet nothing is found.

    Raises:
        OSError: there is no database, or it cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        raise OSError(f"{folder}: no server has kept anything here yet")
    # not `mode=ro`: a reader makes the file through which it sees what the writer's log holds
    engine = create_engine(f"sqlite:///file:{quote(str(path))}?mode=rw&uri=true", poolclass=NullPool)
    event.listen(engine, "connect", _only_read)
    try:
        there = inspect(engine).has_table(table.name)

        def look(statement: Executable) -> list[Row[Any]]:
            with engine.connect() as connection:
                return list(connection.execute(statement).all()) if there else []

        yield look
    except SQLAlchemyError as error:
        raise OSError(f"{path} cannot be read: {type(error).__name__}") from None
    finally:
        engine.dispose()


def _only_read(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for setting in ("query_only=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()
