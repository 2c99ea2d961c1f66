"""The server that is looked at: asked over plain HTTP, within limits, and each thing once."""

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, cast

import httpx2

from vivavoce.conform.answer import Answer
from vivavoce.conform.seen import Failed, Skipped
from vivavoce.conform.sound import Sound, write_wav

T = TypeVar("T")
Headers: TypeAlias = Mapping[str, str | None]

LARGEST = 64 << 20
"""Bytes of an answer."""
BUSY = {429, 503}
TRIES = 3
PATIENCE_S = 20.0
"""The longest wait that a busy server may ask for."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the server's models are called; None: it offers none that can do it."""

    chat: str
    voice: str = "alloy"
    speech: str | None = None
    hearing: str | None = None
    """Writes down what is said, and streams it."""
    captions: str | None = None
    """Writes down what is said, with times."""


@dataclass(frozen=True, slots=True)
class Recordings:
    """Somebody asks something."""

    sound: Sound
    mp3: bytes

    @property
    def wav(self) -> bytes:
        """As a file."""
        return write_wav(self.sound)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long is waited, in seconds."""

    request_s: float = 60
    total_s: float = 900


class Subject:
    """One server, and what it has answered so far."""

    def __init__(
        self, client: httpx2.AsyncClient, base: str, names: Names, recordings: Recordings, limits: Limits
    ) -> None:
        """`client` brings its own key; `base` is the address that the paths of this API are under."""
        self._client = client
        self.base = base
        self.root = base.removesuffix("/v1")
        self._limits = limits
        self._end = time.monotonic() + limits.total_s
        self._seen: dict[Any, Any] = {}
        self.names = names
        self.recordings = recordings
        self.requests = 0

    async def once(self, make: Callable[..., Awaitable[T]], *arguments: str) -> T:
        """What `make` finds in this server; looked for once, whoever asks.

        Raises:
            Failed: it did not find it, now or before.
            Skipped: the same.
        """
        key = (make, arguments)
        if key not in self._seen:
            try:
                self._seen[key] = await make(self, *arguments)
            except (Failed, Skipped) as ended:
                self._seen[key] = ended
        found = self._seen[key]
        if isinstance(found, Failed | Skipped):
            raise type(found)(*found.args)
        return cast("T", found)

    async def get(self, path: str, **more: Any) -> Answer:
        """Ask for what is under a path."""
        return await self.ask("GET", path, **more)

    async def post(self, path: str, body: dict[str, Any], headers: Headers | None = None) -> Answer:
        """Send JSON."""
        content = json.dumps(body).encode()
        return await self.ask(
            "POST", path, content=content, headers={"content-type": "application/json", **(headers or {})}
        )

    async def chat(self, headers: Headers | None = None, **body: Any) -> Answer:
        """Ask the chat model."""
        return await self.post("/chat/completions", {"model": self.names.chat, **body}, headers)

    async def upload(self, path: str, data: bytes, name: str = "question.wav", kind: str = "", **fields: Any) -> Answer:
        """Send a recording as a form; a list is a field that comes several times."""
        file = (name, data, kind) if kind else (name, data)
        return await self.ask("POST", path, data=fields, files={"file": file})

    async def ask(
        self, method: str, path: str, *, root: str = "", headers: Headers | None = None, **sent: Any
    ) -> Answer:
        """Make a request; one that the server is too busy for is made again, as it asks.

        Args:
            method: such as `GET`.
            path: what comes after the base, or after `root`.
            root: another address than the base.
            headers: more of them; None takes one away.
            sent: the body, as httpx2 takes it.

        Raises:
            Failed: no whole answer came in time.
        """
        for left in reversed(range(TRIES)):
            answer = await self._within(method, (root or self.base) + path, headers or {}, sent)
            wait_s = _pause(answer) if answer.status in BUSY else None
            if wait_s is None or not left:
                return answer
            await asyncio.sleep(wait_s)
        raise AssertionError  # not reached: the last try returns

    async def _within(self, method: str, url: str, headers: Headers, sent: dict[str, Any]) -> Answer:
        left_s = min(self._limits.request_s, self._end - time.monotonic())
        if left_s <= 0:
            raise Failed("no time is left")
        request = self._client.build_request(method, url, **sent)
        for name, value in headers.items():
            request.headers.pop(name, None)
            if value is not None:
                request.headers[name] = value
        self.requests += 1
        try:
            async with asyncio.timeout(left_s):
                return await self._whole(request)
        except (TimeoutError, httpx2.TimeoutException):
            raise Failed(f"expected an answer within {left_s:.0f} s, came none") from None
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL) as error:
            raise Failed(f"expected an answer, came a broken connection ({type(error).__name__})") from None

    async def _whole(self, request: httpx2.Request) -> Answer:
        response = await self._client.send(request, stream=True)
        body = bytearray()
        try:
            async for part in response.aiter_bytes():
                body += part
                if len(body) > LARGEST:
                    raise Failed(f"expected at most {LARGEST >> 20} MiB, came more")
        finally:
            await response.aclose()
        return Answer(response.status_code, response.headers, bytes(body))


def recorded(data: bytes, form: str) -> dict[str, Any]:
    """A recording as a part of a message."""
    return {"type": "input_audio", "input_audio": {"data": base64.b64encode(data).decode(), "format": form}}


def _pause(answer: Answer) -> float | None:
    """How long a busy server wants to be left alone, in seconds; None: too long, or it is not that."""
    try:
        wait_s = float(answer.headers.get("retry-after", "1"))
    except ValueError:
        return None
    return wait_s if wait_s <= PATIENCE_S else None
