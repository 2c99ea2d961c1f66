"""The outermost layers: the headers of every answer, who may come in, and every error in the one envelope."""

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vivavoce.account.callers import Caller, Callers, NoKey, WrongKey
from vivavoce.core.errors import (
    BadRequest,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    PublicError,
    Unauthorized,
    trail,
)
from vivavoce.server.aiml import call_of
from vivavoce.server.arriving import CLOSE
from vivavoce.server.caller import administers, key_of, line_of
from vivavoce.server.connection import ClientGone
from vivavoce.server.ending import Ending, ServerEnds
from vivavoce.server.held import HEADERS
from vivavoce.server.playground import FOLDER
from vivavoce.server.service import Access
from vivavoce.wire import errors
from vivavoce.wire.errors import Call
from vivavoce.wire.ids import request_id
from vivavoce.wire.keys import needs_admin, only_admin
from vivavoce.wire.operation import PREFIXES
from vivavoce.wire.routes import OPERATIONS

log = logging.getLogger("vivavoce.server")

OPEN = {f"{prefix}{operation.path}" for operation in OPERATIONS if operation.open for prefix in PREFIXES} | {"/v1"}
WATCHED = {f"{prefix}/metrics" for prefix in PREFIXES}
"""What admin keys open beside administration."""
LOCAL_NAMES = {"localhost", "127.0.0.1", "[::1]"}
NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
    "(i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the "
    "API from your browser and are prompted for a username and password. Keys are made by whoever runs this server."
)
EXPOSED = (
    b"X-Request-ID",
    b"X-Client-Request-Id",
    b"Idempotent-Replayed",
    b"Retry-After",
    b"x-aimlapi-credits-used",
    b"x-aimlapi-usd-spent",
)
"""What pages from elsewhere may read."""
ALWAYS = [
    (b"openai-version", b"2020-10-01"),
    (b"x-content-type-options", b"nosniff"),
    (b"access-control-expose-headers", b", ".join(EXPOSED)),
]
CLIENTS_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class UnsupportedMedia(PublicError):
    """The body is of a kind no client of this API sends."""

    status = 415
    kind = "invalid_request_error"


