"""Turns are let in as a whole: who may begin now, who waits at the door, and how long one turned away should.

    a turn comes ─► every engine it needs can carry one more ─► in: each of its calls waits until it is served
                 └► not now: it waits at the door, at most `wait_s`, then TurnedAway
                    └ it would be longer, as turns have gone of late: TurnedAway at once

Who is turned away is told when to come back, and those who were told so before it are counted: `core.promises`.

Once in, a turn goes before all that are not, and is not refused for want of a place. One whose reader holds it up, and
that no engine works for, is not counted: it holds nothing but itself. Turns that nobody waits for are let in by another
rule, and count for nobody else: `core.background`.
"""

import asyncio
import logging
import math
from bisect import bisect_right
from collections.abc import AsyncGenerator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from vivavoce.core.admitted import Admitted, is_background, working_for
from vivavoce.core.background import Background
from vivavoce.core.errors import EngineDown, Overloaded
from vivavoce.core.line import Line, Standing
from vivavoce.core.needs import Need
from vivavoce.core.promises import Promise, Promises

log = logging.getLogger("vivavoce.admission")

T = TypeVar("T")
LOOK_S = 0.1
"""How often those at the door are looked at, beside whenever a turn ends."""
TELL_S = 10.0
"""Refusals are logged once in this time at most."""
LONGEST_S = 60
"""The most that one turned away is told to wait."""


class TurnedAway(Overloaded):
    """A turn was not let in: nothing was done for it."""


class NobodyThere(EngineDown):
    """A turn was not let in, since what it needs is given a rest: nothing was done for it."""


