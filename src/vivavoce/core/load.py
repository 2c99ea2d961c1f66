"""How busy one engine is, and how long it has been taking: numbers that anybody may read."""

import math
from collections import deque

from vivavoce.core.admitted import Admitted
from vivavoce.core.breaker import Breaker

FULL_RATE = 1.2
"""Seconds of sound made in a second for each conversation: below, a player would soon hear gaps."""
GUESS_S = 1.0
"""Of a call, or a turn, before any has been measured."""
NEWEST = 0.2
"""How much the newest of the measured times counts, over all before it."""


class Average:
    """Of what was measured lately."""

    def __init__(self) -> None:
        self.value: float | None = None

    def add(self, value: float) -> None:
        """Measure once more."""
        self.value = value if self.value is None else self.value + NEWEST * (value - self.value)


class Load:
    """One engine in all its processes. Times are in seconds."""

    def __init__(self, places: int = 1, name: str = "") -> None:
        self.places = places
        """How many calls it serves at once."""
        self.breaker = Breaker(name)
        """Whether it is given a rest."""
        self.busy = 0
        """How many it serves now."""
        self.waiting = 0
        """How many wait for it."""
        self.turns: set[Admitted] = set()
        """Those let in that need it at some time or other."""
        self.coming: set[Admitted] = set()
        """Those let in whose first call is still to come."""
        self.background: set[Admitted] = set()
        """Those let in that need it and give way to all others."""
        self.giving_way = 0
        """How many of the calls that it serves, or that wait for it, are theirs."""
        self.refused = 0
        """How many were turned away because of it."""
        self.call_s = Average()
        self.turn_s = Average()
        self._spoken: deque[tuple[float, float]] = deque(maxlen=32)

    def called(self, took_s: float, sound_s: float) -> None:
        """A call has ended: how long it had its place, and how much sound it made."""
        self.call_s.add(took_s)
        if sound_s:
            self._spoken.append((took_s, sound_s))

    @property
    def pace(self) -> float:
        """Seconds that a second of sound takes, in the calls of late; 0 before there was one."""
        return sum(took for took, _ in self._spoken) / (sum(sound for _, sound in self._spoken) or 1.0)

    @property
    def voices(self) -> float:
        """How many conversations it can speak in at once, each at `FULL_RATE`, if it goes on as of late."""
        return max(1, int(self.places / (self.pace * FULL_RATE))) if self.pace else math.inf

    @property
    def line_s(self) -> float:
        """How long a call that comes now has to wait, as far as anybody can know."""
        before = self.busy + self.waiting - self.giving_way + len(self.coming) - self.places + 1
        return max(before, 0) * (self.call_s.value or GUESS_S) / self.places
