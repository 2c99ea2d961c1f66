"""Uvicorn, which says when it listens and ends as a voice server should.

A first SIGTERM or SIGINT lets the answers under way be finished, for a while; a second one, or the end of that while,
cancels them, and each reader is told. `serve` then returns, so that whatever is behind the server can be closed.
"""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Generator
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from vivavoce.server.protocol import Bounds, Connection
from vivavoce.server.unsent import bound_unsent

DRAIN_S = 30.0
LAST_WORDS_S = 1.0
"""For the errors of cancelled answers to reach their readers."""
POLL_S = 0.02
BACKLOG = 256
"""Connections taken at once; they are open before any of those they replace is closed."""
TICK_S = 1.0


class Server(uvicorn.Server):
    """Serves one application until it is told to end."""

    def __init__(
        self, app: ASGIApp, listening: Callable[[], None], drain_s: float = DRAIN_S, bounds: Bounds | None = None
    ) -> None:
        protocol: Any = partial(Connection, bounds=bounds or Bounds())
        settings = uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # nothing here goes by what a proxy says of a client, or a client of itself
            backlog=BACKLOG,
        )
        super().__init__(settings)
        self._listening = listening
        self._drain_s = drain_s
        self._told = asyncio.Event()
        self._hurry = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        for listener in sockets or []:
            # Every connection has it from here. asyncio sets it only on sockets that name their protocol, and without
            # it an event waits for the client to confirm the one before: 40 ms.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            bound_unsent(listener)
        await super().startup(sockets)
        self._listening()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End: the second time at once."""
        del sig, frame
        if self.should_exit:
            self._hurry.set()
        self.should_exit = True
        self._told.set()

    async def main_loop(self) -> None:
        """Wait until told to end; uvicorn keeps its date once a second."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._told.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take the signals. Uvicorn's own way raises them again at the end, before anything else could be closed."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, let answers end, then cancel the rest."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        idle = asyncio.create_task(self._idle())
        hurried = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({idle, hurried}, timeout=self._drain_s, return_when=asyncio.FIRST_COMPLETED)
        for task in list(self.server_state.tasks):
            task.cancel()
        await asyncio.wait({idle}, timeout=LAST_WORDS_S)
        for connection in list(self.server_state.connections):
            connection.transport.abort()  # its reader takes nothing
        await asyncio.wait({idle}, timeout=LAST_WORDS_S)
        for task in (idle, hurried):
            task.cancel()
        await asyncio.wait({idle, hurried})

    async def _idle(self) -> None:
        """Wait until nothing is under way."""
        while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(POLL_S)
