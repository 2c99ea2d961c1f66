"""Answers every request with the same bytes, in the same pieces: `python bench/mock.py FILE FD [framework]`.

What any server in Python pays for HTTP is in it, and nothing else: uvicorn, and an application that reads the body and
writes what FILE holds. FD is a listening socket. `framework`: the application is Starlette's, with a route and a
streaming response, as one would write it that has nothing behind it.
"""

import sys
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send


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


def framed(recorded: Recorded) -> ASGIApp:
    """The same with the framework."""
    pieces = [b64decode(piece) for piece in recorded.pieces]

    async def each() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def answer(request: Request) -> StreamingResponse:
        await request.json()
        return StreamingResponse(each(), headers=dict(recorded.headers))

    return Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])])


if __name__ == "__main__":
    file, listener, *how = sys.argv[1:]
    held = msgspec.json.decode(Path(file).read_bytes(), type=Recorded)
    mock: ASGIApp = framed(held) if how else Mock(held)
    uvicorn.run(mock, fd=int(listener), lifespan="off", log_level="warning", access_log=False, server_header=False)
