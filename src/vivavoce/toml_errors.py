"""What is wrong with a TOML file, and on which line."""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import Struct


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read."""

    path: Path
    text: str
    raw: dict[str, Any]
    """What it holds."""

    def at(self, *steps: str) -> str:
        """The place of a value in it, by the keys that lead there: the file and the line."""
        return f"{self.path}:{_line_of(steps, self.text)}"


def explain(error: msgspec.ValidationError, source: Source, tables: Mapping[str, type[Struct]]) -> str:
    """What is wrong, its line, and for an unknown key the nearest known one."""
    what, _, where = str(error).partition(" - at `$")
    steps = _named(re.findall(r"\.{3}|[^.\[\]`]+", where), source.raw, tables)
    dotted = ".".join(steps)
    unknown = re.fullmatch(r"Object contains unknown field `(.+)`", what)
    if not unknown:
        return f"{source.at(*steps)}: {dotted}: {what[0].lower()}{what[1:]}"
    known = list(tables[steps[0] if steps else ""].__struct_fields__)
    near = difflib.get_close_matches(unknown[1], known, 1)
    hint = f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(known)}"
    return f"{source.at(*steps, unknown[1])}: unknown key '{unknown[1]}'{f' in [{dotted}]' if steps else ''}{hint}"


def _named(steps: list[str], raw: dict[str, Any], tables: Mapping[str, type[Struct]]) -> list[str]:
    """The steps to a value, where msgspec writes `...` for the name of an engine or a model."""
    if steps[1:2] != ["..."]:
        return steps
    kind = tables[steps[0]]
    for name, table in raw[steps[0]].items():
        try:
            msgspec.convert(table, kind)
        except msgspec.ValidationError:
            return [steps[0], name, *steps[2:]]
    return steps


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


def _has(table: Any, steps: Sequence[str]) -> bool:
    for step in steps:
        if not isinstance(table, dict):
            return True  # a place in a list: its line is the list's
        if step not in table:
            return False
        table = cast("dict[str, Any]", table)[step]
    return True
