"""How much a caller may ask for: the tiers of the original's page of the model, and how one rises through them.

Source of the numbers: the wire reference, section 5.2. What a tier is earned by is not on that page, which says only
that one rises with requests and spend; the sums of money are those the original has made public, the requests ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Tier:
    """What a key may use of one model; None: as much as it likes."""

    name: str
    rpm: int | None = None
    """Requests a minute."""
    rpd: int | None = None
    """Requests a day."""
    tpm: int | None = None
    """Tokens a minute, read and written."""
    queue: int | None = None
    """Tokens of prompts that may wait in batches; 0: it may send no batches."""
    turns: int | None = None
    """Requests worked on at once, of all models."""
    earned: "Earned | None" = None
    """What a key has to have done to rise to it; None: it is given, and never earned."""


@dataclass(frozen=True, slots=True)
class Earned:
    """What a project has done so far, or must have done: all of it."""

    requests: int = 0
    usd: Decimal = Decimal(0)

    def reaches(self, wanted: "Earned") -> bool:
        """Whether it is enough."""
        return self.requests >= wanted.requests and self.usd >= wanted.usd


TIERS = (
    Tier("free", 3, 200, 40_000, 0),
    Tier("1", 500, 10_000, 200_000, 2_000_000, earned=Earned(100, Decimal(5))),
    Tier("2", 5_000, None, 2_000_000, 20_000_000, earned=Earned(1_000, Decimal(50))),
    Tier("3", 5_000, None, 4_000_000, 40_000_000, earned=Earned(5_000, Decimal(100))),
    Tier("4", 10_000, None, 10_000_000, 1_000_000_000, earned=Earned(10_000, Decimal(250))),
    Tier("5", 30_000, None, 150_000_000, 15_000_000_000, earned=Earned(50_000, Decimal(1_000))),
)
"""As shipped, from the lowest to the highest."""


def tier_of(given: str, done: Earned, tiers: Sequence[Tier] = TIERS) -> Tier:
    """The tier that holds for a key: the one it was given, or the highest that was earned above it.

    A name that is not there, as after a change of the configuration, is the lowest: nobody gains by a mistake.
    """
    given_at = next((at for at, tier in enumerate(tiers) if tier.name == given), 0)
    above = [tier for tier in tiers[given_at + 1 :] if tier.earned is not None and done.reaches(tier.earned)]
    return above[-1] if above else tiers[given_at]
