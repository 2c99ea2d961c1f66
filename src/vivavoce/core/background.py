"""Turns that nobody waits for: they are done while nobody else is there, and broken off for whoever comes.

    nobody has been there for `QUIET_S` ─► they come in, as many as leave each engine a place free
    somebody comes to the door          ─► all but `beside` of them are broken off at once: GaveWay

What was broken off has cost nobody anything, and is begun anew.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from vivavoce.core.admitted import Admitted, working_for
from vivavoce.core.errors import Overloaded
from vivavoce.core.line import Line, Standing
from vivavoce.core.load import Load
from vivavoce.core.needs import Need

QUIET_S = 1.0
"""How long nobody has to have been there: who has just been answered may ask again."""
LOOK_S = 1.0
"""How often those who wait are looked at, while nobody else is there: of the end of an engine's rest nobody tells."""
RESERVE = 1
"""Places of an engine that are left free: whoever comes has not to wait for one."""


class GaveWay(Overloaded):
    """A turn in the background was broken off, because somebody came."""


class _Turn:
    """One of them."""

    def __init__(self, turn: Admitted, needs: Sequence[Need]) -> None:
        self.turn = turn
        self.needs = needs
        self.may: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.limit = asyncio.timeout(None)
        self.begun = False
        self.broken_off = False

    @property
    def loads(self) -> list[Load]:
        """Of every engine that may be asked."""
        return [load for need in self.needs for load in need.loads]


class Background:
    """Lets them in, and breaks them off."""

    def __init__(self, beside: int = 0) -> None:
        """`beside`: how many may go on while others are there."""
        self._beside = beside
        self._line: Line[_Turn] = Line()
        self._inside: list[_Turn] = []
        """The newest last."""
        self._closed = False
        self._others = 0
        self._quiet_since = -math.inf
        self._look: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many wait to be let in."""
        return len(self._line)

    @property
    def inside(self) -> int:
        """How many are worked on."""
        return len(self._inside)

    @asynccontextmanager
    async def turn(self, project: str, needs: Sequence[Need]) -> AsyncGenerator[None, None]:
        """Let one in, however long that takes, for as long as this is open.

        Raises:
            GaveWay: it was broken off.
        """
        mine = _Turn(Admitted(project, asyncio.get_running_loop().time(), background=True), needs)
        try:
            await self._enter(mine)
            async with mine.limit:
                mine.begun = True
                with working_for(mine.turn):
                    yield
        except TimeoutError:
            if mine.limit.expired():
                raise GaveWay from None
            raise
        finally:
            self._forget(mine)
            self._let_in()

    @property
    def somebody(self) -> bool:
        """Whether another turn is there."""
        return self._others > 0

    def somebody_came(self) -> None:
        """Another turn is there, at the door or inside; those that have to give way do."""
        self._others += 1
        self._give_way()

    def somebody_left(self) -> None:
        """Another turn has ended."""
        self._others -= 1
        self._quiet_since = asyncio.get_running_loop().time()
        self._let_in()

    def send_away(self) -> None:
        """Break all of them off, and have all that come from now on go elsewhere."""
        self._closed = True
        for each in [*self._inside]:
            self._break_off(each)
        for each in list(self._line):
            self._line.leave(each)
            each.broken_off = True
            each.may.set_result(None)

    async def _enter(self, mine: _Turn) -> None:
        if self._closed:
            raise GaveWay
        self._line.join(mine, Standing(project=mine.turn.project))
        try:
            self._let_in()
            await mine.may
        except asyncio.CancelledError:
            if mine.may.cancelled():
                self._line.leave(mine)
            raise
        if mine.broken_off:
            raise GaveWay

    def _let_in(self) -> None:
        """Let in those who may, in their order; look again when it has been quiet for long enough."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
        if not len(self._line):
            return
        loop = asyncio.get_running_loop()
        loud_s = self._quiet_since + QUIET_S - loop.time()
        alone = not self._others and loud_s <= 0
        if not self._others and not alone:
            self._look = loop.call_later(loud_s, self._let_in)
        for waiting in list(self._line):
            if (alone or len(self._inside) < self._beside) and all(map(self._fits, waiting.needs)):
                self._line.serve(waiting)
                self._inside.append(waiting)
                for load in waiting.loads:
                    load.background.add(waiting.turn)
                waiting.turn.began = loop.time()
                waiting.may.set_result(None)
        if len(self._line) and self._look is None and not self._others:
            self._look = loop.call_later(LOOK_S, self._let_in)

    def _give_way(self) -> None:
        for each in reversed(self._inside.copy()):
            if len(self._inside) > self._beside or not all(map(self._fits, each.needs)):
                self._break_off(each)

    def _fits(self, need: Need) -> bool:
        """Whether engines can carry one turn more, and then have a place left: where there is but one, with nobody.

        One that is given a rest, or on trial, carries none.
        """
        least = 0 if self._others else 1
        well = [load for load in need.loads if load.breaker.state == "closed"]
        rooms = [(load, max(need.most(load) - RESERVE, least)) for load in well]
        return any(len(load.turns) + len(load.background) < room for load, room in rooms)

    def _break_off(self, each: _Turn) -> None:
        self._forget(each)
        each.broken_off = True
        if each.begun:
            each.limit.reschedule(asyncio.get_running_loop().time())

    def _forget(self, mine: _Turn) -> None:
        if mine in self._inside:
            self._inside.remove(mine)
        for load in mine.loads:
            load.background.discard(mine.turn)
