"""Reads a multipart form as it comes in: the file to where it is wanted, everything else within bounds."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeAlias

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.types import Receive

from vivavoce.server.connection import ClientGone
from vivavoce.wire.transcription_errors import bad_form, upload_too_large

FILE = b"file"
MAX_PARTS = 64
FIELD_BYTES = 1024 * 1024
"""Of everything but the file, together."""
MEMORY_BYTES = 1024 * 1024
"""A recording that is larger goes to a temporary file while it comes in."""
STEP_BYTES = 64 * 1024
"""Parsed at a time, so that the event loop is never held up for long."""


Write: TypeAlias = Callable[[bytes], Awaitable[object]]
"""Takes the next bytes of a file."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a form brought beside the bytes of its file."""

    fields: list[tuple[str, str]]
    size: int | None
    """Bytes of the file; None: there was none."""
    filename: str
    """Of the file, as the client calls it; may be empty."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a form brought."""

    fields: list[tuple[str, str]]
    file: bytes | None


async def read_form(receive: Receive, headers: dict[bytes, bytes], limit: int) -> Form:
    """Read a multipart body into memory, the part named `file` being a recording; otherwise as `read_parts`."""
    with tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES) as file:
        size = 0

        async def write(data: bytes) -> None:
            nonlocal size
            size += len(data)
            if size > MEMORY_BYTES:
                await asyncio.to_thread(file.write, data)
            else:
                file.write(data)

        parts = await read_parts(receive, headers, limit, write)
        if parts.size is None:
            return Form(parts.fields, None)
        file.seek(0)
        return Form(parts.fields, await asyncio.to_thread(file.read))


async def read_parts(receive: Receive, headers: dict[bytes, bytes], limit: int, write: Write) -> Parts:
    """Read a multipart body, with or without `Content-Length`, and `write` the part named `file`, piece by piece.

    Args:
        receive: ASGI.
        headers: of the request.
        limit: bytes of the file taken.
        write: awaited before more is read.

    Raises:
        BadRequest: it is no form, has too many parts, or too much beside the file.
        UploadTooLarge: the file is over `limit`.
        ClientGone: the client left before it was whole.
    """
    _, options = parse_options_header(headers.get(b"content-type", b""))
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limit + FIELD_BYTES:
        raise upload_too_large(limit, int(announced))
    parts = _Parts(options.get(b"boundary", b""), limit)
    async with aclosing(chunks(receive)) as body:
        async for chunk in body:
            for at in range(0, len(chunk), STEP_BYTES):
                data = parts.feed(chunk[at : at + STEP_BYTES])
                if data:
                    await write(data)
    return parts.end()


async def chunks(receive: Receive) -> AsyncGenerator[bytes, None]:
    """The body of a request as it comes in.

    Raises:
        ClientGone: the client left before it was whole.
    """
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        more = message.get("more_body", False)
        yield message.get("body", b"")


class _Parts:
    """The parts of a form, as far as they have come in."""

    def __init__(self, boundary: bytes, limit: int) -> None:
        self._file_bytes = 0
        self._filename: bytes | None = None
        self._limit = limit
        self._fields: list[tuple[bytes, bytearray]] = []
        self._field_bytes = 0
        self._count = 0
        self._header = (bytearray(), bytearray())
        self._disposition = b""
        self._into: bytearray | None = None
        self._file = bytearray()
        self._ended = False
        if not boundary:
            raise bad_form()
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._name,
                    "on_part_data": self._take,
                    "on_end": self._end,
                },
            )
        except FormParserError:
            raise bad_form() from None

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the body; give those of the file among them."""
        try:
            self._parser.write(data)
        except FormParserError:
            raise bad_form() from None
        found = bytes(self._file)
        self._file.clear()
        return found

    def end(self) -> Parts:
        """Everything else, once the body has ended."""
        if not self._ended:
            raise bad_form()
        try:
            fields = [(name.decode(), value.decode()) for name, value in self._fields]
        except UnicodeDecodeError:
            raise bad_form() from None
        if self._filename is None:
            return Parts(fields, None, "")
        return Parts(fields, self._file_bytes, self._filename.decode(errors="replace"))

    def _begin(self) -> None:
        self._count += 1
        if self._count > MAX_PARTS:
            raise bad_form()
        self._disposition = b""
        self._into = None

    def _end_header(self) -> None:
        name, value = self._header
        if bytes(name).lower() == b"content-disposition":
            self._disposition = bytes(value)
        name.clear()
        value.clear()

    def _name(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"")
        if not name:
            raise bad_form()
        if name == FILE:
            if self._filename is not None:
                raise bad_form()
            self._filename = options.get(b"filename", b"")
            self._into = self._file
            return
        self._into = bytearray()
        self._fields.append((name, self._into))

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._into is None:
            return
        self._into.extend(memoryview(data)[start:end])
        if self._into is self._file:
            self._file_bytes += end - start
            if self._file_bytes > self._limit:
                raise upload_too_large(self._limit, self._file_bytes)
            return
        self._field_bytes += end - start
        if self._field_bytes > FIELD_BYTES:
            raise bad_form()

    def _end(self) -> None:
        self._ended = True
