"""Files beside the database: what is too large for a row. Only their owner on this machine can read them."""

import asyncio
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection, Table, bindparam, delete, select

from vivavoce.store.sweeping import commit_without_trace

log = logging.getLogger("vivavoce.store")


class Files:
    """One folder of files, each named by the id of its row, without what stands before the last `_` or `-`.

    They are written and deleted in the database's thread, with their rows.
    """

    def __init__(self, folder: Path, ending: str) -> None:
        self._folder = folder
        self._ending = ending
        self.tidy = False
        """Whether there can be no file without a row."""

    def write(self, contents: Mapping[str, bytes]) -> None:
        """Write files, by name, over others of that name if need be.

        Raises:
            OSError: one cannot be written, or is no id of ours.
        """
        for name, data in contents.items():
            path = self.path(name)
            try:
                file = _opened(path)
            except (FileNotFoundError, NotADirectoryError):
                self._make_room(path)
                file = _opened(path)
            with file:
                file.write(data)

    def take(self, name: str, source: Path) -> None:
        """Make a whole file of the same disk one of these.

        Raises:
            OSError: it cannot be moved, or the name is no id of ours.
        """
        path = self.path(name)
        self._make_room(path)
        source.rename(path)

    async def read(self, name: str) -> bytes | None:
        """What a file holds; None where there is none."""
        try:
            return await asyncio.to_thread(self.path(name).read_bytes)
        except OSError:
            return None

    def delete(self, name: str) -> bool:
        """Delete a file, and say whether it is gone."""
        return remove(self.path(name))

    def keep_only(self, names: Iterable[str]) -> None:
        """Delete every file but those of these names: what a process that died wrote, and no row names."""
        kept = {self.path(name) for name in names}
        for path in self._folder.glob(f"*/*{self._ending}"):
            if path not in kept:
                remove(path)
        self.tidy = True

    def path(self, name: str) -> Path:
        """Where a file is, or would be.

        Raises:
            OSError: the name is no id of ours.
        """
        stem = name[max(name.rfind("_"), name.rfind("-")) + 1 :]
        if not stem.isalnum():
            raise OSError("not an id of ours")
        return self._folder / stem[:2] / f"{stem}{self._ending}"

    def _make_room(self, path: Path) -> None:
        for folder in (self._folder, path.parent):
            folder.mkdir(exist_ok=True, mode=0o700)


def _opened(path: Path) -> BinaryIO:
    """A file to be written. What people said and heard is nobody else's on this machine."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def settle(path: Path) -> None:
    """Have a file's bytes, or the names in a folder, survive a power cut.

    Raises:
        OSError: they cannot be written.
    """
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def remove(path: Path) -> bool:
    """Delete a file, and say whether it is gone."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.error("a file could not be deleted: %s", type(error).__name__)
        return False
    return True


def forget_expired(connection: Connection, table: Table, files: Files, now: float) -> None:
    """Delete the rows that expired by `now`, and their files; where a file cannot be deleted, its row stays.

    The first time also files that no row names: a process that died has left them. It is the writer's work: nothing is
    kept meanwhile.
    """
    if not files.tidy:
        files.keep_only([row.id for row in connection.execute(select(table.c.id)).all()])
    expired = connection.execute(select(table.c.id).where(table.c.expires_at <= now))
    forget(connection, table, [row.id for row in expired.all() if files.delete(row.id)])


def forget(connection: Connection, table: Table, ids: Sequence[str]) -> None:
    """Delete rows whose files are gone."""
    if ids:
        gone = [{"gone": each} for each in ids]
        connection.execute(delete(table).where(table.c.id == bindparam("gone")), gone)
        commit_without_trace(connection)
