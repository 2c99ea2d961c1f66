"""What is logged: one line a record, and never the words of an error."""

import asyncio
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from vivavoce.core import logs
from vivavoce.core.logs import Lines, begin, in_loop, style

SECRET = "what people said"


class Kept(logging.Handler):
    """Keeps the lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    """Whatever is logged after `begin(kept)`; the logging of the tests is as before in the end."""
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setenv(logs.VARIABLE, "text")
    root, ours = logging.getLogger(), logging.getLogger("vivavoce")
    before = root.handlers[:], root.level, ours.level
    yield Kept()
    root.handlers[:], root.level = before[:2]
    ours.setLevel(before[2])
    root.setLevel(before[1])


def fail(said: str = SECRET) -> None:
    raise ValueError(said)


def failed() -> Exception:
    try:
        fail()
    except ValueError as error:
        return error
    raise AssertionError


def record(message: str, *arguments: Any, error: Exception | None = None, **more: Any) -> logging.LogRecord:
    caught = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("vivavoce.x", logging.WARNING, "x.py", 1, message, arguments, caught)
    made.created = 1e9
    made.__dict__.update(more)
    return made


def test_text_is_one_line_with_the_fields_behind_it() -> None:
    assert Lines().format(record("%d\n  gone\n", 3, fields={"ms": 5, "key": "k"})) == (
        "WARNING vivavoce.x: 3 gone ms=5 key=k"
    )


def test_json_is_one_object_with_the_fields_in_it() -> None:
    line = Lines("json").format(record('it said "%s"', "grün", fields={"ms": 5}))
    assert json.loads(line) == {
        "time": "2001-09-09T01:46:40.000+00:00",
        "level": "warning",
        "logger": "vivavoce.x",
        "message": 'it said "grün"',
        "ms": 5,
    }


@pytest.mark.parametrize("way", ["text", "json"])
def test_an_error_is_its_name_and_place_and_no_word_of_it(way: logs.Style) -> None:
    made = record("bug", error=failed())
    made.exc_text = SECRET  # as another handler may have left it
    line = Lines(way).format(made)
    assert "bug: ValueError at test_logs.py:" in line
    assert SECRET not in line
    assert "\n" not in line


def test_ours_are_heard_from_the_level_on_and_those_of_others_from_warnings_on(kept: Kept) -> None:
    begin(kept, level="info")
    logging.getLogger("vivavoce.x").info("ours")
    logging.getLogger("vivavoce.x").debug("ours")
    logging.getLogger("sqlalchemy.engine").info("theirs")
    logging.getLogger("other").warning("theirs")
    assert kept.lines == ["INFO vivavoce.x: ours", "WARNING other: theirs"]


def test_what_is_started_from_here_logs_in_the_same_style(kept: Kept) -> None:
    begin(kept, told="json")
    assert (style(), os.environ[logs.VARIABLE]) == ("json", "json")
    begin(kept)
    logging.getLogger("vivavoce").warning("hello")
    assert json.loads(kept.lines[-1])["message"] == "hello"


def test_without_a_handler_lines_go_to_standard_error(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    del kept
    begin()
    logging.getLogger("vivavoce").warning("hello")
    assert capsys.readouterr().err == "WARNING vivavoce: hello\n"


def test_what_a_thread_does_not_catch_is_logged_without_its_words(kept: Kept) -> None:
    begin(kept)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert len(kept.lines) == 1
    assert kept.lines[0].startswith("ERROR vivavoce: a thread ended: ValueError at test_logs.py:")
    assert SECRET not in kept.lines[0]


def test_what_cannot_be_raised_is_logged_without_its_words(kept: Kept) -> None:
    begin(kept)
    error = failed()
    sys.unraisablehook(SimpleNamespace(exc_value=error, object=SECRET))  # type: ignore[arg-type]
    assert kept.lines[0].startswith("ERROR vivavoce: an error was passed over: ValueError at test_logs.py:")
    assert SECRET not in kept.lines[0]


def test_what_has_no_error_says_nothing(kept: Kept) -> None:
    begin(kept)
    threading.excepthook(SimpleNamespace(exc_value=None))  # type: ignore[arg-type]
    sys.unraisablehook(SimpleNamespace(exc_value=None))  # type: ignore[arg-type]
    assert kept.lines == []


async def test_what_asyncio_finds_is_logged_without_what_was_worked_on(kept: Kept) -> None:
    begin(kept)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(in_loop)

    loop.call_soon(fail, SECRET)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    in_loop(loop, {"message": "Task was destroyed but it is pending!"})
    assert kept.lines[0].startswith("ERROR vivavoce: Exception in callback")
    assert "ValueError at " in kept.lines[0]
    assert SECRET not in kept.lines[0]
    assert kept.lines[1] == "ERROR vivavoce: Task was destroyed but it is pending!"
