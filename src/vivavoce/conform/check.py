"""A check: what it expects of a server, how much that matters, and how it came out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from vivavoce.conform.subject import Subject

Weight: TypeAlias = Literal["must", "should", "may"]
"""must: a client breaks without it. should: the original does it. may: more than the original does."""
Result: TypeAlias = Literal["holds", "fails", "skipped"]

Look: TypeAlias = Callable[[Subject], Awaitable[None]]
"""Looks at a server; raises `Failed` or `Skipped`."""


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation."""

    name: str
    weight: Weight
    told: str
    """What is expected, in one sentence."""
    look: Look


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a check came out."""

    check: Check
    result: Result
    why: str = ""
    """In one line; empty where it holds. Never holds speech, text or keys."""


class Group:
    """Checks that belong together. A check's name is its function's, and what it expects is its docstring."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.checks: list[Check] = []

    def add(self, name: str, weight: Weight, told: str, look: Look) -> None:
        """Add a check."""
        self.checks.append(Check(f"{self.name}.{name}", weight, told, look))

    def must(self, look: Look) -> Look:
        """Add a check that clients rely on."""
        return self._from(look, "must")

    def should(self, look: Look) -> Look:
        """Add a check of what the original does."""
        return self._from(look, "should")

    def may(self, look: Look) -> Look:
        """Add a check of what is more than the original does."""
        return self._from(look, "may")

    def _from(self, look: Look, weight: Weight) -> Look:
        self.add(look.__name__.replace("_", "-"), weight, (look.__doc__ or "").strip(), look)
        return look
