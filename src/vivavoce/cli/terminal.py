"""What a person at a terminal sees and types; in a pipe there is only what was asked for."""

import os
import stat
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

import typer

from vivavoce.cli.common import fail

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

STDIN = STDOUT = "-"


class Progress:
    """What is being done, on standard error, where that is a terminal."""

    def __init__(self, what: str) -> None:
        self._status = None
        if sys.stderr.isatty():
            from rich.console import Console  # noqa: PLC0415 - only where it is shown

            self._status = Console(stderr=True).status(what)

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def now(self, what: str) -> None:
        """Say what is being done now."""
        if self._status is not None:
            self._status.update(what)

    def end(self) -> None:
        """Take it away."""
        if self._status is not None:
            self._status.stop()


def aside(text: str) -> None:
    """Tell the person at the terminal; nobody in a pipe."""
    if sys.stderr.isatty():
        typer.secho(harmless(text), err=True, dim=True)


def harmless(text: str) -> str:
    """`text` without what a terminal would obey."""
    return "".join(letter for letter in text if letter in "\n\t" or letter.isprintable())


def fitting(console: "Console", tables: "Sequence[Table]") -> "Table":
    """The first of several tables that the terminal is wide enough for; where there is none, the last."""
    anywhere = console.options.update(max_width=1000)
    fits = (table for table in tables if console.measure(table, options=anywhere).maximum <= console.width)
    return next(fits, tables[-1])


def words_of(text: str) -> str:
    """The text of an argument, or of standard input where it is `-`; never what cannot be UTF-8."""
    if text == STDIN:
        if sys.stdin.isatty():
            aside("the text, then Ctrl-D:")
        return sys.stdin.buffer.read().decode("utf-8", errors="replace").strip()
    return text.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace").strip()


def not_a_terminal() -> None:
    """Refuse to write sound where somebody reads."""
    if sys.stdout.isatty():
        fail("standard output is a terminal: name a file, or send the sound on with | or >")


def is_log(stream: TextIO) -> bool:
    """Whether what is printed is kept for others to read, or for nobody: a file, systemd's journal, which
    `$JOURNAL_STREAM` is, or `/dev/null`."""
    about = os.fstat(stream.fileno())
    nowhere = stat.S_ISCHR(about.st_mode) and not stream.isatty()
    return (
        nowhere or stat.S_ISREG(about.st_mode) or os.environ.get("JOURNAL_STREAM") == f"{about.st_dev}:{about.st_ino}"
    )
