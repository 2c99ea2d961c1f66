"""Processes of ours: how many have work at once, and how they are ended."""

import contextlib
import math
import os
import signal
from asyncio.subprocess import Process
from pathlib import Path

CONTAINER = Path("/sys/fs/cgroup/cpu.max")
"""What a container may use in a period, and the period, both in microseconds: `cpu.max` of the kernel's cgroup v2."""


def kill(process: Process) -> None:
    """Kill it, if it runs. `Process.kill` would first look whether it does, and take its status from asyncio."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


def cores(container: Path = CONTAINER) -> int:
    """How many cores' worth of work can be done at once here: a container may have fewer than it sees."""
    seen = len(os.sched_getaffinity(0))
    with contextlib.suppress(OSError, ValueError):
        most, period = container.read_text().split()
        return max(1, min(seen, math.ceil(int(most) / int(period))))
    return seen
