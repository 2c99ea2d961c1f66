"""Files that clients sent, and those made for them: the row in the database, the bytes in a file beside it."""

import asyncio
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
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
    update,
)

from vivavoce.store import clock
from vivavoce.store.database import Database, tables
from vivavoce.store.files import Files, forget_expired, settle
from vivavoce.store.paging import Listed, Part
from vivavoce.store.sweeping import commit_without_trace

BLOCK_BYTES = 4096
"""What a file takes beside its bytes."""
PLACE_S = 86_400
"""How long it is known where a deleted file stood in the list."""
ID = re.compile(r"file-[A-Za-z0-9]{8,50}")
UNFINISHED = ".unfinished"
MADE = "batch_output"
"""The purpose of what no client sent."""

uploads = Table(
    "uploads",
    tables,
    Column("number", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("project", String(64), nullable=False),
    Column("filename", String),
    Column("purpose", String(32), nullable=False),
    Column("size", Integer, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("expires_at", Integer, index=True),
    Index("uploads_in_order", "project", "created_at", "number"),
)
"""Of a deleted one the row stays for a day, without a name: who reads on from it finds the place."""

WHOLE = [column for column in uploads.c if column.name != "number"]
"""In the order of `Upload`."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A kept file."""

    id: str
    """`file-`, and letters and digits."""
    project: str
    filename: str
    """As the client called it: shown, and never a path."""
    purpose: str
    size: int
    """Bytes."""
    created_at: int
    """Unix seconds."""
    expires_at: int | None
    """Unix seconds; None: never."""


class NoRoom(Exception):
    """With one more file, the project would keep more than it may."""


class Uploads:
    """Keeps files until they expire or are deleted."""

    def __init__(self, database: Database, folder: Path, now: Callable[[], float] = clock.now) -> None:
        self._database = database
        self._folder = folder
        self._files = Files(folder, ".upload")
        self._now = now
        self._listed = Listed(database, uploads, uploads.c.created_at, WHOLE)

    @classmethod
    async def open(cls, database: Database, folder: Path, now: Callable[[], float] = clock.now) -> "Uploads":
        """Make ready, in a folder that no other process uses: what one that died left unfinished is deleted.

        Raises:
            OSError: the folder cannot be used.
        """
        opened = cls(database, folder, now)
        known = {row.id for row in await database.read(select(uploads.c.id))}
        await asyncio.to_thread(opened._tidy, known)
        return opened

    @property
    def writable(self) -> bool:
        """Whether one can be kept, as far as is known."""
        return self._database.writable

    def now(self) -> int:
        """When a file is made that is made now, in Unix seconds."""
        return int(self._now())

    def temporary(self) -> Path:
        """A new, empty file beside the kept ones, to be written to and then kept, or deleted.

        Raises:
            OSError: there is no room for it.
        """
        path = self._folder / UNFINISHED / secrets.token_hex(16)
        for folder in (self._folder, path.parent):
            folder.mkdir(exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        return path

    async def keep(self, upload: Upload, source: Path, *, room: int | None = None) -> None:
        """Keep a temporary file that is whole; it can be found when this returns, and after the power was cut.

        Args:
            upload: what it is to be.
            source: made by `temporary`. Where it cannot be kept, whoever made it deletes what is left of it.
            room: bytes of all that the project may have with it, as `taken` counts; None: of any number.

        Raises:
            NoRoom: there would be more.
            NotRecorded: its row cannot be written, or it cannot be moved into its place.
            OSError: it cannot be written.
        """
        await asyncio.to_thread(settle, source)
        row = {column.name: getattr(upload, column.name) for column in WHOLE}

        def write(connection: Connection) -> None:
            if room is not None and _taken(connection, upload.project) + upload.size + BLOCK_BYTES > room:
                raise NoRoom
            connection.execute(insert(uploads).values(row))
            self._files.take(upload.id, source)
            try:
                connection.commit()
            except BaseException:
                self._files.delete(upload.id)
                raise

        await self._database.write(write)

    async def taken(self, project: str) -> int:
        """Bytes of all that a project keeps, but for what came of its batches."""
        rows = await self._database.read(_size_of(project))
        return rows[0].size or 0

    async def find(self, upload_id: str, project: str) -> Upload | None:
        """A kept file; None where there is none of that id, project and age."""
        if not ID.fullmatch(upload_id):
            return None
        rows = await self._database.read(select(*WHOLE).where(self._one(upload_id, project)))
        return _kept(rows[0]) if rows else None

    async def list(self, project: str, *, purpose: str | None, part: Part) -> tuple[list[Upload], bool]:
        """Kept files, of one purpose or of any, and whether there are more of them.

        Raises:
            NoSuchPlace: there is no file to go on from.
        """
        found = self._of(project)
        if purpose is not None:
            found = and_(found, uploads.c.purpose == purpose)
        rows, more = await self._listed.part(project, found, part)
        return [_kept(row) for row in rows], more

    async def path(self, upload_id: str, project: str) -> Path | None:
        """Where the bytes of a kept file are read; None where there is none. Once opened, it can be read to its end."""
        if await self.find(upload_id, project) is None:
            return None
        path = self._files.path(upload_id)
        return path if await asyncio.to_thread(path.is_file) else None

    async def delete(self, upload_id: str, project: str) -> bool:
        """Delete a kept file and its name; False where there is none.

        Raises:
            OSError: its bytes cannot be deleted.
        """
        if await self.find(upload_id, project) is None:
            return False
        one, gone_at = self._one(upload_id, project), int(self._now()) + PLACE_S
        deleted = False

        def write(connection: Connection) -> None:
            nonlocal deleted
            emptied = update(uploads).where(one).values(filename=None, size=0, expires_at=gone_at)
            deleted = connection.execute(emptied).rowcount > 0
            if deleted:
                if not self._files.delete(upload_id):
                    raise OSError("the file cannot be deleted")
                commit_without_trace(connection)

        await self._database.write(write)
        return deleted

    async def sweep(self) -> None:
        """Delete what has expired, and the places of what was deleted."""
        await self._database.write(lambda connection: forget_expired(connection, uploads, self._files, self._now()))

    def _of(self, project: str) -> ColumnElement[bool]:
        alive = or_(uploads.c.expires_at.is_(None), uploads.c.expires_at > self._now())
        return and_(uploads.c.project == project, uploads.c.filename.is_not(None), alive)

    def _one(self, upload_id: str, project: str) -> ColumnElement[bool]:
        return and_(uploads.c.id == upload_id, self._of(project))

    def _tidy(self, known: set[str]) -> None:
        """Delete temporary files, and those whose rows were never written."""
        for path in (self._folder / UNFINISHED).glob("*"):
            path.unlink()
        self._files.keep_only(known)


def _kept(row: Row[Any]) -> Upload:
    return Upload(*row)


def _size_of(project: str) -> Any:
    """Of what the project's clients sent: what came of its batches is beside that."""
    size = func.sum(uploads.c.size + BLOCK_BYTES).label("size")
    sent = and_(uploads.c.filename.is_not(None), uploads.c.purpose != MADE)
    return select(size).where(uploads.c.project == project, sent)


def _taken(connection: Connection, project: str) -> int:
    return connection.scalar(_size_of(project)) or 0
