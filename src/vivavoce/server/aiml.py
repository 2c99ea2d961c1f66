"""The AI/ML API's ways, where they are wanted: its flat keys beside every `error`, status 201 for an answer, and what
a chat cost.
"""

from uuid import UUID

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vivavoce.account.prices import Cost, credits_of, plain
from vivavoce.wire.completion import Meta, Spent
from vivavoce.wire.errors import Call

CREATES = ("/v1/chat/completions", "/chat/completions")
CALL = "vivavoce.call"


class LikeAiml:
    """ASGI around whatever writes errors; within what gives each request its id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[CALL] = Call(scope["path"][:128], str(UUID(scope["request_id"].removeprefix("req_"))))

        async def created(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                message = {**message, "status": 201}
            await send(message)

        creates = scope["method"] == "POST" and scope["path"] in CREATES
        await self._app(scope, receive, created if creates else send)


def call_of(scope: Scope) -> Call | None:
    """What errors shall say of the request; None where they shall not."""
    return scope.get(CALL)


def meta(cost: Cost) -> Meta:
    """What a chat cost, for its body."""
    return Meta(Spent(credits_of(cost.usd), float(cost.usd)))


def spent_headers(cost: Cost) -> list[tuple[bytes, bytes]]:
    """The same for the headers of one that is not streamed."""
    credits_used, usd_spent = str(credits_of(cost.usd)), plain(cost.usd)
    return [(b"x-aimlapi-credits-used", credits_used.encode()), (b"x-aimlapi-usd-spent", usd_spent.encode())]
