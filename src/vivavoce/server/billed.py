"""Has a row written for every request that may cost something, however it ends."""

import asyncio
from decimal import Decimal
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope
from starlette.types import Send as AsgiSend

from vivavoce.account.ledger import Bill, Meter
from vivavoce.account.prices import WHOLE
from vivavoce.core.errors import PublicError, TryLater
from vivavoce.core.turn import Send, TurnDone, TurnEvent
from vivavoce.core.watching import Kind
from vivavoce.server.caller import caller_of, line_of
from vivavoce.server.connection import ClientGone
from vivavoce.server.idempotency import Decided
from vivavoce.store.ledger import Ledger, Status
from vivavoce.wire.operation import PREFIXES

KINDS: dict[str, Kind] = {
    "/chat/completions": "chat",
    "/audio/speech": "speech",
    "/audio/transcriptions": "transcription",
    "/audio/translations": "translation",
}
ROW_S = 0.5
"""How long a request that the server's end cancels waits for its row: less than it has for its last words."""
PATHS = {f"{prefix}{path}": kind for path, kind in KINDS.items() for prefix in PREFIXES}


class Billed:
    """ASGI around the routes, within what answers a request again that was answered before."""

    def __init__(self, app: ASGIApp, ledger: Ledger, batched: Decimal = WHOLE) -> None:
        """`batched`: what a line of a batch costs, of the price."""
        self._app = app
        self._ledger = ledger
        self._batched = batched

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Answer one request."""
        kind = PATHS.get(scope["path"]) if scope["method"] == "POST" else None
        if kind is None:
            await self._app(scope, receive, send)
            return
        line = line_of(scope)
        factor = self._batched if line else WHOLE
        bill = scope["bill"] = Bill(self._ledger, caller_of(scope), scope["request_id"], kind, line, factor)
        http = 0

        async def noting(message: Message) -> None:
            nonlocal http
            if message["type"] == "http.response.start":
                http = message["status"]
                if http >= HTTPStatus.BAD_REQUEST:
                    await bill.close("refused", http)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Decided:  # it was answered before, or not worked on
            raise
        except ClientGone:
            await bill.close("cancelled", http)
            raise
        except asyncio.CancelledError:
            # The server ends. Its reader is told, also where the row has to wait for the database.
            closing = asyncio.create_task(bill.close("failed", http or HTTPStatus.SERVICE_UNAVAILABLE))
            await asyncio.wait({closing}, timeout=ROW_S)
            raise
        except PublicError as error:
            await bill.close(_status(error), http or error.status, error)
            raise
        except Exception:
            await bill.close("failed", http or HTTPStatus.INTERNAL_SERVER_ERROR)
            raise
        await bill.close("completed", http)


def bill_of(scope: Scope) -> Bill:
    """The bill of a request that is under way."""
    return scope["bill"]


def metered(send: Send, meter: Meter) -> Send:
    """A `Send` that tells a meter of every event that was sent, and of the end before it is: its row goes first."""

    async def told(event: TurnEvent) -> None:
        if isinstance(event, TurnDone):
            meter.told(event)
            await send(event)
        else:
            await send(event)
            meter.told(event)

    return told


def _status(error: PublicError) -> Status:
    return "refused" if error.status < 500 or isinstance(error, TryLater) else "failed"
