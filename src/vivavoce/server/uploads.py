"""`/v1/files`: files that clients send and fetch, never whole in memory."""

import asyncio
import errno
import os
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from vivavoce.core.aside import aside
from vivavoce.core.errors import NoSpace, NotRecorded
from vivavoce.server.caller import caller_of
from vivavoce.server.connection import while_connected
from vivavoce.server.forms import Parts, read_parts
from vivavoce.server.service import Endpoint, Service
from vivavoce.store.paging import NoSuchPlace, Part
from vivavoce.store.uploads import NoRoom, Upload
from vivavoce.wire import listing
from vivavoce.wire import uploads as wire
from vivavoce.wire.ids import file_id
from vivavoce.wire.operation import JSON, OCTETS
from vivavoce.wire.queries import query
from vivavoce.wire.transcription_errors import missing_file

FULL = {errno.ENOSPC, errno.EDQUOT}
"""The disk has no room."""
BODY_BYTES = 256
"""Of what is said of one file, about."""
PIECE_BYTES = 128 * 1024
"""Of a file that is sent: so much of it is in memory, and as much again that the connection has not taken yet."""


class Files:
    """The endpoints."""

    def __init__(self, service: Service) -> None:
        self._uploads = service.uploads
        self._file_bytes = service.file_bytes
        self._room = service.files_bytes
        self._coming = Counter[str]()
        """Bytes on the disk that may become files, by project."""

    def by_operation(self) -> dict[str, Endpoint]:
        """What answers each operation."""
        return {
            "createFile": self.create,
            "listFiles": self.list,
            "retrieveFile": self.retrieve,
            "deleteFile": self.delete,
            "downloadFile": self.content,
        }

    async def create(self, request: Request) -> Response:
        """Keep a file."""
        project = _project(request)
        if not self._uploads.writable:
            raise NotRecorded
        try:
            async with self._temporary() as path:
                parts = await self._receive(request, project, path)
                upload = _described(parts, project, self._uploads.now())
                await self._uploads.keep(upload, path, room=self._room)
        except NoRoom:
            raise wire.too_many(self._room) from None
        except OSError as error:
            if error.errno in FULL:
                raise NoSpace from None
            raise
        return _json(wire.said(_body(upload)))

    async def list(self, request: Request) -> Response:
        """Part of all files."""
        asked = query(request.query_params.multi_items(), wire.FilesQuery)
        part = Part(asked.limit, asked.newest_first, asked.after)
        try:
            found, more = await self._uploads.list(_project(request), purpose=asked.purpose, part=part)
        except NoSuchPlace:
            raise listing.nothing_after(asked.after or "", "files") from None
        return _json(await aside(len(found) * BODY_BYTES, _page, found, more=more))

    async def retrieve(self, request: Request) -> Response:
        """What is said of one file."""
        return _json(wire.said(_body(await self._one(request))))

    async def delete(self, request: Request) -> Response:
        """Delete one file."""
        if not await self._uploads.delete(_id(request), _project(request)):
            raise wire.not_found(_id(request))
        return _json(wire.deleted(_id(request)))

    async def content(self, request: Request) -> Response:
        """The bytes of one file."""
        upload = await self._one(request)
        path = await self._uploads.path(upload.id, upload.project)
        file = None if path is None else await asyncio.to_thread(_opened, path)
        if file is None:
            raise wire.not_found(upload.id)
        return _Content(file, os.fstat(file.fileno()).st_size, upload.filename)

    async def _one(self, request: Request) -> Upload:
        upload = await self._uploads.find(_id(request), _project(request))
        if upload is None:
            raise wire.not_found(_id(request))
        return upload

    @asynccontextmanager
    async def _temporary(self) -> AsyncGenerator[Path]:
        """A file that is gone in the end, unless it was kept."""
        path = await asyncio.to_thread(self._uploads.temporary)
        try:
            yield path
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _receive(self, request: Request, project: str, path: Path) -> Parts:
        """Write the file of a form to `path`, as it comes in.

        Raises:
            NoRoom: with it, and others that come now, the project would keep too much.
        """
        kept, came = await self._uploads.taken(project), 0
        with await asyncio.to_thread(path.open, "wb") as file:

            async def write(data: bytes) -> None:
                nonlocal came
                came += len(data)
                self._coming[project] += len(data)
                if kept + self._coming[project] > self._room:
                    raise NoRoom
                await asyncio.to_thread(file.write, data)

            try:
                return await read_parts(request.receive, dict(request.headers.raw), self._file_bytes, write)
            finally:
                self._coming[project] -= came
                self._coming += Counter()  # forgets who has none


class _Content(Response):
    """The bytes of an open file, as fast as the client takes them."""

    media_type = OCTETS

    def __init__(self, file: BinaryIO, size: int, name: str) -> None:
        super().__init__()
        self._file = file
        self.raw_headers = [
            (b"content-type", OCTETS.encode()),
            (b"content-length", str(size).encode()),
            (b"content-disposition", wire.disposition(name).encode()),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them, and close the file."""
        try:
            await while_connected(receive, self._send(send))
        finally:
            self._file.close()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        while piece := await asyncio.to_thread(self._file.read, PIECE_BYTES):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:  # it was deleted just now
        return None


def _described(parts: Parts, project: str, now: int) -> Upload:
    """What a file is to be that has come in."""
    fields = wire.decode_form(parts.fields)
    if parts.size is None:
        raise missing_file()
    name = wire.filename(parts.filename)
    return Upload(file_id(), project, name, fields.purpose, parts.size, now, fields.expires_at(now))


def _body(upload: Upload) -> wire.FileObject:
    expires = UNSET if upload.expires_at is None else upload.expires_at
    told = (upload.id, "file", upload.size, upload.created_at, upload.filename, upload.purpose, "processed")
    return wire.FileObject(*told, expires)


def _page(found: Sequence[Upload], *, more: bool) -> bytes:
    return listing.page([(each.id, wire.said(_body(each))) for each in found], more=more)


def _json(body: bytes) -> Response:
    return Response(body, media_type=JSON)


def _id(request: Request) -> str:
    return request.path_params["file_id"]


def _project(request: Request) -> str:
    return caller_of(request.scope).project
