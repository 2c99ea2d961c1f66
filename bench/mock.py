"""Answers every request with the same bytes, in the same pieces: `python bench/mock.py FILE FD`.

What any server in Python pays for HTTP is in it, and nothing else: uvicorn, and an application that reads the body and
writes what FILE holds. FD is a listening socket.
"""

import sys
from base64 import b64decode
from pathlib import Path

import msgspec
import uvicorn
from starlette.types import Receive, Scope, Send


class Recorded(msgspec.Struct):
    """An answer as it was sent."""

    headers: list[tuple[str, str]]
    pieces: list[str]
    """Base64 of the body's pieces."""


class Mock:
    """The application."""

    def __init__(self, recorded: Recorded) -> None:
        self._headers = [(name.encode(), value.encode()) for name, value in recorded.headers]
        self._pieces = [b64decode(piece) for piece in recorded.pieces]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body", False):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    mock = Mock(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Recorded))
    uvicorn.run(mock, fd=int(sys.argv[2]), lifespan="off", log_level="warning", access_log=False, server_header=False)
