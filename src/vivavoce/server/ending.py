"""How the server ends: told once it takes its leave, told twice it goes.

told once ─► not ready; for `unready_s` all goes on as before, so that a load balancer sees it
          ─► new requests are refused; those under way are finished, for `drain_s` at most
          ─► what is left is cancelled, and each reader is told
told twice ─► that, at once
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Coroutine, Generator, Mapping
from typing import Any, TypeVar

from vivavoce.core.errors import TryLater

T = TypeVar("T")
DRAIN_S = 30.0
SOON_S = 5.0
"""How soon who is turned away may look for another server, or for this one after its start."""


class Ended(Exception):
    """The server was told to end before it began to serve."""


class ServerEnds(TryLater):
    """The server takes nothing new, or does not finish what it has."""

    def __init__(self) -> None:
        words = "This server is being stopped or restarted. You can retry your request in a few seconds."
        super().__init__(words, SOON_S, code="server_shutting_down")


class Ending:
    """How far the server is with its end."""

    def __init__(self, unready_s: float = 0.0, drain_s: float = DRAIN_S) -> None:
        self._unready_s = unready_s
        self._drain_s = drain_s
        self._told = asyncio.Event()
        self._hurried = asyncio.Event()
        self._refuses = False
        self._heeds = False

    @property
    def begun(self) -> bool:
        """Whether it was told to end: it is not ready any more."""
        return self._told.is_set()

    @property
    def refuses(self) -> bool:
        """Whether it takes nothing new."""
        return self._refuses

    def tell(self) -> None:
        """Have it end: the second time at once."""
        (self._hurried if self.begun else self._told).set()

    @contextlib.contextmanager
    def heeding_signals(self, others: Mapping[int, Callable[[], None]] | None = None) -> Generator[None, None, None]:
        """Be told by SIGTERM and SIGINT, and have `others` called by theirs, until this is left for good."""
        if self._heeds or threading.current_thread() is not threading.main_thread():
            yield
            return
        loop, self._heeds = asyncio.get_running_loop(), True
        heard = {signal.SIGINT: self.tell, signal.SIGTERM: self.tell, **(others or {})}
        for number, told in heard.items():
            loop.add_signal_handler(number, told)
        try:
            yield
        finally:
            self._heeds = False
            for number in heard:
                loop.remove_signal_handler(number)

    async def unless_told(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work`, and cancel it when the server is told to end.

        Raises:
            Ended: it was; `work` has ended.
        """
        doing, told = asyncio.create_task(work), asyncio.create_task(self._told.wait())
        try:
            await asyncio.wait({doing, told}, return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise Ended
            return doing.result()
        finally:
            doing.cancel()
            told.cancel()
            await asyncio.gather(doing, told, return_exceptions=True)

    async def wait(self, finishing: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Return when what is left is to be cancelled. `finishing` returns once what was under way when it was called
        is finished."""
        await self._told.wait()
        await self._unless_hurried(self._unready_s)
        self._refuses = True
        await self._unless_hurried(self._drain_s, finishing())

    async def _unless_hurried(self, seconds: float, work: Coroutine[Any, Any, None] | None = None) -> None:
        waiting = [asyncio.create_task(each) for each in (self._hurried.wait(), work) if each is not None]
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
