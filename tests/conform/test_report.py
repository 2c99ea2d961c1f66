"""What comes out of all outcomes together."""

import pytest

from tests.conform.test_examine import looking
from vivavoce.conform.check import Check, Outcome, Result, Weight
from vivavoce.conform.report import counted, holds

(CHECK,) = looking().checks


def outcome(weight: Weight, result: Result) -> Outcome:
    return Outcome(Check("g.c", weight, "It is there.", CHECK.look), result)


@pytest.mark.parametrize(
    ("weight", "result", "plainly", "strictly"),
    [
        ("must", "holds", True, True),
        ("must", "skipped", True, True),
        ("must", "fails", False, False),
        ("should", "fails", True, False),
        ("may", "fails", True, True),
    ],
)
def test_what_must_hold_decides_and_strictly_what_should(
    weight: Weight, result: Result, plainly: bool, strictly: bool
) -> None:
    outcomes = [outcome("must", "holds"), outcome(weight, result)]
    assert (holds(outcomes, strict=False), holds(outcomes, strict=True)) == (plainly, strictly)


def test_outcomes_are_counted_by_weight() -> None:
    outcomes = [outcome("must", "holds"), outcome("must", "holds"), outcome("may", "skipped")]
    assert counted(outcomes) == {"must": {"holds": 2}, "should": {}, "may": {"skipped": 1}}
