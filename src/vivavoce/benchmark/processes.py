"""What the server's processes use, where they run on this machine: told by `/proc`, so on Linux only."""

import os
import re
import socket
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
LISTENS = "0A"
"""A socket's state in `/proc/net/tcp` (proc(5))."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Processes:
    """A server: the processes that listen at its port, and all that they started."""

    roots: tuple[int, ...]

    def all(self) -> list[int]:
        """Their numbers, now."""
        parents = {pid: int(fields[1]) for pid in _pids() if (fields := _stat(pid))}
        found = [pid for pid in self.roots if pid in parents]
        for pid in found:  # grows while it is walked
            found += [child for child, parent in parents.items() if parent == pid and child not in found]
        return found

    def names(self) -> list[str]:
        """What they are called, such as `python 4`: a name and how many."""
        found = Counter(name for pid in self.all() if (name := _read(pid, "comm").strip()))
        return [f"{name} {count}" for name, count in found.most_common()]

    def cpu_s(self) -> float:
        """Seconds of CPU so far, of those too that have ended."""
        return sum(sum(map(int, fields[11:15])) for pid in self.all() if (fields := _stat(pid))) / TICKS

    def memory_mb(self) -> float:
        """What they hold now, in units of 2^20 bytes; what several share is counted once, where the kernel tells it."""
        return sum(map(_memory_kb, self.all())) / 1024


def find(host: str, port: int) -> Processes | None:
    """The server at this address; None where it is on another machine, or another user's. Blocks a little."""
    if not PROC.joinpath("net/tcp").exists() or not _is_here(host, port):
        return None
    inodes = {inode for name in ("tcp", "tcp6") for inode in _listening(PROC / "net" / name, port)}
    roots = [pid for pid in _pids() if pid != os.getpid() and _sockets(pid) & inodes]
    return Processes(tuple(roots)) if roots else None


def _is_here(host: str, port: int) -> bool:
    """Whether the address is one of this machine's: one that can be bound."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        for family, kind, protocol, _, address in found[:1]:
            with socket.socket(family, kind, protocol) as tried:
                tried.bind((address[0], 0))
    except OSError:
        return False
    return True


def _listening(table: Path, port: int) -> set[str]:
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return set()
    return {row[9] for row in rows if row[3] == LISTENS and int(row[1].rpartition(":")[2], 16) == port}


def _sockets(pid: int) -> set[str]:
    found: set[str] = set()
    try:
        for link in (PROC / str(pid) / "fd").iterdir():
            found.update(re.findall(r"^socket:\[(\d+)\]$", str(link.readlink())))
    except OSError:
        pass  # it has ended, or is another user's
    return found


def _pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdecimal()]


def _read(pid: int, name: str) -> str:
    """A file of a process; empty where it has ended, or is another user's."""
    try:
        return (PROC / str(pid) / name).read_text(errors="replace")
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    """The fields after the name (proc(5)): the state, the parent, …; none where it has ended."""
    return _read(pid, "stat").rpartition(")")[2].split()


def _memory_kb(pid: int) -> int:
    for name, key in (("smaps_rollup", "Pss"), ("status", "VmRSS")):
        if found := re.search(rf"^{key}:\s+(\d+) kB", _read(pid, name), re.MULTILINE):
            return int(found[1])
    return 0
