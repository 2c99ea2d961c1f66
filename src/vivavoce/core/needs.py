"""What a turn needs of engines, and whether they can carry it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from vivavoce.core.errors import EngineDown
from vivavoce.core.load import GUESS_S, Load

Part: TypeAlias = Literal["hear", "think", "speak", "respond"]


@dataclass(frozen=True, slots=True)
class Need:
    """Engines that play one part in a turn, any of which may do it."""

    part: Part
    loads: Sequence[Load]

    def down(self) -> EngineDown | None:
        """What is told of them, where all of them are given a rest."""
        if any(load.breaker.state != "open" for load in self.loads):
            return None
        return min((load.breaker.down() for load in self.loads), key=lambda down: down.retry_after_s or 0.0)

    def fits(self, now: float, wait_s: float) -> bool:
        """Whether they can carry one turn more: without slowing those they carry, or keeping it waiting too long."""
        if self.part == "hear":
            return any(load.line_s <= wait_s for load in self.loads)
        return any(_count(load, now) < self.most(load) for load in self.loads)

    def wait_s(self, now: float, wait_s: float, before: int) -> float:
        """How long until they can, for one with so many `before` it at the door."""
        return min(self._free_s(load, now, wait_s, before) for load in self.loads)

    def most(self, load: Load) -> float:
        """How many turns an engine carries. One that only speaks has a place for each piece, not for each turn."""
        if self.part == "think":
            return load.places
        return load.voices if self.part == "speak" else min(load.places, load.voices)

    def _free_s(self, load: Load, now: float, wait_s: float, before: int) -> float:
        if self.part == "hear":
            each_s = (load.call_s.value or GUESS_S) / load.places
            return max(0.0, load.line_s - wait_s + before * each_s)
        turn_s = load.turn_s.value or GUESS_S
        # one that takes longer than they do will not take for ever
        left = sorted(max(turn_s - turn.worked_s(now), turn_s / 4) for turn in load.turns if not turn.held_up(now))
        ending = before + len(left) - self.most(load)  # which of them has to end, counted from 0
        if not left or ending < 0:
            return 0.0
        rounds, which = divmod(int(ending), len(left))
        return rounds * turn_s + left[which]


def _count(load: Load, now: float) -> int:
    """The turns that an engine carries now."""
    return sum(not turn.held_up(now) for turn in load.turns)
