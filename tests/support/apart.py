"""Runs a job in a fresh process, where what it takes of time and memory is its own."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path


def in_child(job: Callable[[Connection], None]) -> str:
    """What `job` sends back."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=job, args=(theirs,))
    child.start()
    theirs.close()
    try:
        return ours.recv()
    finally:
        child.join()
        ours.close()


def peak_mb(pid: int | None = None) -> float:
    """The most memory a process has had; what `getrusage` tells begins with the parent's."""
    status = Path(f"/proc/{pid or 'self'}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
