"""What programs log: a line each, as text or as JSON, never with the words of an error, which may be people's own.

Records may carry `fields`, a mapping: `log.info("…", extra={"fields": {…}})`. `begin` is called once, where a
program starts.
"""

import asyncio
import json
import logging
import os
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, cast

from vivavoce.core.errors import trail

Style: TypeAlias = Literal["text", "json"]

VARIABLE = "VIVAVOCE_LOG"
"""In the environment: the style that the processes we start log in."""

log = logging.getLogger("vivavoce")


class Lines(logging.Formatter):
    """A record as a line."""

    def __init__(self, style: Style = "text") -> None:
        super().__init__()
        self._as = style

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        said = " ".join(record.getMessage().split())
        if record.exc_info and record.exc_info[1]:
            said = f"{said}: {named(record.exc_info[1])}"
        fields = cast("Mapping[str, Any]", getattr(record, "fields", {}))
        if self._as == "text":
            beside = "".join(f" {name}={value}" for name, value in fields.items())
            return f"{record.levelname} {record.name}: {said}{beside}"
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        first = {"time": when, "level": record.levelname.lower(), "logger": record.name, "message": said}
        return json.dumps({**first, **fields}, ensure_ascii=False, default=str)


def named(error: BaseException) -> str:
    """What an error is and where it came from, without its words."""
    return f"{type(error).__name__} at {trail(error)}"


def style() -> Style:
    """The style this process was told to log in by whoever started it."""
    return "json" if os.environ.get(VARIABLE) == "json" else "text"


def begin(handler: logging.Handler | None = None, *, told: Style | None = None, level: str = "warning") -> None:
    """Log from here on, and have what nobody catches logged as well.

    Args:
        handler: takes the lines; None: they go to standard error.
        told: the style; None: that of whoever started this process. Processes that are started from here have it too.
        level: the least that is told of our own doings. Other people's libraries are heard from `warning` on: below
            it some tell what they work on.
    """
    if told is not None:
        os.environ[VARIABLE] = told
    handler = handler or logging.StreamHandler()
    handler.setFormatter(Lines(style()))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    log.setLevel(level.upper())
    threading.excepthook = _in_thread
    sys.unraisablehook = _unraisable


def in_loop(_loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """For `set_exception_handler`: what asyncio found that nobody caught. Its own words show what was worked on."""
    what = str(context["message"]).partition("(")[0].partition("<")[0].strip()
    error = context.get("exception")
    log.error("%s%s", what, f": {named(error)}" if isinstance(error, BaseException) else "")


def _in_thread(caught: threading.ExceptHookArgs) -> None:
    if caught.exc_value is not None:
        log.error("a thread ended: %s", named(caught.exc_value))


def _unraisable(caught: "sys.UnraisableHookArgs") -> None:
    if caught.exc_value is not None:
        log.error("an error was passed over: %s", named(caught.exc_value))
