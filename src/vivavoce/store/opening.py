"""Who may use a data folder: one server at a time, and one process at a time while its database is made or changed."""

import fcntl
import logging
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from vivavoce.store.migrations import due, migrate
from vivavoce.store.secret import OTHERS

log = logging.getLogger("vivavoce.store")

LOCK = "lock"
"""The file in a data folder that its server has locked."""
WAIT_S = 60.0
"""How long another process may take to bring a database up to date."""
LOOK_S = 0.02


class StoreInUse(OSError):
    """Another server process has this data folder open."""


def prepare(folder: Path, engine: Engine, lock: int, *, beside: bool) -> None:
    """Take `lock`, a file in the folder that is open, as its server, and bring the database up to date.

    With `beside` it is not taken. Where there is something to be brought up to date no server may run meanwhile: it
    would be of another version.

    Raises:
        StoreInUse: a server has it.
        OSError: another process is at it for too long.
        TooNew: the database is of a newer version of the program.
    """
    with _alone(folder):
        if not beside:
            _take(
                lock,
                f"another vivavoce server uses the data folder {folder}; a second one needs its own: "
                "set [store] folder and [server] port in its configuration",
            )
            if folder.stat().st_mode & OTHERS:
                log.warning("everybody on this machine can enter the data folder %s: chmod 700 it", folder)
        with engine.connect() as connection:
            if not due(connection):
                return
            if beside:
                _take(lock, f"a vivavoce server of an older version uses the data folder {folder}; stop it first")
            connection.rollback()
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # tables too are made in it
            migrate(connection)
            connection.commit()
        if beside:
            fcntl.flock(lock, fcntl.LOCK_UN)


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Have no other process prepare this folder; who is at it has its time."""
    handle = os.open(folder, os.O_RDONLY)
    until = time.monotonic() + WAIT_S
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise OSError(0, "another process has been making its database for a minute", str(folder)) from None
                time.sleep(LOOK_S)
        yield
    finally:
        os.close(handle)


def _take(lock: int, otherwise: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StoreInUse(otherwise) from None
