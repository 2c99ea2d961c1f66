"""A copy of a data folder, made while a server uses it: a data folder itself, from which a server may be started.

The database is copied as it is at one moment, and then the files beside it. A file is there before its row is, so what
the copy's rows name is in it, but for what has expired meanwhile; files that are newer than the copy's rows are deleted
when a server is started on it.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from vivavoce.store.database import FILE
from vivavoce.store.opening import LOCK

BESIDE = {FILE, f"{FILE}-wal", f"{FILE}-shm", f"{FILE}-journal", LOCK}
"""What is copied otherwise, or not at all."""
WAIT_S = 30.0
"""How long another process that writes is waited for."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds."""

    files: int
    """Beside the database."""
    size: int
    """Bytes, with the database."""


def back_up(folder: Path, target: Path) -> Copied:
    """Copy a data folder to a place where nothing is yet. Only its owner can read it; it is there when it is whole.

    Raises:
        OSError: there is nothing to copy, the place is taken or within the folder, the database is damaged, or a disk
            is full.
    """
    if not (folder / FILE).is_file():
        raise OSError(0, "no server has kept anything here yet", str(folder))
    if os.path.lexists(target):
        raise FileExistsError(0, "is there already: a backup is made anew, elsewhere", str(target))
    if target.resolve().is_relative_to(folder.resolve()):
        raise OSError(0, "is within the data folder", str(target))
    unfinished = target.with_name(f"{target.name}.unfinished")
    if unfinished.exists():
        raise OSError(0, "was left by a backup that was killed, or one is being made: delete it", str(unfinished))
    unfinished.mkdir(mode=0o700)
    try:
        _copy_database(folder / FILE, unfinished / FILE)
        files = sum(1 for _ in _copy_files(folder, unfinished))
        size = sum(file.stat().st_size for file in unfinished.rglob("*") if file.is_file())
        os.sync()
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Copied(files, size)


def _copy_database(path: Path, target: Path) -> None:
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    # not `mode=ro`: a reader makes the file through which it sees what the writer's log holds
    source = f"file:{quote(str(path))}?mode=rw"
    try:
        with closing(sqlite3.connect(source, uri=True, timeout=WAIT_S, isolation_level=None)) as database:
            database.execute("VACUUM INTO ?", [str(target)])
        with closing(sqlite3.connect(target)) as copy:
            damage = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise OSError(
            0, f"cannot be copied: {getattr(error, 'sqlite_errorname', type(error).__name__)}", str(path)
        ) from None
    if damage != "ok":
        raise OSError(0, "is damaged; an older backup may be whole", str(path))


def _copy_files(folder: Path, target: Path) -> Iterator[Path]:
    """Copy every file beside the database, as far as they are not deleted meanwhile; also from a folder that somebody
    has put on another disk, with a link in its place."""
    for place, folders, names in os.walk(folder, followlinks=True):
        there = Path(place)
        here = target / there.relative_to(folder)
        for name in folders:
            (here / name).mkdir(mode=0o700)
        for name in names:
            if there == folder and name in BESIDE:
                continue
            with suppress(FileNotFoundError), (there / name).open("rb") as source:
                with os.fdopen(os.open(here / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
                    shutil.copyfileobj(source, copy, 1024 * 1024)
                yield here / name
