"""A watch that writes down what it is told, and a clock that a test moves."""

from dataclasses import dataclass, field

from vivavoce.core.watching import Cache, Kind, Outcome, Stage


@dataclass
class Noted:
    """One piece of work, as it was told."""

    what: tuple[str, ...]
    items: list[object] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    def told(self, item: object) -> None:
        assert not self.outcomes
        self.items.append(item)

    def ended(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


class Notes:
    """All of it, in the order in which it began."""

    def __init__(self) -> None:
        self.work: list[Noted] = []
        self.lookups: list[tuple[str, bool]] = []

    def call(self, stage: Stage, engine: str) -> Noted:
        return self._note(stage, engine)

    def turn(self, kind: Kind, model: str, *, streamed: bool) -> Noted:
        return self._note(kind, model, "streamed" if streamed else "whole")

    def looked_up(self, cache: Cache, *, found: bool) -> None:
        self.lookups.append((cache, found))

    def _note(self, *what: str) -> Noted:
        self.work.append(Noted(what))
        return self.work[-1]

    @property
    def ends(self) -> list[tuple[str, ...]]:
        """What each was, how many items it gave, and how it ended; each ended once."""
        assert all(len(each.outcomes) == 1 for each in self.work)
        return [(*each.what, str(len(each.items)), *each.outcomes) for each in self.work]


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds
