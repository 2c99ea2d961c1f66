"""The places of a pool: which call gets one next, and in which process."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

from vivavoce.core.admitted import Admitted
from vivavoce.core.errors import EngineFailed, Overloaded
from vivavoce.core.line import Line, Standing
from vivavoce.core.load import GUESS_S, Load
from vivavoce.engines.child import Child, Spec

SOON_SILENT, FIRST_SOUND, ANSWER, OTHER, HAS_PLENTY = range(5)
"""Who is to say something goes before who is to think of it, and both before who is to be heard, with all the rest."""
RANKS = {"synthesize": FIRST_SOUND, "respond": ANSWER, "generate": ANSWER}
AHEAD_CALLS = 4
"""Whose listener has more to hear than so many calls take can wait for all others; who has less goes before them."""
NEW, BACKGROUND = 10, 20
"""Added for those whom nobody has let in, and for those who give way to all others."""


class Worker:
    """One place for a process: the one running there now, if any, and how many calls it has."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.child: Child | None = None
        self.busy = 0
        self.used = 0.0
        """When its last call ended, by the event loop's clock."""
        self.asleep = False
        """Whether there is no process because nobody wanted it; `wanted` wakes it."""
        self.wanted = asyncio.Event()

    @property
    def free(self) -> bool:
        """Whether it can take a call at once."""
        return self.child is not None and not self.child.lost and self.busy < self.child.card.parallel


def standing(method: str, turn: Admitted | None, load: Load) -> Standing:
    """Where a call that is made now stands in the line of the engine with this `load`."""
    rank = RANKS.get(method, OTHER)
    if turn is None:
        return Standing(rank + NEW)
    if turn.background:
        return Standing(rank + BACKGROUND, turn.project, id(turn))
    ahead_s = turn.ahead_s(asyncio.get_running_loop().time())
    if method == "synthesize" and ahead_s is not None:
        rank = SOON_SILENT if ahead_s < AHEAD_CALLS * (load.call_s.value or GUESS_S) else HAS_PLENTY
    return Standing(rank, turn.project, id(turn))


class Places:
    """Gives the places of some workers to calls."""

    def __init__(self, workers: Sequence[Worker], load: Load, wake_one: Callable[[], float]) -> None:
        """`wake_one` has a process started where one sleeps: how long that may take in seconds; 0 where none does."""
        self._workers = workers
        self._load = load
        self._wake_one = wake_one
        self._line: Line[asyncio.Future[Worker]] = Line()

    @asynccontextmanager
    async def taken(self, where: Standing, wait_s: float) -> AsyncGenerator[Child, None]:
        """Hold a place.

        Raises:
            EngineDown: it is given a rest.
            Overloaded: there was none within `wait_s`.
            EngineFailed: its process has ended.
        """
        worker = await self._wait(where, wait_s)
        child = worker.child
        try:
            if child is None:
                raise EngineFailed
            yield child
        finally:
            self._free(worker)
            worker.used = asyncio.get_running_loop().time()

    async def _wait(self, where: Standing, wait_s: float) -> Worker:
        if self._load.breaker.state == "open":
            raise self._load.breaker.down()
        place: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        self._line.join(place, where)
        self.give()
        if not place.done():
            wait_s = max(wait_s, self._wake_one())
        try:
            async with asyncio.timeout(wait_s):
                return await asyncio.shield(place)
        except BaseException as left:
            expected_s = self._expected_s
            if not place.done():
                self._line.leave(place)
                self._load.waiting = len(self._line)
            elif place.exception() is None:
                self._free(place.result())
            if isinstance(left, TimeoutError):
                self._load.refused += 1
                raise Overloaded(expected_s) from None
            raise

    def give(self) -> None:
        """Give free places to those who wait, in the order of the line, the least busy worker first."""
        while len(self._line) and not (self._load.busy and self._load.breaker.state == "trial"):
            worker = min((w for w in self._workers if w.free), key=lambda w: w.busy, default=None)
            if worker is None:
                break
            worker.busy += 1
            self._load.busy += 1
            place = next(iter(self._line))
            self._line.serve(place)
            place.set_result(worker)
        self._load.waiting = len(self._line)

    def refuse(self) -> None:
        """Tell all who wait that the engine is given a rest."""
        for place in list(self._line):
            self._line.leave(place)
            place.set_exception(self._load.breaker.down())
        self._load.waiting = 0

    @property
    def _expected_s(self) -> float:
        """How long somebody who comes later would wait."""
        runs = any(worker.child is not None for worker in self._workers)
        return self._load.line_s if runs else max(self._load.line_s, self._load.breaker.recover_s)

    def _free(self, worker: Worker) -> None:
        worker.busy -= 1
        self._load.busy -= 1
        self.give()
