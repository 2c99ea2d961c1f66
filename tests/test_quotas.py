"""Tiers, limits and budgets as a configuration says them."""

from decimal import Decimal
from pathlib import Path

import pytest

from vivavoce import checking
from vivavoce.account.budgets import Budget
from vivavoce.account.rules import Rules
from vivavoce.account.tiers import TIERS, Earned, Tier
from vivavoce.config import load, read
from vivavoce.quotas import rules

WHOLE = """
[limits]
tier = "team"
[tiers.free]
rpm = 10
rpd = "none"
turns = 2
[tiers.1]
after_requests = 7
[tiers.team]
tpm = 1000
queue = 0
after_usd = 2.35
[budgets.shop]
usd = 0.1
[budgets.key_1]
usd = 20
every = "day"
"""


def said(path: Path, text: str) -> Rules:
    file = path / "vivavoce.toml"
    file.write_text(text)
    config = load(file)
    return rules(config.limits, config.tiers, config.budgets)


def test_without_a_word_the_tiers_are_as_shipped_and_nothing_limits_keys_without_one(tmp_path: Path) -> None:
    assert said(tmp_path, "") == Rules(TIERS, None, {})


def test_what_is_said_of_a_tier_changes_that_and_a_new_one_stands_last(tmp_path: Path) -> None:
    made = said(tmp_path, WHOLE)
    assert made.otherwise == "team"
    assert [tier.name for tier in made.tiers] == ["free", "1", "2", "3", "4", "5", "team"]
    assert made.tiers[0] == Tier("free", 10, None, 40_000, 0, 2)
    assert made.tiers[1].earned == Earned(7, Decimal(5))
    assert made.tiers[2:6] == TIERS[2:]
    assert made.tiers[6] == Tier("team", tpm=1_000, queue=0, earned=Earned(0, Decimal("2.35")))
    assert made.budgets == {"shop": Budget(Decimal("0.1")), "key_1": Budget(Decimal(20), "day")}


def test_nobody_rises_where_the_file_says_so(tmp_path: Path) -> None:
    assert all(tier.earned is None for tier in said(tmp_path, "[limits]\npromote = false\n").tiers)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[tiers.free]\nrpn = 3\n", "2: unknown key 'rpn' in [tiers.free]; did you mean 'rpm'?"),
        ("[tiers.free]\nrpm = 0\n", "2: tiers.free.rpm: expected `int` >= 1"),
        ('[tiers.free]\nrpm = "all"\n', "2: tiers.free.rpm: invalid enum value 'all'"),
        ("[budgets.shop]\nusd = -1\n", "2: budgets.shop.usd: expected `float` >= 0.0"),
        ('[budgets.shop]\nevery = "day"\n', "1: [budgets.shop] lacks 'usd'"),
        ('[budgets.shop]\nusd = 1\nevery = "week"\n', "3: budgets.shop.every: invalid enum value 'week'; known: day"),
        ('[limits]\ntier = "fre"\n', "2: [limits] tier: there is no tier 'fre'; did you mean 'free'?"),
        ('[limits]\ntier = "gold"\n', "2: [limits] tier: there is no tier 'gold'; known: free, 1, 2, 3, 4, 5"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "vivavoce.toml"
    file.write_text(text)
    config, problems = read(file)
    found = [str(each) for each in (*problems, *checking.no_tier(config))]
    assert any(complaint in each for each in found), found
