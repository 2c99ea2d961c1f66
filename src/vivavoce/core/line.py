"""A line in which the urgent goes first, and nobody is kept back by those who ask for most."""

from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands in a line."""

    rank: int = 0
    """The lower, the sooner."""
    project: str = ""
    """Within a rank projects take turns."""
    turn: int = 0
    """Within a project the turns of conversations do."""


class Line(Generic[H]):
    """Those who wait; each only once."""

    def __init__(self) -> None:
        self._ranks: dict[int, dict[str, dict[int, dict[H, None]]]] = {}
        self._where: dict[H, Standing] = {}

    def __len__(self) -> int:
        return len(self._where)

    def __iter__(self) -> Iterator[H]:
        """In the order in which they would be served were nobody to come any more."""
        for rank in sorted(self._ranks):
            yield from _by_turns(_by_turns(turns.values()) for turns in self._ranks[rank].values())

    def join(self, who: H, standing: Standing) -> None:
        """Wait, behind those who stand alike."""
        projects = self._ranks.setdefault(standing.rank, {})
        projects.setdefault(standing.project, {}).setdefault(standing.turn, {})[who] = None
        self._where[who] = standing

    def leave(self, who: H) -> None:
        """Wait no more."""
        at = self._where.pop(who)
        projects = self._ranks[at.rank]
        turns = projects[at.project]
        del turns[at.turn][who]
        if not turns[at.turn]:
            del turns[at.turn]
        if not turns:
            del projects[at.project]
        if not projects:
            del self._ranks[at.rank]

    def serve(self, who: H) -> None:
        """Wait no more, having been served: others of that project, and of that turn, are behind the rest now."""
        at = self._where[who]
        self.leave(who)
        projects = self._ranks.get(at.rank, {})
        turns = projects.get(at.project, {})
        if at.turn in turns:
            turns[at.turn] = turns.pop(at.turn)
        if turns:
            projects[at.project] = projects.pop(at.project)


def _by_turns(several: Iterable[Iterable[T]]) -> Iterator[T]:
    """The first of each, then the second of each, and so on."""
    waiting = deque(map(iter, several))
    while waiting:
        one = waiting.popleft()
        for item in one:
            yield item
            waiting.append(one)
            break
