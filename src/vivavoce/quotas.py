"""What a configuration says of limits: of the server itself, of tiers, and of budgets."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from vivavoce.account.budgets import Budget
from vivavoce.account.rules import Rules
from vivavoce.account.tiers import TIERS, Earned, Tier

Most: TypeAlias = Annotated[int, Meta(ge=1, le=10**15)] | Literal["none"]
Waiting: TypeAlias = Annotated[int, Meta(ge=0, le=10**15)] | Literal["none"]
"""0: no batches."""


class LimitsConfig(Struct, forbid_unknown_fields=True):
    """`[limits]`."""

    body_mb: Annotated[float, Meta(gt=0)] = 48
    file_mb: Annotated[float, Meta(gt=0)] = 512
    """Of one file that is sent to be kept."""
    audio_seconds: Annotated[float, Meta(gt=0)] = 600
    pdf_pages: Annotated[int, Meta(ge=1)] = 100
    pdf_mb: Annotated[float, Meta(gt=0)] = 32
    wait_ms: Annotated[float, Meta(ge=0)] = 2000
    connections: Annotated[int, Meta(ge=1)] = 512
    tier: str | None = None
    """Of keys that have none of their own; unset: nothing limits these."""
    promote: bool = True
    """Whether keys rise through the tiers."""


class BatchesConfig(Struct, forbid_unknown_fields=True):
    """`[batches]`."""

    at_once: Annotated[int, Meta(ge=1, le=1000)] = 8
    """Lines that are worked on at a time, while nobody talks; fewer where the engines have fewer places."""
    beside: Annotated[int, Meta(ge=0, le=1000)] = 0
    """Of these, how many go on while somebody does."""
    price_factor: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """What a line costs, of the model's price; half of it is the original's."""


class TierConfig(Struct, forbid_unknown_fields=True):
    """`[tiers.NAME]`: what is unset is as shipped, and without limit in a tier that is not."""

    rpm: Most | None = None
    rpd: Most | None = None
    tpm: Most | None = None
    queue: Waiting | None = None
    turns: Most | None = None
    after_requests: Annotated[int, Meta(ge=0)] | None = None
    after_usd: Annotated[float, Meta(ge=0, le=1e9)] | None = None


class BudgetConfig(Struct, forbid_unknown_fields=True):
    """`[budgets.NAME]`, of a project, or of a key by its id."""

    usd: Annotated[float, Meta(ge=0, le=1e6)]
    every: Literal["day", "month", "ever"] = "month"


def rules(limits: LimitsConfig, tiers: Mapping[str, TierConfig], budgets: Mapping[str, BudgetConfig]) -> Rules:
    """The rules that these tables make."""
    made = {tier.name: tier for tier in TIERS}
    for name, said in tiers.items():
        made[name] = _changed(made.get(name, Tier(name)), said)
    kept = made.values() if limits.promote else [replace(tier, earned=None) for tier in made.values()]
    spent = {name: Budget(_exactly(budget.usd), budget.every) for name, budget in budgets.items()}
    return Rules(tuple(kept), limits.tier, spent)


def batched(batches: BatchesConfig) -> Decimal:
    """What a line of a batch costs, of the price."""
    return _exactly(batches.price_factor)


def tier_names(tiers: Mapping[str, TierConfig]) -> list[str]:
    """Every tier there is."""
    return list(dict.fromkeys([*(tier.name for tier in TIERS), *tiers]))


def _changed(tier: Tier, said: TierConfig) -> Tier:
    given = {name: getattr(said, name) for name in ("rpm", "rpd", "tpm", "queue", "turns")}
    changes: dict[str, Any] = {
        name: None if value == "none" else value for name, value in given.items() if value is not None
    }
    if said.after_requests is not None or said.after_usd is not None:
        before = tier.earned or Earned()
        requests = before.requests if said.after_requests is None else said.after_requests
        changes["earned"] = Earned(requests, before.usd if said.after_usd is None else _exactly(said.after_usd))
    return replace(tier, **changes)


def _exactly(number: float) -> Decimal:
    """The decimal that was written, not the binary fraction nearest to it."""
    return Decimal(str(number))
