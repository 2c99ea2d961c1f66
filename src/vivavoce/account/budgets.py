"""What a key or a project may spend, and in which time."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, TypeAlias

from vivavoce.account.prices import UNIT

Every: TypeAlias = Literal["day", "month", "ever"]
LENGTHS: dict[Every, int] = {"day": 10, "month": 7, "ever": 0}
"""How much of a date, as ISO 8601 writes it, names the time a budget is for."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a key or a project may spend."""

    usd: Decimal
    every: Every = "month"
    """Days and months are those of UTC."""

    @property
    def units(self) -> int:
        """As a whole number of `UNIT`, rounded down."""
        return units(self.usd)

    def period(self, now: float) -> tuple[str, float]:
        """The name of the time that now, in Unix seconds, belongs to, and when it began."""
        day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        name = day.date().isoformat()[: LENGTHS[self.every]]
        first = {"day": day, "month": day.replace(day=1), "ever": datetime.fromtimestamp(0, UTC)}[self.every]
        return name, first.timestamp()


def units(usd: Decimal) -> int:
    """USD as a whole number of `UNIT`, rounded down."""
    return int(usd / UNIT)
