"""Watches requests and answers from outside: how many, how long, how large, and what comes of each turn."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeAlias

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope
from starlette.types import Send as AsgiSend

from vivavoce.core.admission import NobodyThere, TurnedAway
from vivavoce.core.engines import Responder
from vivavoce.core.turn import Send, Turn, TurnDone, TurnEvent, Usage
from vivavoce.core.watching import Kind, Watch, Watching
from vivavoce.server.caller import line_of
from vivavoce.server.connection import ClientGone
from vivavoce.telemetry.meters import Meters
from vivavoce.telemetry.traces import Traces

OTHER = "other"
"""A path that is nobody's, or a method that it does not take: clients may make up any number of them."""
NO_ANSWER = "left"
"""The status of a request whose client left before it had one."""


class Continued:
    """ASGI whose spans are part of the trace that a request says it belongs to."""

    def __init__(self, app: ASGIApp, traces: Traces) -> None:
        self._app = app
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Answer one request."""
        with self._traces.continuing(scope.get("headers", ())):
            await self._app(scope, receive, send)


@dataclass(frozen=True, slots=True)
class Seen:
    """One request and its answer, from outside."""

    method: str
    route: str
    """Its template; see `template`."""
    status: str
    seconds: float
    received: int
    """Bytes of its body, as far as they were read."""
    sent: int


Told: TypeAlias = Callable[[Scope, Seen], None]


class Observed:
    """ASGI around everything: each request is told of once its answer has ended."""

    def __init__(
        self, app: ASGIApp, routes: Sequence[Route], told: Sequence[Told], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock`: seconds, from any beginning."""
        self._app = app
        self._told = told
        self._clock = clock
        self._known = {(method, route.path): route for route in routes for method in route.methods or ()}

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Answer one request."""
        if scope["type"] != "http" or line_of(scope) is not None:  # a line came by no connection
            await self._app(scope, receive, send)
            return
        began, received, sent, status = self._clock(), 0, 0, NO_ANSWER

        async def coming() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def going(message: Message) -> None:
            nonlocal sent, status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, coming, going)
        finally:
            seen = Seen(*self._of(scope), status, self._clock() - began, received, sent)
            for tell in self._told:
                tell(scope, seen)

    def _of(self, scope: Scope) -> tuple[str, str]:
        """Method and route. Who may not come in, or is answered as before, reaches no route; its path may be one."""
        method: str = scope["method"]
        route = scope.get("route") or self._known.get((method, scope["path"]))
        if not isinstance(route, Route):
            return OTHER, OTHER
        return method if method in (route.methods or ()) else OTHER, template(route.path)


def counting(meters: Meters) -> Told:
    """Has requests counted."""

    def tell(_scope: Scope, seen: Seen) -> None:
        meters.request((seen.method, seen.route), seen.status, seen.seconds, (seen.received, seen.sent))

    return tell


def template(path: str) -> str:
    """A route's path as the description has it, without prefix: `/models/{model}`."""
    return path.removeprefix("/v1").replace(":path}", "}") or "/"


def watching_turn(watch: Watch, kind: Kind, model: str, *, streamed: bool = False) -> Watching:
    """Something asked of a model, which is worked on within it; see `core.watching.Watch.turn`."""
    return Watching(watch.turn(kind, model, streamed=streamed), left=(ClientGone,))


@contextmanager
def watching_door(watch: Watch, kind: Kind, model: str) -> Generator[None]:
    """Let a turn in within it: one that is turned away is told of as well, and has been nothing else."""
    try:
        yield
    except (NobodyThere, TurnedAway) as error:
        watch.turn(kind, model, streamed=False).ended("full" if isinstance(error, TurnedAway) else "failed")
        raise


class WatchedTurns:
    """A `Responder` around another, for the answers to one request. What the prompt cost counts with the first."""

    def __init__(self, responder: Responder, watch: Watch, model: str, *, streamed: bool) -> None:
        self._responder = responder
        self._watch = watch
        self._model = model
        self._streamed = streamed
        self._asked = 0

    async def respond(self, turn: Turn, send: Send) -> None:
        """Answer; see `core.engines.Responder`."""
        first = not self._asked
        self._asked += 1
        with watching_turn(self._watch, "chat", self._model, streamed=self._streamed) as work:
            if first:
                work.told(turn)

            async def told(event: TurnEvent) -> None:
                await send(event)
                work.told(event if first or not isinstance(event, TurnDone) else _made(event))

            await self._responder.respond(turn, told)


def _made(done: TurnDone) -> TurnDone:
    """The end of an answer, and what that answer alone cost."""
    return replace(done, usage=Usage(text_out=done.usage.text_out, audio_out=done.usage.audio_out))
