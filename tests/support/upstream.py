"""A small server that speaks what such servers speak, and worse: stands behind the engine for models elsewhere."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from vivavoce.core.context import too_long
from vivavoce.core.errors import PublicError
from vivavoce.server.ending import Ending
from vivavoce.server.listening import Server
from vivavoce.wire.errors import body as envelope


def chunk(content: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    delta = {} if content is None else {"content": content}
    body = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(body | more).encode() + b"\n\n"


FIRST = chunk("", role="assistant")
DONE = b"data: [DONE]\n\n"
ANSWER = [FIRST, chunk("Hel"), chunk("lo."), chunk(finish="stop"), DONE]


class Upstream:
    """The other server: answers what it was told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.kind = ""
        """The content type; empty: what the path is for."""
        self.says: list[bytes] = ANSWER
        self.hangs_before: int | None = None
        """The index of the piece that never comes; -1: not even the headers do."""
        self.models: bytes = b'{"object": "list", "data": [{"id": "first"}, {"id": "second"}]}'
        self.context: int | None = None
        """Most tokens it reads, of four characters each and four a message; None: any."""
        self.forgotten: PublicError | None = None
        """What a request is refused with that names an earlier spoken answer; None: it is known."""
        self.asked: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        """The same, as they came."""
        self.keys: list[str] = []
        self.asked_for_models = 0
        self.left = asyncio.Event()
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.keys.append(dict(scope["headers"]).get(b"authorization", b"").decode())
        if scope["path"] == "/v1/models":
            self.asked_for_models += 1
            await self._start(send, "application/json")
            await send({"type": "http.response.body", "body": self.models})
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.bodies.append(body)
        kind = dict(scope["headers"])[b"content-type"]
        self.asked.append(json.loads(body) if kind == b"application/json" else {"form": body, "path": scope["path"]})
        if self.hangs_before == -1:
            await self._hang(receive)
            return
        if self.forgotten and any("audio" in message for message in self.asked[-1]["messages"]):
            await self._refuse(send, self.forgotten)
            return
        if self.context is not None:
            tokens = sum(len(message["content"]) // 4 + 4 for message in self.asked[-1]["messages"])
            if tokens >= self.context:
                await self._refuse(send, too_long(self.context, tokens))
                return
        await self._start(
            send, self.kind or ("audio/pcm" if scope["path"] == "/v1/audio/speech" else "text/event-stream")
        )
        for index, piece in enumerate(self.says):
            if index == self.hangs_before:
                await self._hang(receive)
                return
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _start(self, send: Send, kind: str) -> None:
        headers = [(b"content-type", kind.encode())]
        headers += [(name.encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})

    async def _refuse(self, send: Send, error: PublicError) -> None:
        self.status, before = error.status, self.status
        await self._start(send, "application/json")
        self.status = before
        await send({"type": "http.response.body", "body": envelope(error)})

    async def _hang(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    app = Upstream()
    server = Server(app, lambda: None, Ending(drain_s=0.1))
    listener = socket.create_server(("127.0.0.1", 0))
    app.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    task = asyncio.create_task(server.serve([listener]))
    yield app
    server.handle_exit(signal.SIGTERM, None)
    await task
