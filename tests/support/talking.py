"""HTTP by hand, for what no client library would send."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

LIMIT_S = 10.0


@dataclass
class Line:
    """A connection to a server on this machine."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def all(self) -> bytes:
        """Everything until the server closes."""
        async with asyncio.timeout(LIMIT_S):
            return await self.reader.read()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: its status, headers and body, which has a length."""
        async with asyncio.timeout(LIMIT_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.rstrip().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            return int(first.split()[1]), headers, await self.reader.readexactly(int(headers["content-length"]))

    async def error(self) -> tuple[int, str | None]:
        """The next answer, an error in the envelope with all its keys: its status and code."""
        status, headers, body = await self.answer()
        assert headers["content-type"] == "application/json"
        assert headers["x-request-id"].startswith("req_")
        return status, code_of(body)

    async def closed(self) -> bool:
        """Whether the server closes without another word."""
        with suppress(ConnectionError):
            return await self.all() == b""
        return True


def code_of(body: bytes) -> str | None:
    error: dict[str, Any] = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error["code"]


def calling(port: int, buffer: int | None = None) -> socket.socket:
    """A connected socket; `buffer`: bytes that the system takes for it before anybody reads, or about as many."""
    caller = socket.socket()
    if buffer:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    caller.connect(("127.0.0.1", port))
    return caller


@asynccontextmanager
async def line(port: int, buffer: int | None = None) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection(sock=calling(port, buffer), limit=buffer or 65_536)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def post(path: str, body: bytes = b"", *headers: str, length: bool = True) -> bytes:
    """A POST of JSON."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
