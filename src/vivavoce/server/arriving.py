"""How the body of a request comes in: within its time, and what becomes of one that nobody wants to read."""

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vivavoce.core.tasks import in_time
from vivavoce.server.protocol import Late

SLOWEST_BYTES_S = 256
"""Bytes a second, all in all; half of the thinnest sound that anybody sends while it is spoken."""
IGNORED_BYTES = 64 * 1024
"""What may be left of a body without the connection being closed over it."""
LINGER_S = 2.0
"""How long the rest of a body is thrown away, so that a client that is still sending finds the answer."""
CLOSE = (b"connection", b"close")


class Arriving:
    """ASGI around everything that reads bodies."""

    def __init__(self, app: ASGIApp, silence_s: float) -> None:
        """`silence_s`: how long a client may send nothing in the middle of its request."""
        self._app = app
        self._silence_s = silence_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(dict(scope["headers"]), receive, self._silence_s)
        closes = False

        async def answer(message: Message) -> None:
            nonlocal closes
            if message["type"] == "http.response.start":
                closes = body.is_left
                headers = [*message["headers"], CLOSE] if closes else message["headers"]
                await send({**message, "headers": headers})
            elif message.get("more_body", False) or not closes:
                await send(message)
            else:  # a connection that is closed with bytes unread is reset, and the answer may be lost with it
                await send({**message, "more_body": True})
                await body.throw_away()
                await send({"type": "http.response.body", "body": b""})

        await self._app(scope, body.receive, answer)


class _Body:
    """The body of one request, as far as it has come in."""

    def __init__(self, headers: dict[bytes, bytes], receive: Receive, silence_s: float) -> None:
        length = headers.get(b"content-length", b"")
        self._announced = int(length) if length.isdigit() else None
        self._whole = not self._announced and b"transfer-encoding" not in headers
        self._asked_for = b"expect" not in headers
        self._late = False
        self._receive = receive
        self._silence_s = silence_s
        self._began = asyncio.get_running_loop().time()
        self._bytes = 0

    async def receive(self) -> Message:
        """The next of it; as ASGI's `receive` once it is whole.

        Raises:
            Late: it comes too slowly, or not at all.
        """
        if self._whole:
            return await self._receive()
        waited = asyncio.get_running_loop().time() - self._began
        left = self._silence_s + self._bytes / SLOWEST_BYTES_S - waited
        try:
            return await in_time(self._next(), min(left, self._silence_s))
        except TimeoutError:
            self._late = True
            raise Late from None

    @property
    def is_left(self) -> bool:
        """Whether more of it may come than one would wait for; or none, where the client waits to be asked for it."""
        if self._whole:
            return False
        if self._late or not self._asked_for:
            return True
        return self._announced is None or self._announced - self._bytes > IGNORED_BYTES

    async def throw_away(self) -> None:
        """Read the rest, for a while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while not self._whole and not self._late:
                    await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        self._asked_for = True
        self._bytes += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)  # nor is there more of it when the client has gone
        return message
