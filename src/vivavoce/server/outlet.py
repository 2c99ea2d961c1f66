"""The body of a streamed answer, on its way to its reader.

A write to a connection costs more than all else that is done for an event. So words that come close together go out
together; nobody sees that they were 15 ms late. What is heard, and what comes after a silence, goes out at once.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator

from starlette.types import Send

from vivavoce.server.connection import send_to_reader
from vivavoce.wire.chunks import PING

GATHER_S = 0.015
"""The longest that anything waits for what comes after it: less than a screen shows one picture."""
GATHER_BYTES = 16 * 1024
"""The most that waits."""


class Outlet:
    """Its headers go out with its first bytes."""

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._headers = headers
        self._turn = asyncio.Lock()
        self._waiting: list[bytes] = []
        self._due = asyncio.Event()
        """Set when what waits has waited long enough."""
        self._sent_at = -math.inf
        self._quiet_until = math.inf
        """When a ping is to be sent, if nothing else is before."""
        self._ping_s = 0.0
        self._started = False

    async def write(self, data: bytes) -> None:
        """Send bytes, after all that waits; callers take turns."""
        if data:
            await self._put(data)

    async def write_soon(self, data: bytes) -> None:
        """Send bytes, within `pinging`: at once after a silence, else with what comes next or in `GATHER_S` at most.

        Who comes while something is being sent waits for that: a reader who takes nothing holds up whoever writes.
        """
        loop = asyncio.get_running_loop()
        if loop.time() - self._sent_at >= GATHER_S or self._turn.locked():
            await self.write(data)
        elif data:
            if not self._waiting:
                loop.call_at(self._sent_at + GATHER_S, self._look)
            self._waiting.append(data)
            if sum(map(len, self._waiting)) > GATHER_BYTES:
                await self._put()

    async def finish(self, data: bytes = b"") -> None:
        """Send the last bytes, and end the body."""
        await self._put(data, more=False)

    @contextlib.asynccontextmanager
    async def pinging(self, patience_s: float, ping_s: float) -> AsyncGenerator[None, None]:
        """Keep the connection alive while the model is silent: at first for `patience_s`, then for `ping_s`.

        If this is left with an error nothing waits any more: it is told after all that was said before it.
        """
        self._ping_s, self._quiet_until = ping_s, asyncio.get_running_loop().time() + patience_s
        keeping_on = asyncio.create_task(self._keep_on())
        try:
            try:
                yield
            finally:
                keeping_on.cancel()
                await asyncio.gather(keeping_on, return_exceptions=True)
        except BaseException:
            await self._put()
            raise

    async def _keep_on(self) -> None:
        """Send what has waited long enough, and pings."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._quiet_until):
                    await self._due.wait()
            self._due.clear()
            if self._waiting:
                await self._put()
            elif asyncio.get_running_loop().time() >= self._quiet_until:
                await self._put(PING)

    def _look(self) -> None:
        if self._waiting:
            self._due.set()

    async def _put(self, data: bytes = b"", *, more: bool = True) -> None:
        async with self._turn:
            body = b"".join([*self._waiting, data])
            if not body and more:
                return
            if not self._started:
                self._started = True
                await self._send({"type": "http.response.start", "status": 200, "headers": self._headers})
            await send_to_reader(self._send, {"type": "http.response.body", "body": body, "more_body": more})
            self._waiting.clear()  # not before: who is cancelled until then has sent nothing
            self._sent_at = asyncio.get_running_loop().time()
            self._quiet_until = self._sent_at + self._ping_s
