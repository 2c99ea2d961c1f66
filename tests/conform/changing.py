"""A connection to a server on which its answers are changed: what a server that is broken in one way would send."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2

Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """An answer, and to what."""

    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: bytes
    asked: Json = field(default_factory=dict)
    """The body of the request, where it was JSON."""

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", "").split(";")[0]

    @property
    def chats(self) -> bool:
        return self.path.endswith("/chat/completions") and self.method == "POST"


Change = Callable[[Reply], Reply]


class Changed(httpx2.AsyncBaseTransport):
    """Asks the server, and changes what it answers."""

    def __init__(self, change: Change) -> None:
        self._inner = httpx2.AsyncHTTPTransport()
        self._change = change

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        asked = request.headers.get("content-type") == "application/json" and _json(await request.aread())
        response = await self._inner.handle_async_request(request)
        body = await response.aread()
        await response.aclose()
        kept = {name: value for name, value in response.headers.items() if name not in ("content-length", "connection")}
        kept.pop("transfer-encoding", None)
        reply = self._change(Reply(request.method, request.url.path, response.status_code, kept, body, asked or {}))
        return httpx2.Response(reply.status, headers=reply.headers, content=reply.body)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _json(body: bytes) -> Json:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def wholes(change: Callable[[Json], None]) -> Change:
    """Changes every chat answer that comes whole."""

    def changed(reply: Reply) -> Reply:
        if not (reply.chats and reply.status == 200 and reply.kind == "application/json"):
            return reply
        body = json.loads(reply.body)
        change(body)
        return replace(reply, body=json.dumps(body).encode())

    return changed


def streams(change: Callable[[list[Json]], list[Json]]) -> Change:
    """Changes the chunks of every chat answer that is streamed."""

    def changed(reply: Reply) -> Reply:
        if not (reply.chats and reply.kind == "text/event-stream"):
            return reply
        events = reply.body.decode().removesuffix("data: [DONE]\n\n").split("\n\n")[:-1]
        chunks = change([json.loads(event.removeprefix("data: ")) for event in events])
        body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        return replace(reply, body=body.encode())

    return changed


def each(change: Callable[[Json], None]) -> Callable[[list[Json]], list[Json]]:
    """The chunks with each changed in its place."""

    def changed(chunks: list[Json]) -> list[Json]:
        for chunk in chunks:
            change(chunk)
        return chunks

    return changed


def sounds(chunks: list[Json]) -> list[Json]:
    """What the chunks add to the sound."""
    return [choice["delta"]["audio"] for chunk in chunks for choice in chunk["choices"] if "audio" in choice["delta"]]


def shorter(audio: Json) -> None:
    """A byte less of this piece of sound."""
    audio["data"] = base64.b64encode(base64.b64decode(audio["data"])[:-1]).decode()


def bodies(change: Callable[[bytes], bytes], path: str, status: int = 200) -> Change:
    """Changes the bytes of every answer under a path."""

    def changed(reply: Reply) -> Reply:
        if not reply.path.endswith(path) or reply.status != status:
            return reply
        return replace(reply, body=change(reply.body))

    return changed
