"""The six tiers as shipped, and how one rises through them."""

from decimal import Decimal

import pytest

from vivavoce.account.tiers import TIERS, Earned, Tier, tier_of

MILLION = 1_000_000


def test_the_tiers_are_those_of_the_models_page() -> None:
    assert [(tier.name, tier.rpm, tier.rpd, tier.tpm, tier.queue) for tier in TIERS] == [
        ("free", 3, 200, 40_000, 0),
        ("1", 500, 10_000, 200_000, 2 * MILLION),
        ("2", 5_000, None, 2 * MILLION, 20 * MILLION),
        ("3", 5_000, None, 4 * MILLION, 40 * MILLION),
        ("4", 10_000, None, 10 * MILLION, 1_000 * MILLION),
        ("5", 30_000, None, 150 * MILLION, 15_000 * MILLION),
    ]


@pytest.mark.parametrize(
    ("requests", "usd", "name"),
    [
        (0, "0", "free"),
        (100, "4.999999999999", "free"),
        (99, "5", "free"),
        (100, "5", "1"),
        (999, "50", "1"),
        (1_000, "50", "2"),
        (5_000, "100", "3"),
        (10_000, "250", "4"),
        (50_000, "999.99", "4"),
        (50_000, "1000", "5"),
        (10**9, "100000", "5"),
    ],
)
def test_one_rises_by_requests_and_spend_together(requests: int, usd: str, name: str) -> None:
    assert tier_of("free", Earned(requests, Decimal(usd))).name == name


def test_nobody_falls_below_the_tier_that_was_given() -> None:
    assert tier_of("4", Earned()).name == "4"
    assert tier_of("4", Earned(1_000, Decimal(50))).name == "4"
    assert tier_of("4", Earned(50_000, Decimal(1_000))).name == "5"


def test_what_cannot_be_earned_is_only_given() -> None:
    tiers = (Tier("free", 3), Tier("staff"), Tier("paid", 10, earned=Earned(1)))
    assert tier_of("free", Earned(10**6, Decimal(10**6)), tiers).name == "paid"
    assert tier_of("free", Earned(), tiers).name == "free"
    assert tier_of("staff", Earned(), tiers).name == "staff"


def test_a_name_that_is_not_there_is_the_lowest() -> None:
    assert tier_of("gold", Earned()).name == "free"