class Edge:
    """ASGI around the routes: who may come in, and what is said of every error."""

    def __init__(self, app: ASGIApp, access: Access, callers: Callers, ending: Ending, routes: Sequence[Route]) -> None:
        self._app = app
        self._access = access
        self._callers = callers
        self._ending = ending
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["app"] = self  # an unknown path is then raised to us, rather than answered with a page
        answer = _Answer(send, call_of(scope))
        try:
            await self._admit(scope)
            await self._app(scope, receive, answer)
        except ClientGone:
            return
        except asyncio.CancelledError:
            # Only the server's end cancels a request, and waits for it. It is not raised again: this is the whole
            # task, and uvicorn would log it as a bug.
            await answer.fail(ServerEnds())
        except PublicError as error:
            await answer.fail(error)
        except HTTPException as error:
            await answer.fail(_unknown(scope, error.status_code))
        except Exception as bug:  # noqa: BLE001 - whatever it is, the client gets an envelope and the log an id
            await answer.fail(as_public(bug))

    async def _admit(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        _check_framing(scope["headers"])
        if not self._callers.locked:
            host = headers.get(b"host", b"").decode("latin-1").lower().rsplit(":", 1)
            if (host[0] if host[-1].isdigit() else ":".join(host)) not in LOCAL_NAMES:
                raise Forbidden("This server answers to localhost only.", code="host_not_allowed")
            self._check_body_kind(scope, headers)
        is_open = scope["path"] in OPEN or scope["path"].startswith(FOLDER)
        if self._ending.refuses and not is_open and scope["path"] not in WATCHED:
            raise ServerEnds
        scope["caller"] = Caller() if is_open else await self._caller(scope)

    def _check_body_kind(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        """A page from elsewhere can post forms and plain text without asking first, and JSON it cannot."""
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if scope["method"] != "POST" or kind == b"application/json":
            return
        if not any(route.matches(scope)[0] is Match.FULL for route in self._routes):
            return  # nothing is there that would read it
        if kind != b"multipart/form-data":
            raise UnsupportedMedia("Send the body as Content-Type: application/json.", code="unsupported_media_type")
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        ours = origin.partition("://")[2] == headers.get(b"host", b"").decode("latin-1").lower()
        if origin and not ours and origin not in self._access.origins:
            raise Forbidden("Pages from elsewhere may not send forms to this server.", code="origin_not_allowed")

    async def _caller(self, scope: Scope) -> Caller:
        line, key = line_of(scope), key_of(scope)
        try:
            caller = await (self._callers.again(line.key_id) if line else self._callers.find(key))
        except NoKey:
            raise Unauthorized(NO_KEY) from None
        except WrongKey as wrong:
            named = line.key_id if line else _masked(key)
            words = f"Incorrect API key provided: {named}. {wrong.why}".rstrip()
            raise Unauthorized(words, code="invalid_api_key") from None
        scope["caller"] = caller  # the log says who tried
        if administers(scope) and not caller.admin:
            raise needs_admin()
        if caller.admin and not administers(scope) and scope["path"] not in WATCHED:
            raise only_admin()
        return caller


def _check_framing(headers: list[tuple[bytes, bytes]]) -> None:
    """Refuse a packed body, of which a few bytes could become any number, and what a gateway may read otherwise."""
    for name, value in headers:
        plain = {b"content-encoding": b"identity", b"transfer-encoding": b"chunked"}.get(name)
        if plain and value.strip().lower() not in (b"", plain):
            raise UnsupportedMedia("Send the body as it is: it is not unpacked here.", code="unsupported_encoding")
    if sum(name == b"host" for name, _ in headers) > 1:
        raise BadRequest("Your request names more than one host.", code="invalid_http")


class _Answer:
    """A `Send` that knows how far its answer is."""

    def __init__(self, send: Send, call: Call | None) -> None:
        self._send = send
        self._call = call
        self._started = False
        self._events = False
        self._finished = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            self._events = dict(message["headers"]).get(b"content-type", b"").startswith(b"text/event-stream")
        elif not message.get("more_body", False):
            self._finished = True
        await self._send(message)

    async def fail(self, error: PublicError) -> None:
        """Say what went wrong: as the answer, or as the last event of a stream that has begun."""
        try:
            if not self._started:
                await self._whole(error)
            elif self._events and not self._finished:
                await self({"type": "http.response.body", "body": errors.event(error, self._call)})
        except ClientGone:
            return

    async def _whole(self, error: PublicError) -> None:
        body = errors.body(error, self._call)
        headers = [(name.encode(), value.encode()) for name, value in errors.headers(error).items()]
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await self({"type": "http.response.start", "status": error.status, "headers": headers})
        await self({"type": "http.response.body", "body": body})


class Stamped:
    """ASGI that puts on every answer the headers every answer has."""

    def __init__(self, app: ASGIApp, ending: Ending) -> None:
        self._app = app
        self._ending = ending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began = time.monotonic()
        line = line_of(scope)
        scope["request_id"] = line.request if line else request_id()
        stamps = [(b"x-request-id", scope["request_id"].encode()), *_clients_id(scope), *ALWAYS]

        async def stamp(message: Message) -> None:
            if message["type"] == "http.response.start":
                took = str(int((time.monotonic() - began) * 1000)).encode()
                headers = [*message["headers"], *scope.get(HEADERS, ())]
                headers += [CLOSE] if self._ending.begun and CLOSE not in headers else []
                message["headers"] = [*headers, *stamps, (b"openai-processing-ms", took)]
            await send(message)

        await self._app(scope, receive, stamp)


def _clients_id(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The client's own name for its request, to be said back; one of another shape, or two, are as none."""
    given = [header for header in scope.get("headers", ()) if header[0] == b"x-client-request-id"]
    return given if len(given) == 1 and CLIENTS_ID.fullmatch(given[0][1]) else []


def as_public(bug: BaseException) -> PublicError:
    """Log a bug under a new id, without the error's words, and make the error that names the id."""
    number = uuid.uuid4().hex[:12]
    log.error("bug %s: %s at %s", number, type(bug).__name__, trail(bug))
    return errors.internal(number)


def _unknown(scope: Scope, status: int) -> PublicError:
    where = f"{scope['method']} {scope['path'][:128]}"
    if status == 405:
        return MethodNotAllowed(
            f"Not allowed to {scope['method']} on {scope['path'][:128]}. (HINT: Perhaps you meant to use a different "
            "HTTP method?)",
            _methods(scope),
        )
    return NotFound(
        f"Unknown request URL: {where}. Please check the URL for typos, or see the docs at "
        "https://platform.openai.com/docs/api-reference/.",
        code="unknown_url",
    )


def _methods(scope: Scope) -> list[str]:
    """What the path does take, of all its routes."""
    here: list[Route] = [route for route in scope["router"].routes if route.path_regex.match(scope["path"])]
    return sorted({method for route in here for method in route.methods or ()})


def _masked(key: str) -> str:
    if len(key) < 36:
        return "*" * len(key)
    return f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"
