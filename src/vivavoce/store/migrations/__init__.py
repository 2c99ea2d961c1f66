"""The database brought to the shape that this version of the program knows: one revision after the other, by Alembic.

How a table or a column is added: it joins `store.database.tables` in the module that uses it, and a new file in
`revisions` makes it in databases that are there already: `r0002_what_it_does.py`, with `revision = "0002"`,
`down_revision = "0001"` and `upgrade()`. `tests/store/test_migrations.py` fails until the two agree, and prints what
the revision lacks. A revision that was released is never changed. There is no way down: that is what backups are for.
SQLite changes a table by copying it, which loses its triggers: whoever changes `ledger` makes them again.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect

VERSION = "alembic_version"
"""The table that says which revision a database has."""
FOLDER = Path(__file__).parent
REVISIONS = FOLDER / "revisions"


class TooNew(Exception):
    """A newer version of the program has made this database, or changed it."""


def due(connection: Connection) -> bool:
    """Whether a database has yet to be brought to the newest revision. Nothing is written, and Alembic not loaded.

    Raises:
        TooNew: it has a revision that is not known here.
    """
    if not inspect(connection).has_table(VERSION):
        return True  # a new one, or one from before there were revisions
    known = sorted(file.stem[1:5] for file in REVISIONS.glob("r*.py"))
    revision = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION}").scalar()  # noqa: S608 - a constant
    if revision is not None and revision not in known:
        raise TooNew(f"is of a newer version of vivavoce (revision {revision}; known here: up to {known[-1]})")
    return revision != known[-1]


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring it to a revision: all of it, or nothing, in the transaction that is under way."""
    from alembic import command  # noqa: PLC0415 - takes as long as a start, and is seldom needed
    from alembic.config import Config  # noqa: PLC0415

    settings = Config(attributes={"connection": connection})
    places = {"script_location": FOLDER, "version_locations": REVISIONS, "path_separator": "newline"}
    for name, place in places.items():
        settings.set_main_option(name, str(place).replace("%", "%%"))
    command.upgrade(settings, revision)
