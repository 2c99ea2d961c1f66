"""Uvicorn, which says when it listens and ends as `ending` says.

It listens until answers under way are finished, or given up: those who come meanwhile are told. `serve` then returns,
so that whatever is behind the server can be closed.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Generator
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from vivavoce.server.ending import Ending
from vivavoce.server.protocol import Bounds, Connection
from vivavoce.server.unsent import bound_unsent

LAST_WORDS_S = 1.0
"""For the errors of cancelled answers to reach their readers."""
POLL_S = 0.02
BACKLOG = 256
"""Connections taken at once; they are open before any of those they replace is closed."""
TICK_S = 1.0


class Server(uvicorn.Server):
    """Serves one application until it is told to end."""

    def __init__(
        self, app: ASGIApp, listening: Callable[[], None], ending: Ending | None = None, bounds: Bounds | None = None
    ) -> None:
        """`listening` is called once it does; `ending`: the one that `app` looks at."""
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
        self._ending = ending or Ending()

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
        self._ending.tell()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take the signals. Uvicorn's own way raises them again at the end, before anything else could be closed."""
        with self._ending.heeding_signals():
            yield

    async def main_loop(self) -> None:
        """Serve until told to end and nothing is under way, or is given up; uvicorn keeps its date once a second."""
        ticking = asyncio.create_task(self._tick_for_ever())
        await self._ending.wait(self._finished)
        ticking.cancel()
        await asyncio.wait({ticking})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, and cancel what is left."""
        for listener in sockets or []:
            asyncio.get_running_loop().remove_reader(listener)
        for _ in range(2):  # what was just taken becomes a connection; asyncio would lose it, open, if it closed now
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for task in list(self.server_state.tasks):
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self._idle()
        for connection in list(self.server_state.connections):
            connection.transport.abort()  # its reader takes nothing
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self._idle()

    async def _tick_for_ever(self) -> None:
        while True:
            await self.on_tick(0)
            await asyncio.sleep(TICK_S)

    async def _finished(self) -> None:
        """Wait until every answer that is under way now is made, and taken by its reader."""
        state = self.server_state
        tasks, connections = set(state.tasks), set(state.connections)
        while tasks & state.tasks or any(map(_holds, connections & state.connections)):  # noqa: ASYNC110 - as below
            await asyncio.sleep(POLL_S)

    async def _idle(self) -> None:
        """Wait until nothing is under way."""
        while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(POLL_S)


def _holds(connection: Any) -> bool:
    """Whether its reader has still to take something."""
    return connection.transport.get_write_buffer_size() > 0
