"""Runs a job in a fresh process, where what it takes of time and memory is its own."""

import multiprocessing
from collections.abc import Callable, Generator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any


@contextmanager
def child(job: Callable[[Connection], None]) -> Generator[tuple[Any, int], None, None]:
    """A pipe to `job`, and its process's id. It is waited for."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=job, args=(theirs,))
    process.start()
    theirs.close()
    try:
        yield ours, process.pid or 0
    finally:
        ours.close()
        process.join()


def in_child(job: Callable[[Connection], None]) -> str:
    """What `job` sends back."""
    with child(job) as (pipe, _):
        return pipe.recv()


def peak_mb(pid: int | None = None) -> float:
    """The most memory a process has had; what `getrusage` tells begins with the parent's."""
    return _status_mb(pid, "VmHWM:")


def resident_mb(pid: int) -> float:
    """The memory a process has now."""
    return _status_mb(pid, "VmRSS:")


def _status_mb(pid: int | None, line: str) -> float:
    status = Path(f"/proc/{pid or 'self'}/status").read_text()
    return int(status.partition(line)[2].split()[0]) / 1024
