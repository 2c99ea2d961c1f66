"""Work done for a client who may leave: cancelled at once when that happens."""

import asyncio
import io
from collections.abc import Awaitable
from typing import TypeVar

from starlette.types import Message, Receive, Send

from vivavoce.core.admitted import admitted
from vivavoce.core.aside import LARGE_BYTES
from vivavoce.core.errors import TooLarge

T = TypeVar("T")


class ClientGone(Exception):
    """The client has left; there is nobody to answer."""


async def while_connected(receive: Receive, work: Awaitable[T]) -> T:
    """Do `work`, and cancel it when the client leaves.

    No ASGI server cancels a handler whose client has gone, so this listens for it. The body must have been read.

    Raises:
        ClientGone: the client left first; `work` has ended.
    """
    limit = asyncio.timeout(None)
    leaving = asyncio.create_task(_left(receive, limit))
    try:
        async with limit:
            return await work
    except Exception:
        if limit.expired():  # whatever it says of its end
            raise ClientGone from None
        raise
    finally:
        leaving.cancel()
        await asyncio.wait({leaving})


async def _left(receive: Receive, limit: asyncio.Timeout) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    limit.reschedule(asyncio.get_running_loop().time())


async def read_body(receive: Receive, headers: dict[bytes, bytes], limit: int) -> bytes:
    """The whole body of a request.

    Raises:
        TooLarge: it is over `limit` bytes.
        ClientGone: the client left before it was whole.
    """
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit, int(announced))
    body = io.BytesIO()  # gives what it holds without a copy of it
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        size += body.write(message.get("body", b""))
        if size > limit:
            raise _too_large(limit, size)
        if not message.get("more_body", False):
            return body.getvalue()


def _too_large(limit: int, size: int) -> TooLarge:
    return TooLarge(f"413: Maximum content size limit ({limit}) exceeded ({size} bytes read)", code="request_too_large")


async def send_to_reader(send: Send, message: Message) -> None:
    """Send; meanwhile the turn, where one was let in, waits for its reader.

    A reader who takes nothing is given up by the connection, which then ends the work; see `protocol`.
    """
    turn, clock = admitted(), asyncio.get_running_loop()
    if turn is None:
        await send(message)
        return
    turn.unread(clock.time())
    await send(message)
    turn.read(clock.time())


async def send_whole(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Send an answer in one go, a large one piece by piece: what a connection cannot take at once it copies."""
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send_body(send, body)


async def send_body(send: Send, body: bytes) -> None:
    """Send a whole body, a large one piece by piece."""
    last = max(len(body) - 1, 0) // LARGE_BYTES * LARGE_BYTES
    for at in range(0, last, LARGE_BYTES):
        await send_to_reader(
            send, {"type": "http.response.body", "body": body[at : at + LARGE_BYTES], "more_body": True}
        )
    await send_to_reader(send, {"type": "http.response.body", "body": body[last:]})
