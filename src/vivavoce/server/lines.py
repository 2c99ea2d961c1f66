"""A line of a batch asked of the application itself, in this process, as any request is."""

import asyncio
import io
from dataclasses import replace

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vivavoce.account.lines import LINE, Line
from vivavoce.batches.running import Outcome
from vivavoce.core.admitted import in_background
from vivavoce.core.aside import aside
from vivavoce.core.errors import BadRequest
from vivavoce.store.batches import Leased
from vivavoce.store.ledger import SUMMED, Entry
from vivavoce.wire import errors
from vivavoce.wire.batches import answer_body

MOST_BYTES = 256 * 1024 * 1024
"""Of one answer: four times what the longest spoken one has."""
NO_ANSWER = 500
JSON = b"application/json"


class Lines:
    """Asks lines of an application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def ask(self, leased: Leased) -> Outcome:
        """Ask a line, in the background; cancelling this cancels the work."""
        line = Line(leased.batch, leased.request_id, leased.key_id)
        answer = _Answer()
        with in_background():
            call = asyncio.create_task(self._called(_scope(leased, line), _body(leased.body), answer))
        try:
            await asyncio.wait([call])
        except asyncio.CancelledError:
            call.cancel()
            await asyncio.wait([call])
            await line.settle(given=False)
            raise
        call.result()  # no error of a request comes as far as this
        if answer.too_large:
            line.entry = None if line.entry is None else _unowed(line.entry)
            await line.settle(given=False)
            line.error = BadRequest("The answer to this line is larger than any may be.", code="answer_too_large")
            return Outcome(line.error.status, errors.body(line.error), line)
        return Outcome(answer.status, await answer.json(), line)

    async def _called(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def _unowed(entry: Entry) -> Entry:
    """The row of an answer that is not given."""
    return replace(entry, status="refused", http=400, cost_in=0, cost_out=0, **dict.fromkeys(SUMMED, 0))


def _scope(leased: Leased, line: Line) -> Scope:
    path = leased.endpoint
    headers = [
        (b"host", b"localhost"),
        (b"content-type", JSON),
        (b"content-length", str(len(leased.body)).encode()),
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": None,
        "server": None,
        "state": {},
        LINE: line,
    }


def _body(data: bytes) -> Receive:
    """A `receive` that gives the body, and after that waits as for a client that stays."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            await asyncio.Event().wait()
        given = True
        return {"type": "http.request", "body": data, "more_body": False}

    return receive


class _Answer:
    """A `Send` that keeps what it is given."""

    def __init__(self) -> None:
        self.status = NO_ANSWER
        self._kind = ""
        self._body = io.BytesIO()
        self.too_large = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._kind = dict(message["headers"]).get(b"content-type", b"").decode("latin-1")
        elif not self.too_large:
            self._take(message.get("body", b""))

    def _take(self, data: bytes) -> None:
        self._body.write(data)
        if self._body.tell() > MOST_BYTES:
            self.too_large = True
            self._body = io.BytesIO()

    async def json(self) -> bytes:
        """The body as JSON, whatever it is."""
        data = self._body.getvalue()
        return await aside(len(data), answer_body, self._kind, data)
