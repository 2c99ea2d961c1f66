"""A server that does what no HTTP library would: answers bytes as they are, and closes connections when told to."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CLOSES = b""
"""Takes the request and closes the connection."""
HANGS = b"(hangs)"
"""Written after anything: nothing follows, and the connection stays open until the client leaves."""


def answered(body: bytes, status: int = 200, *headers: str, length: int | None = None, kept: bool = False) -> bytes:
    """A whole answer; with a `length` that is more than its body's, one that is cut."""
    lines = [f"HTTP/1.1 {status} As-It-Is", f"content-length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*lines, "x-kept: yes" if kept else "connection: close", "", ""]).encode() + body


def holding() -> socket.socket:
    """A port at which nobody listens, and which nobody else is given."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held


class Faulty:
    """Answers each request with the next of `says`, and the last one for ever; keeps what it was asked."""

    def __init__(self) -> None:
        self.says: list[bytes] = []
        self.asked: list[bytes] = []
        """The bodies of the requests."""
        self.left = asyncio.Event()
        """Set when a client has left one that hangs."""
        self.url = ""
        self._server: asyncio.Server

    async def start(self, held: socket.socket | None = None) -> None:
        """Listen: on a free port, or on one that was held for it."""
        if held is None:
            held = holding()
        self._server = await asyncio.start_server(self.serve, sock=held)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    def stop(self) -> None:
        """Listen no more; connections stay."""
        self._server.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            says = b"x-kept: yes"
            while b"x-kept: yes" in says:
                head = await reader.readuntil(b"\r\n\r\n")
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                self.asked.append(await reader.readexactly(int(length[0].split(b":")[1]) if length else 0))
                says = self.says.pop(0) if len(self.says) > 1 else self.says[0]
                writer.write(says.removesuffix(HANGS))
                await writer.drain()
                if says.endswith(HANGS):
                    await reader.read()
                    self.left.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def faulty() -> AsyncIterator[Faulty]:
    """One that listens on a free port."""
    made = Faulty()
    await made.start()
    try:
        yield made
    finally:
        made.stop()
