"""What engines say of themselves before they are loaded, told by a process of its own: their code stays out of ours.

`python -m vivavoce.declared` reads what is asked as JSON and answers line by line. Of an engine's class it takes

    Options                       what `options` may be, with the types of `vivavoce.engines.options`
    foretold(options) -> Card     a static method, if it has one: as much of its card as its options tell
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import msgspec

from vivavoce.core.engines import Card
from vivavoce.engines.options import PATH
from vivavoce.engines.worker import why
from vivavoce.kinds import Mistake, Steps, inside, said_of, wrong

LIMIT_S = 60.0
"""For all of a configuration's engines: their modules are imported, nothing is loaded."""
PLAYS = {"hear": "transcribe", "think": "generate", "speak": "synthesize", "respond": "respond"}
"""The method of each role."""


class Asked(msgspec.Struct):
    """An engine of a configuration."""

    at: Steps
    """The keys that lead to its table."""
    target: str
    """`module:Class`."""
    options: dict[str, Any]


class Told(msgspec.Struct):
    """What is known of it."""

    mistakes: list[Mistake] = msgspec.field(default_factory=list[Mistake])
    notes: list[Mistake] = msgspec.field(default_factory=list[Mistake])
    """What cannot be known yet."""
    card: Card | None = None
    """As much of it as is known; None where something is wrong."""


def declared(asked: list[Asked]) -> list[Told]:
    """What each engine says of itself. One that ends the process, or holds it up, is said to do so."""
    told: list[Told] = []
    while len(told) < len(asked):
        command, how = [sys.executable, "-m", "vivavoce.declared"], "ends the process"
        rest = msgspec.json.encode(asked[len(told) :])
        try:
            lines = subprocess.run(command, input=rest, stdout=subprocess.PIPE, timeout=LIMIT_S, check=False).stdout  # noqa: S603 - ourselves
        except subprocess.TimeoutExpired as late:
            lines, how = late.stdout or b"", f"takes longer than {LIMIT_S:g} s"
        told += [msgspec.json.decode(line, type=Told) for line in lines.split(b"\n")[:-1]]
        if len(told) < len(asked):
            left = asked[len(told)]
            told.append(Told([_unusable(left, f"importing {left.target} {how}")]))
    return told


def tell(asked: Asked) -> Told:
    """What one engine says of itself; its code runs here."""
    told = Told()
    try:
        _look(asked, told)
    except Exception as error:  # noqa: BLE001 - whatever it is, the one who runs the server is told in one line
        told.mistakes.append(_unusable(asked, why(error)))
    return told


def _look(asked: Asked, told: Told) -> None:
    """Look at an engine's options, its paths and its card."""
    module, _, name = asked.target.partition(":")
    kind, at = getattr(import_module(module), name), (*asked.at, "options")
    told.mistakes += wrong(asked.options, kind.Options, at)
    for steps, said, sure in _paths(asked.options, kind.Options, at):
        (told.mistakes if sure else told.notes).append((steps, said))
    if not told.mistakes:
        told.card = _card(kind, msgspec.convert(asked.options, kind.Options))


def _card(kind: Any, options: Any) -> Card:
    if hasattr(kind, "foretold"):
        return cast("Card", kind.foretold(options))
    return Card(roles=tuple(role for role, method in PLAYS.items() if hasattr(kind, method)))


def _unusable(asked: Asked, said: str) -> Mistake:
    return (*asked.at, "use"), f"[{'.'.join(asked.at)}] {said}"


def _paths(value: Any, kind: Any, steps: Steps) -> Iterator[tuple[Steps, str, bool]]:
    """Paths that lead nowhere, and whether that is sure."""
    marks = [(meta.extra or {}).get(PATH) for meta in said_of(kind)]
    for mark in filter(None, marks):
        if isinstance(value, str) and value:
            yield from ((steps, f"{'.'.join(steps)}: {said}", sure) for said, sure in _missing(value, str(mark)))
    for key, item, of in inside(value, kind):
        yield from _paths(item, of, (*steps, key))


def _missing(value: str, mark: str) -> Iterator[tuple[str, bool]]:
    path = Path(value).expanduser()
    if mark == "file" and not path.is_file():
        yield f"{value}: no such file", True
    elif mark != "file" and not path.is_dir():
        sure = mark == "folder" or value[0] in "/~."
        yield (
            f"{value}: no such folder{'' if sure else '; whether its library knows it is told when it is loaded'}",
            sure,
        )


def main() -> None:
    """Answer what is asked, each engine's line as soon as it is known."""
    with os.fdopen(os.dup(1), "wb") as answer:
        os.dup2(2, 1)  # what an engine's module prints is no answer
        for asked in msgspec.json.decode(sys.stdin.buffer.read(), type=list[Asked]):
            answer.write(msgspec.json.encode(tell(asked)) + b"\n")
            answer.flush()


if __name__ == "__main__":
    main()
