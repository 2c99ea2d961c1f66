"""`vivavoce serve` as a child of a benchmark, and what its processes use."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vivavoce.catalogue import embedded

PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    url: str
    pid: int

    def memory_mb(self) -> list[tuple[str, float]]:
        """Resident megabytes (2^20 bytes) of the server and of each engine process."""
        return [("server", resident_mb(self.pid)), *((engine(pid), resident_mb(pid)) for pid in children(self.pid))]


def children(pid: int) -> list[int]:
    """The processes that `pid` started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident_mb(pid: int) -> float:
    """Resident memory, shared pages included."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_KB / 1024


def engine(pid: int) -> str:
    """What a process has loaded, by its libraries."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    known = {"xllamacpp": "llama", "pocketsphinx": "pocketsphinx", "libflite": "flite", "espeak": "espeak"}
    return next((name for library, name in known.items() if library in maps), "media")


@contextmanager
def serving(*arguments: str) -> Iterator[Server]:
    """Start a server with the embedded default on a free port, with a data folder of its own."""
    weights = embedded.fetch()
    with tempfile.TemporaryDirectory() as home:
        Path(home, "weights").symlink_to(weights.parent)
        command = [sys.executable, "-m", "vivavoce", "serve", "--port", "0", *arguments]
        environment = {**os.environ, "VIVAVOCE_HOME": home}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=home) as process:
            try:
                assert process.stdout is not None
                found = re.search(r"http://\S+:\d+", process.stdout.readline())
                if not found:
                    raise SystemExit("the server did not start")
                yield Server(found[0], process.pid)
            finally:
                process.terminate()
                process.wait(60)