class _Waiting:
    """A turn at the door."""

    def __init__(self, turn: Admitted, needs: Sequence[Need]) -> None:
        self.turn = turn
        self.needs = needs
        self.loads = frozenset(load for need in needs for load in need.loads)
        self.number = 0
        """Those with a lower one were told before it when to come back."""
        self.may: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Door:
    """Lets turns in."""

    def __init__(self, wait_s: float = 2.0, beside: int = 0) -> None:
        """`wait_s`: the longest that anybody waits there; `beside`: see `Background`."""
        self._wait_s = wait_s
        self.background = Background(beside)
        self._line: Line[_Waiting] = Line()
        self._look: asyncio.TimerHandle | None = None
        self._refusals = Refusals()
        self._promises = Promises()

    @property
    def waiting(self) -> int:
        """How many turns wait at the door."""
        return len(self._line)

    @property
    def refused(self) -> int:
        """How many turns were turned away."""
        return self._refusals.total

    @asynccontextmanager
    async def turn(self, project: str, needs: Iterable[Need]) -> AsyncGenerator[None, None]:
        """Let a turn in, for as long as this is open; calls to engines inside it are its own.

        Raises:
            NobodyThere: what it needs is given a rest.
            TurnedAway: it would wait, or has waited, longer than `wait_s`.
            GaveWay: it was worked on in the background, and somebody came.
        """
        loop = asyncio.get_running_loop()
        here = [need for need in needs if need.loads]
        if is_background():
            async with self.background.turn(project, here):
                yield
            return
        mine = _Waiting(Admitted(project, loop.time()), here)
        self.background.somebody_came()
        try:
            await self._enter(mine)
            mine.turn.began = loop.time()
            with working_for(mine.turn):
                yield
            self._measure(mine, loop.time())
        finally:
            _forget(mine)
            self._let_in()
            self.background.somebody_left()

    async def within(self, project: str, needs: Iterable[Need], work: Coroutine[Any, Any, T]) -> T:
        """Do `work` as a turn; otherwise as `turn`."""
        try:
            async with self.turn(project, needs):
                return await work
        finally:
            work.close()  # what was never begun would warn that it was never awaited

    async def _enter(self, mine: _Waiting) -> None:
        for down in filter(None, [need.down() for need in mine.needs]):
            raise NobodyThere(down.retry_after_s or 0.0)
        mine.number = self._promises.number(mine.turn.project, mine.loads, mine.turn.began)
        self._line.join(mine, Standing(project=mine.turn.project))
        try:
            self._let_in()
            if mine.may.done():
                return
            hopeless = self._expected_s(mine) > self._wait_s
            done, _ = await asyncio.wait([mine.may], timeout=0 if hopeless else self._wait_s)
            if not done:
                raise self._refusal(mine)
        finally:
            if not mine.may.done():
                self._line.leave(mine)

    def _let_in(self) -> None:
        """Let in all those who wait and fit, in their order; look again soon where some do not."""
        now = asyncio.get_running_loop().time()
        for waiting in list(self._line):
            if all(need.fits(now, self._wait_s) for need in waiting.needs):
                self._line.serve(waiting)
                waiting.may.set_result(None)
                waiting.turn.began = now
                for need in waiting.needs:
                    for load in need.loads:
                        load.turns.add(waiting.turn)
                    if need.part == "hear":
                        need.loads[0].coming.add(waiting.turn)
        if self._look is not None:
            self._look.cancel()
            self._look = None
        if len(self._line):
            self._look = asyncio.get_running_loop().call_later(LOOK_S, self._let_in)

    def _expected_s(self, mine: _Waiting, *, away: bool = False) -> float:
        """How long one at the door will wait, as turns have gone of late: there, or `away`, to come back in time."""
        line = list(self._line)
        ahead = line[: line.index(mine)]
        until = asyncio.get_running_loop().time() + (LONGEST_S if away else self._wait_s)
        coming = self._promises.before(mine.number, mine.turn.project, mine.loads, until)
        return max((self._until_free_s(need, ahead, coming, away=away) for need in mine.needs), default=0.0)

    def _until_free_s(self, need: Need, ahead: list[_Waiting], coming: list[Promise], *, away: bool) -> float:
        """How long until a need is met, when those ahead go first, and those who come back before that."""
        now, loads = asyncio.get_running_loop().time(), frozenset(need.loads)
        here = sum(not loads.isdisjoint(other.loads) for other in ahead)
        dues = [promise.due for promise in coming if not loads.isdisjoint(promise.loads)]
        before, wait_s = -1, 0.0
        while (back := bisect_right(dues, now + (_told_s(wait_s) if away else wait_s))) != before:
            before, wait_s = back, need.wait_s(now, self._wait_s, here + back)
        return wait_s

    def _refusal(self, mine: _Waiting) -> TurnedAway:
        now = asyncio.get_running_loop().time()
        full = [need for need in mine.needs if not need.fits(now, self._wait_s)]
        for load in {load for need in full for load in need.loads}:
            load.refused += 1
        self._refusals.add([need.part for need in full])
        told_s = _told_s(self._expected_s(mine, away=True))
        self._promises.give(Promise(mine.number, now + told_s, mine.turn.project, mine.loads))
        return TurnedAway(told_s)

    def _measure(self, mine: _Waiting, now: float) -> None:
        for need in mine.needs:
            for load in need.loads:
                load.turn_s.add(mine.turn.worked_s(now))


class Refusals:
    """Turns turned away: counted, and told of in the log now and then."""

    def __init__(self) -> None:
        self.total = 0
        self._told = 0
        self._parts: set[str] = set()
        self._next: asyncio.TimerHandle | None = None

    def add(self, parts: Iterable[str]) -> None:
        """One more; `parts` are those for which there was no place."""
        self.total += 1
        self._parts.update(parts)
        if self._next is None:
            self._tell()

    def _tell(self) -> None:
        self._next = None
        if self.total > self._told:
            what = ", ".join(sorted(self._parts)) or "any part"
            log.warning("%d turned away with 503: no place to %s", self.total - self._told, what)
            self._told = self.total
            self._parts.clear()
            self._next = asyncio.get_running_loop().call_later(TELL_S, self._tell)


def _told_s(expected_s: float) -> int:
    """What is told of a wait: whole seconds, for some clients read nothing finer, and all are to come when expected."""
    return min(max(math.ceil(expected_s), 1), LONGEST_S)


def _forget(mine: _Waiting) -> None:
    for load in mine.loads:
        load.turns.discard(mine.turn)
        load.coming.discard(mine.turn)
