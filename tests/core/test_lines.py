"""Lines that are written while nobody waits for them, and what native code prints."""

import json
import logging
import os
from collections.abc import Iterator

import pytest

from tests.core.test_logs import Kept, kept
from vivavoce.core import lines
from vivavoce.core.lines import Behind, logged, printed_into
from vivavoce.core.logs import Lines

__all__ = ["kept"]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends: where is read, where is written."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def read_all(there: int) -> list[str]:
    """What came into a pipe."""
    return os.read(there, 1 << 16).decode().splitlines()


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("vivavoce.x", logging.WARNING, "x.py", 1, message, (), None)


def test_lines_are_written_in_order_before_the_end(pipe: tuple[int, int]) -> None:
    there, here = pipe
    behind = Behind(here)
    behind.setFormatter(Lines())
    for number in range(100):
        behind.emit(record(f"{number}"))
    behind.put(b"as it is")
    behind.close()
    assert read_all(there) == [f"WARNING vivavoce.x: {number}" for number in range(100)] + ["as it is"]


def test_nobody_waits_for_a_reader_who_does_not_read_and_what_is_lost_is_counted(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch, kept: Kept
) -> None:
    there, here = pipe
    monkeypatch.setattr(lines, "WAITING", 5)
    behind = Behind(here)
    behind.setFormatter(Lines())
    logging.getLogger().addHandler(kept)
    full = b"x" * (1 << 17)  # more than a pipe holds
    behind.put(full)
    while not behind._lines.empty():
        pass
    for _ in range(9):
        behind.put(b"y")  # five wait, four are lost
    got = b""
    while len(got) < len(full) + 1 + 5 * 2:
        got += os.read(there, 1 << 16)
    behind.close()
    assert kept.lines == ["4 lines were dropped: whoever reads the log is too slow"]


def test_it_ends_though_nobody_reads(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    there, here = pipe
    monkeypatch.setattr(lines, "WAITING", 1)
    monkeypatch.setattr(lines, "END_S", 0.01)
    behind = Behind(here)
    behind.put(b"x" * (1 << 17))
    while not behind._lines.empty():
        pass
    behind.put(b"y")
    behind.close()
    assert behind._thread.is_alive()  # it would go with the process
    left = (1 << 17) + 1 + 2
    while left:
        left -= len(os.read(there, 1 << 16))
    behind._lines.put(None)
    behind._thread.join()


def test_a_reader_that_has_gone_is_no_error() -> None:
    there, here = os.pipe()
    os.close(there)
    behind = Behind(here)
    behind.put(b"x")
    behind.close()
    assert not behind._thread.is_alive()
    os.close(here)


def test_what_is_printed_is_logged_and_what_others_logged_is_passed_on(pipe: tuple[int, int], kept: Kept) -> None:
    there, here = pipe
    behind = Behind(here)
    logging.getLogger().addHandler(kept)
    with printed_into(behind):
        os.write(2, b'{"time": "now", "message": "an engine\'s"}\n\nnative \xff words\nlast')
    behind.close()
    assert read_all(there) == ['{"time": "now", "message": "an engine\'s"}']
    assert kept.lines == ["native \ufffd words", "last"]


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_server_logs_to_standard_error_and_so_does_what_it_prints(
    style: str, kept: Kept, pipe: tuple[int, int]
) -> None:
    del kept
    there, here = pipe
    before = os.dup(2)
    os.dup2(here, 2)
    try:
        with logged(style, "info"):  # type: ignore[arg-type]
            logging.getLogger("vivavoce.x").info("hello")
            os.write(2, b"printed\n")
    finally:
        os.dup2(before, 2)
        os.close(before)
    said = read_all(there)
    if style == "json":
        assert sorted(json.loads(line)["message"] for line in said) == ["hello", "printed"]
    else:
        assert sorted(said) == ["INFO vivavoce.x: hello", "printed"]
