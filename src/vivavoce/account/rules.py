"""What the configuration says of limits. It knows nothing of the store, so that the command line is quick."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vivavoce.account.budgets import Budget
from vivavoce.account.tiers import TIERS, Tier


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says of limits."""

    tiers: tuple[Tier, ...] = TIERS
    """From the lowest to the highest."""
    otherwise: str | None = None
    """The tier of keys that have none; None: nothing limits them."""
    budgets: Mapping[str, Budget] = field(default_factory=dict[str, Budget])
    """By the id of a key, or the name of a project."""
