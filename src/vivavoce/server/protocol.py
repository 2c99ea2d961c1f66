"""HTTP/1.1 on one connection: uvicorn's, with limits to what a client could do without ever finishing a request."""

import asyncio
import http
from dataclasses import dataclass
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vivavoce.core.errors import BadRequest, Overloaded, PublicError
from vivavoce.server.unsent import unsent
from vivavoce.wire import errors
from vivavoce.wire.ids import request_id

FRAMING = (b"content-length", b"transfer-encoding")
"""The headers that say where a body ends."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What connections may cost beside the requests on them."""

    connections: int = 512
    """Open at once; for one more, the one that has kept us waiting longest for its request is closed."""
    head_s: float = 10.0
    """For the lines before a body, from the first byte or the beginning of the connection."""
    head_bytes: int = 64 * 1024
    """Of those lines, and of anything else between two pieces of a body."""
    unread_s: float = 30.0
    """For a client to take some of what waits for it, be it ever so little."""


class Late(PublicError):
    """The request did not come in within its time."""

    status = 408
    kind = "invalid_request_error"

    def __init__(self) -> None:
        super().__init__("Your request did not arrive in time. You can retry your request.", code="request_timeout")


class HeadTooLarge(PublicError):
    """More lines before the body than anybody needs."""

    status = 431
    kind = "invalid_request_error"


class Connection(HttpToolsProtocol):
    """One connection."""

    since: float
    """When what it waits for could have begun, in seconds of the event loop."""

    def __init__(self, *arguments: Any, bounds: Bounds, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._bounds = bounds
        self.since = 0.0
        self._in_head = False
        self._head_bytes = 0
        self._limit: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None
        self._took = False
        self._restarting = False

    @property
    def waits(self) -> bool:
        """Whether all there could be to do is to wait for the client: no whole request is under way."""
        return self._is_idle or self.cycle.more_body

    @property
    def _is_idle(self) -> bool:
        return cast("Any", self.cycle) is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, if there is room or can be made."""
        super().connection_made(cast("asyncio.Transport", transport))
        self.since = self.loop.time()
        self._watch()
        if len(self.connections) > self._bounds.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._unwatch()
        self._stop_taking()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take the next bytes, whatever they are part of."""
        self._unset_keepalive_if_required()
        self._head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline(data[int(offer.args[0]) :])
        except httptools.HttpParserError:
            self._refuse(BadRequest("Your request is not valid HTTP.", code="invalid_http"))
        else:
            if self._head_bytes > self._bounds.head_bytes:
                self._refuse(HeadTooLarge("The headers of your request are too large.", code="headers_too_large"))
            elif self._is_idle:
                self._watch()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = True
        self.since = self.loop.time()

    def on_headers_complete(self) -> None:
        """Everything before the body is there."""
        self._in_head = False
        self._head_bytes = 0
        self._unwatch()
        self._stop_taking()
        if not self._restarting:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """The next of the body."""
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The whole request is there."""
        self._head_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is written, though perhaps not yet taken."""
        self.since = self.loop.time()
        super().on_response_complete()
        self._until_taken()

    def pause_writing(self) -> None:
        """The client takes less than there is for it."""
        super().pause_writing()
        self._until_taken()

    def resume_writing(self) -> None:
        """It has taken most of it."""
        self._took = True
        super().resume_writing()

    def _make_room(self) -> None:
        """Close the connection that has waited longest; where all the others have work, this one."""
        others = cast("set[Connection]", self.connections) - {self}
        waiting = [other for other in others if other.waits]
        if waiting:
            min(waiting, key=lambda other: other.since)._give_up(Late())  # noqa: SLF001 - one of its own kind
        else:
            self._give_up(Overloaded())

    def _decline(self, rest: bytes) -> None:
        """Go on in HTTP/1.1 where another protocol was offered.

        Several clients offer HTTP/2 with their first request. The parser takes such a request for one without a body,
        whatever its headers say; a new one is told of the body alone.
        """
        framing = b"".join(b"%b: %b\r\n" % header for header in self.headers if header[0] in FRAMING)
        self.cycle.more_body = True
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._restarting = True
        self.parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n")
        self._restarting = False
        if rest:
            self.data_received(rest)

    def _until_taken(self) -> None:
        """Look again later whether the client takes anything: a closed connection, too, waits for that for ever."""
        if self._taking is None and self.transport.get_write_buffer_size():
            self._took = False
            self._taking = self.loop.call_later(self._bounds.unread_s, self._check_taken, unsent(self.transport))

    def _check_taken(self, before: int) -> None:
        self._taking = None
        if self._took or unsent(self.transport) < before:
            self._until_taken()
        else:
            self.transport.abort()

    def _stop_taking(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _watch(self) -> None:
        if self._limit is None:
            self._limit = self.loop.call_later(self._bounds.head_s, self._give_up, Late())

    def _unwatch(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _give_up(self, why: PublicError) -> None:
        """Close; say why to one who has begun to ask, or would have."""
        self.connections.discard(self)  # those who come in the same moment must not choose it again
        if self.transport.is_closing():
            self.transport.abort()
        elif self._in_head or isinstance(why, Overloaded):
            self._refuse(why)
        else:
            self.transport.close()

    def _refuse(self, error: PublicError) -> None:
        """Answer what never came to the application, and close. Into an answer that has begun nothing is written."""
        if self._is_idle or not self.cycle.response_started:
            body = errors.body(error)
            headers = {
                **errors.headers(error),
                "content-type": "application/json",
                "content-length": str(len(body)),
                "x-request-id": request_id(),
                "connection": "close",
            }
            lines = [f"HTTP/1.1 {error.status} {http.HTTPStatus(error.status).phrase}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()
