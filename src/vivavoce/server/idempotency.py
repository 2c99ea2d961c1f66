"""`Idempotency-Key`: what was answered to a request is answered to its repetition, and nothing is worked on twice.

The rules are those of draft-ietf-httpapi-idempotency-key-header-07: the same request again gets the same bytes, one
that is still worked on 409, another request with the same key 422. Only answers that succeeded, and are whole, are
kept; after anything else the key is free again. What is being worked on is known to this process alone, so a server
that is killed leaves no key taken.
"""

import asyncio
import hashlib
import re
import time
from dataclasses import dataclass, field

from python_multipart.multipart import parse_options_header
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vivavoce.core.aside import aside
from vivavoce.core.errors import BadRequest, PublicError, TryLater
from vivavoce.server.caller import administers, caller_of
from vivavoce.server.connection import send_body
from vivavoce.store.replies import Replies, Reply

HEADER = b"idempotency-key"
REPLAYED = (b"idempotent-replayed", b"true")
KEY = re.compile(rb"[ -~\x80-\xff]{1,255}")
DECIDE_S = 10.0
"""How long a repetition waits for the answer before it to be looked up or written down; then 409."""
RETRY_S = 30.0
"""The longest wait before another try that a client is told."""


class KeyInUse(TryLater):
    """The request with this key is still worked on. OpenAI's clients try again by themselves."""

    status = 409
    kind = "invalid_request_error"

    def __init__(self, retry_after_s: float) -> None:
        words = "A request with the same Idempotency-Key is still being worked on. Try again later."
        super().__init__(words, retry_after_s, code="idempotency_key_in_use")


class KeyReused(PublicError):
    """The key belongs to another request."""

    status = 422
    kind = "invalid_request_error"

    def __init__(self) -> None:
        words = "This Idempotency-Key was used for another request. A new request needs a new key."
        super().__init__(words, code="idempotency_key_reused")


class Idempotent:
    """ASGI around the routes, within what knows who may come in."""

    def __init__(self, app: ASGIApp, replies: Replies) -> None:
        self._app = app
        self._replies = replies
        self._works: dict[str, _Work] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: by the routes, as before, or not at all."""
        keys = [value.strip() for name, value in scope.get("headers", ()) if name == HEADER]
        if not keys or scope["method"] != "POST" or administers(scope):
            await self._app(scope, receive, send)
            return
        if len(keys) > 1 or not KEY.fullmatch(keys[0]):
            words = "Invalid 'Idempotency-Key': expected one, of 1 to 255 characters, none of them a control character."
            raise BadRequest(words, code="invalid_idempotency_key")
        work = _Work(_digest(caller_of(scope).project.encode(), keys[0]), send, self._replies.largest)
        try:
            await self._work(work, scope, receive)
        except Decided as decided:
            if isinstance(decided.outcome, PublicError):
                raise decided.outcome from None
            await _again(decided.outcome, send)

    async def _work(self, work: "_Work", scope: Scope, receive: Receive) -> None:
        """Have the routes answer. Whether they shall is decided when the body they read has come to its end."""
        body = _RequestDigest(scope)

        async def deciding() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not work.request:
                body.add(message.get("body", b""))
                if not message.get("more_body", False):
                    work.request = body.end()
                    await self._begin(work)
            return message

        try:
            await self._app(scope, deciding, work.send)
        finally:
            await self._end(work)

    async def _begin(self, work: "_Work") -> None:
        """Take the key for this request.

        Raises:
            Decided: there is nothing to do.
        """
        try:
            async with asyncio.timeout(DECIDE_S):
                while (other := self._works.get(work.name)) is not None:
                    if other.request != work.request:
                        raise Decided(KeyReused())
                    if other.settled.is_set():
                        raise Decided(KeyInUse(other.patience_s))
                    await other.settled.wait()
        except TimeoutError:
            raise Decided(KeyInUse(1.0)) from None
        self._works[work.name] = work
        kept = await self._replies.find(work.name)
        if kept is not None:
            raise Decided(kept if kept.request == work.request else KeyReused())
        work.settled.set()

    async def _end(self, work: "_Work") -> None:
        """Keep the answer, if it is one to keep, and give the key free."""
        if self._works.get(work.name) is not work:
            return
        try:
            reply = await work.reply()
            if reply is not None:
                await self._replies.keep(work.name, reply)
        finally:
            del self._works[work.name]
            work.settled.set()


@dataclass(slots=True)
class _Work:
    """One request with a key, and its answer so far."""

    name: str
    """The digest of the key and of the project it belongs to."""
    to: Send
    largest: int
    request: str = ""
    """The digest of the request, once its body has come in."""
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Whether there is nothing to wait for: it is worked on, or has ended; not looked up or written down."""
    _began: float = field(default_factory=time.monotonic)
    _status: int = 0
    _headers: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])
    _body: list[bytes] = field(default_factory=list[bytes])
    _size: int = 0
    _whole: bool = False

    @property
    def patience_s(self) -> float:
        """How long to wait before asking again: as long as it has taken so far."""
        return min(RETRY_S, time.monotonic() - self._began)

    async def reply(self) -> Reply | None:
        """The answer, where it succeeded, is whole and not too large. Whether it arrived does not matter."""
        if not self._whole or not 200 <= self._status < 300 or self._size > self.largest:
            return None
        body = await aside(self._size, b"".join, self._body)
        return Reply(self.request, self._status, self._headers, body)

    async def send(self, message: Message) -> None:
        """Remember what is sent."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = list(message["headers"])
        elif message["type"] == "http.response.body":
            self._take(message.get("body", b""))
            if not message.get("more_body", False):
                self._whole = True
                self.settled.clear()  # a repetition that comes now waits until it is written down
        await self.to(message)

    def _take(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self.largest:
            self._body.clear()
        elif data:
            self._body.append(data)


class _RequestDigest:
    """The digest of a request, made while its body comes in.

    The boundary of a form does not count: clients make up another one each time they send it.
    """

    def __init__(self, scope: Scope) -> None:
        kind, options = parse_options_header(dict(scope["headers"]).get(b"content-type", b""))
        self._boundary = options.get(b"boundary", b"") if kind.lower() == b"multipart/form-data" else b""
        head = _digest(scope["method"].encode(), scope["path"].encode(), scope["query_string"], kind.lower())
        self._hash = hashlib.sha256(head.encode())
        self._waiting = b""
        """The last bytes, which may be the beginning of a boundary."""

    def add(self, data: bytes) -> None:
        """Take the next bytes of the body."""
        if self._boundary:
            *parts, rest = (self._waiting + data).split(self._boundary)
            for part in parts:
                self._hash.update(part + b"\0boundary\0")
            known = max(0, len(rest) - len(self._boundary) + 1)
            data, self._waiting = rest[:known], rest[known:]
        self._hash.update(data)

    def end(self) -> str:
        """The digest, once the body has come in."""
        self._hash.update(self._waiting)
        return self._hash.hexdigest()


class Decided(Exception):
    """Raised out of `receive`, through the route that reads its body: nothing is to be worked on."""

    def __init__(self, outcome: Reply | PublicError) -> None:
        super().__init__()
        self.outcome = outcome


async def _again(reply: Reply, send: Send) -> None:
    """Give an answer again, and say that it is not the first time."""
    headers = [*reply.headers, REPLAYED]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send_body(send, reply.body)


def _digest(*parts: bytes) -> str:
    """One digest of several texts, none of which can be taken for a piece of another."""
    return hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hexdigest()
