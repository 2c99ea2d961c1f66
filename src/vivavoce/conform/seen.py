"""Reading answers strictly: what is not as expected is told by its place and its kind, never by its words."""

import json
import re
from typing import Any, NoReturn, cast

IDENTIFIER = re.compile(r"[\w.\-\[\]/]{1,64}", re.ASCII)


class Failed(Exception):
    """What was expected did not come."""


class Skipped(Exception):
    """There is nothing here to check."""


def fail(expected: str, came: str) -> NoReturn:
    """Say what was expected and what came.

    Raises:
        Failed: always.
    """
    raise Failed(f"expected {expected}, came {came}")


def kind_of(value: object) -> str:
    """A value as it may be told: numbers themselves, of text and the rest only how much it is."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)[:32]
        case str():
            return f"a text of {len(value)} characters" if value else "an empty text"
        case list():
            return f"a list of {len(cast('list[object]', value))}"
        case _:
            return "an object"


class Seen:
    """A JSON value, and where it stands. Every method raises `Failed` where the value is not so."""

    def __init__(self, value: object, where: str = "") -> None:
        self.value = value
        self.where = where

    @classmethod
    def parsed(cls, text: str | bytes, where: str) -> "Seen":
        """The value of a JSON text."""
        try:
            return cls(json.loads(text), where)
        except (ValueError, RecursionError):
            fail(f"JSON in {where}", f"{len(text)} of something else")

    def __getitem__(self, key: str) -> "Seen":
        fields = self.fields()
        if key not in fields:
            fail(self._under(key), "nothing")
        return Seen(fields[key], self._under(key))

    def get(self, key: str) -> "Seen | None":
        """What stands under a key; None where there is nothing, or null."""
        value = self.fields().get(key)
        return None if value is None else Seen(value, self._under(key))

    def fields(self) -> dict[str, Any]:
        """All keys and values of an object."""
        if not isinstance(self.value, dict):
            self.is_not("an object")
        return cast("dict[str, Any]", self.value)

    def items(self, least: int = 0) -> "list[Seen]":
        """The items of a list that has at least so many."""
        if not isinstance(self.value, list) or len(cast("list[object]", self.value)) < least:
            self.is_not(f"a list of at least {least}" if least else "a list")
        return [Seen(item, f"{self.where}[{index}]") for index, item in enumerate(cast("list[object]", self.value))]

    def text(self, *, filled: bool = True) -> str:
        """A text; with `filled` one that says something."""
        if not isinstance(self.value, str) or (filled and not self.value.strip()):
            self.is_not("a text")
        return self.value

    def whole(self, least: int = 0) -> int:
        """A whole number of at least so much."""
        if not isinstance(self.value, int) or isinstance(self.value, bool) or self.value < least:
            self.is_not(f"a whole number of at least {least}")
        return self.value

    def number(self) -> float:
        """A number."""
        if not isinstance(self.value, int | float) or isinstance(self.value, bool):
            self.is_not("a number")
        return self.value

    def near(self, wanted: float, slack: float) -> None:
        """It is a number that is `wanted`, but for `slack`."""
        if abs(self.number() - wanted) > slack:
            self.is_not(f"{wanted:g} (± {slack:g})")

    def null(self) -> None:
        """It is null."""
        if self.value is not None:
            self.is_not("null")

    def one_of(self, *words: str | None) -> None:
        """It is one of these words, such as a code."""
        if self.value not in words:
            name = isinstance(self.value, str) and IDENTIFIER.fullmatch(self.value)
            fail(f"{self.where}: {' or '.join(map(str, words))}", str(self.value) if name else kind_of(self.value))

    def is_not(self, expected: str) -> NoReturn:
        """Say that it is not what was expected."""
        fail(f"{self.where or 'the answer'}: {expected}", kind_of(self.value))

    def _under(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key
