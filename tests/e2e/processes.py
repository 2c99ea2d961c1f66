"""What a running server's processes are doing, read from /proc."""

import os
import time
from contextlib import suppress
from pathlib import Path

from vivavoce.testing.serving import children, engines

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def server_pid(address: str) -> int:
    """The process that listens at an address on this machine."""
    port = f"{int(address.rsplit(':', 1)[1]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inode = next(row[9] for row in rows if row[1].endswith(f":{port}") and row[3] == "0A")
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            if any(_leads_to(descriptor, f"socket:[{inode}]") for descriptor in (process / "fd").iterdir()):
                return int(process.name)
    raise AssertionError(f"nobody listens at {address}")


def cpu_s(pid: int, engine: str | None = None) -> float:
    """Processor time that a process's engines have used, or the one with a library, in seconds."""
    chosen = [child for child, name in engines(pid).items() if name == engine] if engine else children(pid)
    return sum(_ticks(child) for child in chosen) * TICK_S


def used_during(pid: int, seconds: float, engine: str | None = None) -> float:
    """Processor time that the engines use in the next `seconds`."""
    before = cpu_s(pid, engine)
    time.sleep(seconds)  # the measurement itself, not a wait for something
    return cpu_s(pid, engine) - before


def until_quiet(pid: int, limit: float = 60.0) -> None:
    """Wait until the engines use next to nothing."""
    end = time.monotonic() + limit
    while used_during(pid, 0.7) > 0.03:
        assert time.monotonic() < end, "the engines go on"


def wait_until_busy(pid: int, used: float = 0.1, engine: str | None = None, limit: float = 30.0) -> None:
    """Wait until the engines, or the one with a library, have used so much processor time."""
    before, end = cpu_s(pid, engine), time.monotonic() + limit
    while cpu_s(pid, engine) - before < used:
        assert time.monotonic() < end, f"{engine or 'the engines'} never began to work"
        time.sleep(0.005)


def _leads_to(descriptor: Path, what: str) -> bool:
    try:
        return str(descriptor.readlink()) == what
    except OSError:
        return False


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])
