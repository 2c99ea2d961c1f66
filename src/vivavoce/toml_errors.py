"""What is wrong with a TOML file, and on which line."""

import difflib
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read."""

    path: Path
    text: str
    raw: dict[str, Any]
    """What it holds, every variable read."""
    written: dict[str, Any]
    """What it holds as it is written."""

    def at(self, *steps: str) -> str:
        """The place of a value in it, by the keys that lead there: the file and the line."""
        return f"{self.path}:{_line_of(steps, self.text)}"

    def values(self) -> Iterator[tuple[list[str], str]]:
        """Every text in it as it is written, with the keys that lead there."""
        yield from _texts(self.written, [])


def wrong(value: Any, kind: Any, source: Source, steps: Sequence[str]) -> Iterator[str]:
    """What is wrong with a value that should be of some kind: its line, and for an unknown key the nearest known one.

    `steps` are the keys that lead to it.
    """
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        steps = [*steps, *re.findall(r"[^.\[\]`]+", where)]
    else:
        return
    dotted = ".".join(steps)
    unknown = re.fullmatch(r"Object contains unknown field `(.+)`", what)
    if not unknown:
        yield f"{source.at(*steps)}: {dotted}: {what[0].lower()}{what[1:]}"
        return
    known = list(kind.__struct_fields__)
    near = difflib.get_close_matches(unknown[1], known, 1)
    hint = f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(known)}"
    yield f"{source.at(*steps, unknown[1])}: unknown key '{unknown[1]}'{f' in [{dotted}]' if steps else ''}{hint}"


def _line_of(steps: Sequence[str], text: str) -> int:
    """The line on which a value's key stands: where the file, read so far, first has it."""
    lines = text.splitlines(keepends=True)
    complete = 0
    for number in range(1, len(lines) + 1):
        try:
            known = tomllib.loads("".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue  # in the middle of a value of several lines
        if _has(known, steps):
            return complete + 1
        complete = number
    return 1


def _texts(value: Any, steps: list[str]) -> Iterator[tuple[list[str], str]]:
    if isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            yield from _texts(item, [*steps, key])
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _texts(item, steps)
    elif isinstance(value, str):
        yield steps, value


def _has(table: Any, steps: Sequence[str]) -> bool:
    for step in steps:
        if not isinstance(table, dict):
            return True  # a place in a list: its line is the list's
        if step not in table:
            return False
        table = cast("dict[str, Any]", table)[step]
    return True
