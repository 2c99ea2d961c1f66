"""Lines for whoever keeps logs: nobody waits while they are written, and what native code prints is one of them."""

import contextlib
import logging
import os
import queue
import threading
from collections.abc import Generator

from vivavoce.core.logs import Style, begin

WAITING = 10_000
"""Lines that may wait to be written; more are dropped, and counted."""
LONGEST = 8192
"""Bytes of a printed line that are taken for one."""
END_S = 2.0
"""For the last lines to be written, at the end."""

log = logging.getLogger("vivavoce.printed")


class Behind(logging.Handler):
    """Writes lines to a file descriptor on a thread of its own: whoever logs never waits for the reader of the log."""

    def __init__(self, file: int) -> None:
        """`file` stays open, and is the caller's."""
        super().__init__()
        self._file = file
        self._lines: queue.Queue[bytes | None] = queue.Queue(WAITING)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Have a record written."""
        self.put(self.format(record).encode(errors="replace"))

    def put(self, line: bytes) -> None:
        """Have a line written as it is."""
        try:
            self._lines.put_nowait(line + b"\n")
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Write what waits, for a while. Nothing is written after that."""
        with contextlib.suppress(queue.Full):
            self._lines.put(None, timeout=END_S)
        self._thread.join(END_S)
        super().close()

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            with contextlib.suppress(OSError):  # its reader has gone; there is nowhere to say so
                _write_all(self._file, line)
            if self._lines.empty():
                self._tell()
        self._tell()

    def _tell(self) -> None:
        """Say how many lines were dropped, once there is room for that."""
        dropped, self._dropped = self._dropped, 0
        if dropped:
            log.warning("%d lines were dropped: whoever reads the log is too slow", dropped)


@contextlib.contextmanager
def logged(style: Style, level: str) -> Generator[None]:
    """Log to standard error, in a server; in JSON everything that is printed there is logged."""
    file = os.dup(2)
    behind = Behind(file)
    begin(behind, told=style, level=level)
    try:
        with printed_into(behind) if style == "json" else contextlib.nullcontext():
            yield
    finally:
        logging.getLogger().removeHandler(behind)
        behind.close()
        os.close(file)


@contextlib.contextmanager
def printed_into(into: Behind) -> Generator[None]:
    """Have what this process and those it starts print to standard error logged, line by line.

    Lines that begin as ours do in JSON are: other processes' logs. They are passed on as they are.
    """
    kept = os.dup(2)
    source, there = os.pipe()
    os.dup2(there, 2)
    os.close(there)
    reader = threading.Thread(target=_read, args=(source, into), name="printed", daemon=True)
    reader.start()
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        reader.join(END_S)  # not for ever: another process may hold the other end


def _read(source: int, into: Behind) -> None:
    with open(source, "rb") as lines:
        while line := lines.readline(LONGEST):
            said = line.strip()
            if said.startswith(b'{"time": '):
                into.put(said)
            elif said:
                log.warning("%s", said.decode(errors="replace"))


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
