"""The machine on which something was measured, so that figures can be told apart."""

import os
import platform
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
CONTAINER = Path("/sys/fs/cgroup/memory.max")
"""Bytes that a container may hold, or `max`: the kernel's cgroup v2."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to compute with."""

    cpu: str
    """The model; where nothing tells it, the architecture."""
    cores: int
    """Those that may be used."""
    memory_mb: int | None
    """In units of 2^20 bytes, those that may be used; None: nothing tells it."""
    system: str
    """With its version."""
    python: str

    def __str__(self) -> str:
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        memory = "" if self.memory_mb is None else f", {self.memory_mb / 1024:.0f} GB"
        return f"{self.cpu}, {cores}{memory}, {self.system}, Python {self.python}"


def here(cores: int, cpuinfo: Path = CPUINFO, container: Path = CONTAINER) -> Machine:
    """This one; `cores` may be used of it."""
    return Machine(_cpu(cpuinfo), cores, _memory_mb(container), _system(), platform.python_version())


def _cpu(cpuinfo: Path) -> str:
    found = None
    with suppress(OSError):
        found = re.search(r"^model name\s*: (.+)", cpuinfo.read_text(errors="replace"), re.MULTILINE)
    return " ".join(found[1].split()) if found else platform.machine() or "unknown"


def _memory_mb(container: Path) -> int | None:
    try:
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
    with suppress(OSError, ValueError):
        there = min(there, int(container.read_text()))
    return there >> 20


def _system() -> str:
    with suppress(OSError):
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    return f"{platform.system()} {platform.release()}"
