"""How far a limit has been used up: what is told of it, whoever counts and whoever tells."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

What: TypeAlias = Literal["rpm", "rpd", "tpm", "queue", "turns", "usd"]
"""Requests a minute, requests a day, tokens a minute, tokens that wait in batches, turns at once, money."""


@dataclass(frozen=True, slots=True)
class Level:
    """A limit, and how much of it is taken. Money is counted in millionths of a millionth of a dollar."""

    what: What
    limit: int
    used: int
    reset_s: float = 0.0
    """Until nothing of it is taken any more, if nothing is added; 0 where that is not a matter of time."""

    @property
    def remaining(self) -> int:
        """How much of it is left."""
        return max(self.limit - self.used, 0)
