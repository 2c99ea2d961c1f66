"""What tokens cost: to the last digit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.account.prices import UNIT, Cost, cost, credits_of, plain, usd, written
from vivavoce.core.models import Price
from vivavoce.core.turn import Usage

MINI = Price(Decimal("0.15"), Decimal("0.6"), Decimal(10), Decimal(20))
LARGE = Price(Decimal("2.5"), Decimal(10), Decimal(40), Decimal(80))
MILLION = 1_000_000

prices = st.decimals(0, 1000, places=6)
tokens = st.integers(0, 10**7)


@pytest.mark.parametrize(
    ("price", "usage", "dollars"),
    [
        (MINI, Usage(), "0"),
        (MINI, Usage(text_in=1), "0.00000015"),
        (MINI, Usage(text_out=1), "0.0000006"),
        (MINI, Usage(text_in=128_000, audio_out=16_384), "0.34688"),
        (MINI, Usage(text_in=14, text_out=14, audio_out=30), "0.0006105"),
        (LARGE, Usage(text_in=14, text_out=14, audio_out=33), "0.002815"),
        (LARGE, Usage(audio_in=8 * 6000), "1.92"),
        (MINI, Usage(text_in=100, cached=100), "0.000015"),
        (None, Usage(128_000, 128_000, 16_384, 16_384), "0"),
    ],
)
def test_costs_at_the_edges(price: Price | None, usage: Usage, dollars: str) -> None:
    assert cost(price, usage).usd == Decimal(dollars)


@given(st.builds(Price, prices, prices, prices, prices), st.lists(st.builds(Usage, tokens, tokens, tokens, tokens)))
def test_the_sum_of_costs_is_the_cost_of_the_sums(price: Price, usages: list[Usage]) -> None:
    costs = [cost(price, usage) for usage in usages]
    names = ("text_in", "text_out", "audio_in", "audio_out")
    dollars = sum(sum(getattr(each, name) for each in usages) * getattr(price, name) for name in names)
    assert usd(sum(each.read + each.made for each in costs)) * MILLION == dollars


def test_a_finer_price_is_rounded_once_for_each_direction() -> None:
    fine = Price(*([Decimal("0.0000005")] * 4))
    assert cost(fine, Usage(text_in=1, audio_in=1, text_out=3)) == Cost(1, 2)
    assert cost(fine, Usage(text_in=1, text_out=3)) == Cost(0, 2)  # halves go to the even number
    assert usd(1) == UNIT


def test_a_price_is_written_so_that_it_can_be_read_again() -> None:
    assert written(MINI) == "0.15/0.6/10/20"
    assert written(None) == ""
    free = Price(*([Decimal("0.0")] * 4))
    assert written(free) == "0/0/0/0"
    assert [plain(Decimal(each)) for each in ("1E+3", "1E-7", "0.10", "0")] == ["1000", "0.0000001", "0.1", "0"]


def test_credits_are_two_million_a_dollar() -> None:
    assert [credits_of(Decimal(each)) for each in ("0", "5", "0.05", "0.00000025", "0.00000024")] == [
        0,
        10_000_000,
        100_000,
        1,
        0,
    ]
