"""What those who were turned away were told: until they come back, they stand before whoever comes after them.

    turned away ─► a promise: its number, and when it is due
    come back   ─► the promise is kept or given anew, its number the same: nobody who came later is before it

Nobody need come back. A promise that is overdue is forgotten.
"""

import itertools
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from dataclasses import dataclass

from vivavoce.core.load import Load

MOST = 500
"""Those that are counted; who is turned away beyond them is told what the last of them was."""
LATE_S = 1.0
"""Who comes back so much later is still the one that was told: clients have their way to go."""


@dataclass(frozen=True, slots=True)
class Promise:
    """When one who was turned away was told to come back, by the event loop's clock."""

    number: int
    due: float
    project: str
    loads: frozenset[Load]
    """Of every engine that it may be served by."""


class Promises:
    """All that were given, and are not overdue."""

    def __init__(self) -> None:
        self._given: list[Promise] = []
        """The first due first."""
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._given)

    def number(self, project: str, loads: frozenset[Load], now: float) -> int:
        """The number of one who comes: of the first promise that is due to its like, or a new one."""
        del self._given[: bisect_left(self._given, now - LATE_S, key=_due)]
        due = self._given[: bisect_right(self._given, now, key=_due)]
        alike = [each for each in due if (each.project, each.loads) == (project, loads)]
        if not alike:
            return next(self._numbers)
        mine = min(alike, key=lambda each: each.number)
        self._given.remove(mine)
        return mine.number

    def give(self, promise: Promise) -> None:
        """Have it stand before others from now on."""
        if len(self._given) < MOST:
            insort(self._given, promise, key=_due)

    def before(self, number: int, project: str, loads: frozenset[Load], until: float) -> list[Promise]:
        """Those due by then that stand before a number for any of these engines, the first due first.

        Projects take turns: of another one there are as many as of its own, and one more.
        """
        due = self._given[: bisect_right(self._given, until, key=_due)]
        given = [each for each in due if each.number < number and not loads.isdisjoint(each.loads)]
        own, of = sum(each.project == project for each in given), Counter[str]()
        found: list[Promise] = []
        for each in given:
            of[each.project] += 1
            if each.project == project or of[each.project] <= own + 1:
                found.append(each)
        return found


def _due(promise: Promise) -> float:
    return promise.due
