"""What is wrong with a TOML file, and on which line."""

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from vivavoce.kinds import Mistake, Steps

Weight: TypeAlias = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is said of one place. Only an error keeps a file from being used."""

    said: str
    weight: Weight = "error"
    path: Path | None = None
    line: int = 0

    def __str__(self) -> str:
        """It in one line."""
        place = "" if self.path is None else f"{self.path}:{self.line}: "
        return f"{place}{'' if self.weight == 'error' else f'{self.weight}: '}{' '.join(self.said.split())}"


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read."""

    path: Path
    text: str
    raw: dict[str, Any]
    """What it holds, every variable read."""
    written: dict[str, Any]
    """What it holds as it is written."""
    unset: tuple[Mistake, ...] = ()
    """Variables that are not set."""

    def problem(self, steps: Steps, said: str, weight: Weight = "error") -> Problem:
        """What is said of a value: its line, and for what a variable holds the variable's name."""
        for (_, secret), (_, name) in zip(texts(self.raw, steps), texts(self.written, steps), strict=True):
            said = said.replace(secret, name) if secret else said
        return Problem(said, weight, self.path, _line_of(steps, self.text))

    def texts(self, *steps: str) -> Iterator[tuple[Steps, str]]:
        """Every text at a place and inside it, with the keys that lead there."""
        yield from texts(self.raw, steps)

    def keys(self, table: str) -> list[str]:
        """The keys of a table, whatever else is wrong with it."""
        return [steps[1] for steps in _lines(self.text) if len(steps) == 2 and steps[0] == table]

    def besides(self, mistakes: Iterable[Mistake]) -> list[Mistake]:
        """Mistakes that are not of a variable that is not set."""
        unset = {steps for steps, _ in self.unset}
        return [mistake for mistake in mistakes if mistake[0] not in unset]

    def holds(self, *steps: str) -> bool:
        """Whether there is such a key."""
        return _line_of(steps, self.text, exactly=True) > 0


def texts(value: Any, steps: Sequence[str] = (), begun: Steps = ()) -> Iterator[tuple[Steps, str]]:
    """Every text in what `steps` lead to, with the keys that lead to it."""
    if isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            if not steps or key == steps[0]:
                yield from texts(item, steps[1:], (*begun, key))
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from texts(item, (), begun)
    elif isinstance(value, str):
        yield begun, value


def _line_of(steps: Steps, text: str, *, exactly: bool = False) -> int:
    """The line on which a value's key stands; a place in a list stands where the list does. 0: nowhere."""
    lines = _lines(text)
    for end in range(len(steps), len(steps) - 1 if exactly else 0, -1):
        if steps[:end] in lines:
            return lines[steps[:end]]
    return 0 if exactly else 1


@lru_cache(maxsize=4)
def _lines(text: str) -> dict[Steps, int]:
    """The line of every key: where the file, read so far, first has it."""
    found: dict[Steps, int] = {}
    lines = text.splitlines(keepends=True)
    complete = 0
    for number in range(1, len(lines) + 1):
        try:
            known = tomllib.loads("".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue  # in the middle of a value of several lines
        for steps in _keys(known, ()):
            found.setdefault(steps, complete + 1)
        complete = number
    return found


def _keys(table: dict[str, Any], steps: Steps) -> Iterator[Steps]:
    for key, value in table.items():
        yield (*steps, key)
        if isinstance(value, dict):
            yield from _keys(cast("dict[str, Any]", value), (*steps, key))
