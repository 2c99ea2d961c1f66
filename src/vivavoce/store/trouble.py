"""What keeps a database from being written to, and is not the fault of what was to be written."""

import errno
import sqlite3

from sqlalchemy.exc import DatabaseError

OURS = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
}
WAITED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
"""Another process writes, and was waited for."""


PRIMARY = 0xFF
"""The bits of a result code that say what it is about."""


class LogTooLong(Exception):
    """Another process reads without end, and so the log that is written ahead cannot be emptied."""


def of_database(error: BaseException | None) -> str | None:
    """What is wrong with the database, by the name SQLite has for it; None: nothing that is known from this error."""
    if isinstance(error, LogTooLong):
        return "the log that is written ahead cannot be emptied"
    found = _sqlite(error)
    return found.sqlite_errorname if found is not None and found.sqlite_errorcode & PRIMARY in OURS else None


def damaged(error: BaseException | None) -> bool:
    """Whether the database is none any more."""
    found = _sqlite(error)
    return found is not None and found.sqlite_errorcode & PRIMARY in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def of_disk(error: BaseException | None) -> str | None:
    """What kept a file from being written, by the name the system has for it."""
    return errno.errorcode.get(error.errno) if isinstance(error, OSError) and error.errno else None


def waited_for(error: BaseException | None) -> bool:
    """Whether it was waited for another process, and in vain."""
    found = _sqlite(error)
    return found is not None and found.sqlite_errorcode & PRIMARY in WAITED


def _sqlite(error: BaseException | None) -> sqlite3.Error | None:
    """SQLite's own error: https://www.sqlite.org/rescode.html."""
    found = error.orig if isinstance(error, DatabaseError) else None
    return found if isinstance(found, sqlite3.Error) and hasattr(found, "sqlite_errorcode") else None
