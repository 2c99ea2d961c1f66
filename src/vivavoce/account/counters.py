"""What has been used of each limit: taken all at once or not at all, and given back.

A counter of a minute or a day is a bucket that empties steadily: one request of 500 a minute is forgotten after 120 ms.
One of money, of turns or of what waits in batches only holds what it is given. All sums are of whole numbers: nothing
is lost to rounding, however often something is taken and given back.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from vivavoce.core.levels import Level, What

NS = 1_000_000_000
"""Nanoseconds in a second."""
MINUTE_S, DAY_S = 60, 86_400
DRAINING = ("rpm ", "rpd ", "tpm ")


@dataclass(frozen=True, slots=True)
class Counter:
    """One limit of somebody's."""

    what: What
    whose: str
    """Whose it is, and of which model or month: its name among those of one kind."""
    limit: int
    """At least 1: of what nobody may have there is no counter."""
    drains_s: int | None = None
    """Seconds in which a full one is empty again; None: it holds what it is given."""

    @property
    def name(self) -> str:
        """What it is kept under."""
        return f"{self.what} {self.whose}"


@dataclass(frozen=True, slots=True)
class Take:
    """So much of a counter."""

    counter: Counter
    amount: int = 1


class Full(Exception):
    """A counter has no room for what was to be taken; nothing was."""

    def __init__(self, take: Take, level: Level, wait_s: float | None) -> None:
        """`wait_s`: until there is room; None where time alone makes none."""
        super().__init__(take.counter.name)
        self.take = take
        self.level = level
        self.wait_s = wait_s


class Counters(Protocol):
    """Counts, for one server process or for several: each call is one step that nothing comes between."""

    async def take(self, takes: Sequence[Take]) -> int:
        """Take all of it, or nothing; when that was, by the counters' own clock.

        Raises:
            Full: one has no room; of several, that which takes longest.
        """
        ...

    async def put(self, takes: Iterable[Take], since: int | None = None) -> None:
        """Count what was used beyond any limit, or, where an amount is below zero, give it back.

        `since`: when it was taken; None: now. What has been forgotten meanwhile is not given back as well, or whoever
        keeps what he does not use would have all of it at once in the end.
        """
        ...

    async def level(self, counter: Counter) -> Level:
        """How far one is used."""
        ...

    async def begin(self, counter: Counter, amount: int) -> None:
        """Have one that holds what it is given begin with so much, unless it has more already."""
        ...


class InMemory:
    """`Counters` of one server process."""

    def __init__(self, running: Callable[[], float]) -> None:
        """`running`: seconds since some moment, which nobody can set and which never stand still."""
        self._running = running
        self._marks: dict[str, tuple[int, int]] = {}
        """By name: how full it was, in units times nanoseconds of its period, and when."""

    async def take(self, takes: Sequence[Take]) -> int:
        """See `Counters`."""
        now = self._now()
        waits = [(self._wait(take, now), at) for at, take in enumerate(takes)]
        longest, at = max(waits, default=(0, 0))
        if longest > 0:
            wait_s = None if longest == math.inf else longest / NS
            raise Full(takes[at], self._level(takes[at].counter, now), wait_s)
        self._add(takes, now, now)
        return now

    async def put(self, takes: Iterable[Take], since: int | None = None) -> None:
        """See `Counters`."""
        now = self._now()
        self._add(takes, now, now if since is None else since)

    async def level(self, counter: Counter) -> Level:
        """See `Counters`."""
        return self._level(counter, self._now())

    async def begin(self, counter: Counter, amount: int) -> None:
        """See `Counters`."""
        now = self._now()
        self._marks[counter.name] = (max(self._full(counter, now), amount), now)

    def daily(self, now: float) -> dict[str, tuple[int, float]]:
        """Every counter of a day as it can be kept over a restart: how full it was, and when. Empty ones are forgotten.

        `now`: Unix seconds. Those of a minute are empty by the time a server is there again.
        """
        here = self._now()
        old = [name for name, (_, at) in self._marks.items() if here - at > DAY_S * NS and name.startswith(DRAINING)]
        for name in old:
            del self._marks[name]
        kept = {name: mark for name, mark in self._marks.items() if name.startswith("rpd ")}
        return {name: (mark, now - (here - at) / NS) for name, (mark, at) in kept.items()}

    def restore(self, kept: Mapping[str, tuple[int, float]], now: float) -> None:
        """Go on from what was kept. A clock that was put back meanwhile has emptied nothing, and locks nobody out."""
        for name, (mark, at) in kept.items():
            self._marks[name] = (mark, self._now() - int(max(now - at, 0.0) * NS))

    def _now(self) -> int:
        return int(self._running() * NS)

    def _full(self, counter: Counter, now: int) -> int:
        """How full a counter is, in units times nanoseconds of its period."""
        mark, at = self._marks.get(counter.name, (0, now))
        return mark if counter.drains_s is None else max(mark - counter.limit * (now - at), 0)

    def _wait(self, take: Take, now: int) -> float:
        """Nanoseconds until there is room; without end where time makes none."""
        counter = take.counter
        over = self._full(counter, now) + (take.amount - counter.limit) * _period(counter)
        if over <= 0:
            return 0
        never = counter.drains_s is None or take.amount > counter.limit
        return math.inf if never else _ceil(over, counter.limit)

    def _add(self, takes: Iterable[Take], now: int, since: int) -> None:
        """Add; of what is given back, the share of the period that has gone by since it was taken is forgotten."""
        for take in takes:
            period = _period(take.counter)
            gone = now - since if take.amount < 0 and take.counter.drains_s is not None else 0
            full = self._full(take.counter, now) + take.amount * max(period - gone, 0)
            self._marks[take.counter.name] = (max(full, 0), now)

    def _level(self, counter: Counter, now: int) -> Level:
        full = self._full(counter, now)
        reset_s = 0.0 if counter.drains_s is None else full / counter.limit / NS
        return Level(counter.what, counter.limit, _ceil(full, _period(counter)), reset_s)


def _period(counter: Counter) -> int:
    return 1 if counter.drains_s is None else counter.drains_s * NS


def _ceil(amount: int, of: int) -> int:
    return -(-amount // of)
