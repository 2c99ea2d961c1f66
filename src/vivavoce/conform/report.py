"""What came out, summed up, and as JSON."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import get_args

from vivavoce.conform.check import Outcome, Result, Weight
from vivavoce.conform.subject import Subject


def counted(outcomes: Sequence[Outcome]) -> dict[Weight, Counter[Result]]:
    """How many of each weight came out how."""
    weights: tuple[Weight, ...] = get_args(Weight)
    return {weight: Counter(each.result for each in outcomes if each.check.weight == weight) for weight in weights}


def holds(outcomes: Sequence[Outcome], *, strict: bool) -> bool:
    """Whether all holds that must; with `strict`, that should too."""
    demanded = {"must", "should"} if strict else {"must"}
    return not any(each.result == "fails" and each.check.weight in demanded for each in outcomes)


def as_json(subject: Subject, outcomes: Sequence[Outcome], version: str) -> str:
    """Everything, for programs."""
    names = subject.names
    results: tuple[Result, ...] = get_args(Result)
    told = {
        "server": subject.base,
        "vivavoce": version,
        "models": {"chat": names.chat, "speech": names.speech, "hearing": names.hearing, "captions": names.captions},
        "voice": names.voice,
        "requests": subject.requests,
        "summary": {
            weight: {result: count[result] for result in results} for weight, count in counted(outcomes).items()
        },
        "checks": [
            {
                "name": each.check.name,
                "weight": each.check.weight,
                "expected": each.check.told,
                "outcome": each.result,
                "why": each.why,
            }
            for each in outcomes
        ],
    }
    return json.dumps(told, indent=2, ensure_ascii=False)
