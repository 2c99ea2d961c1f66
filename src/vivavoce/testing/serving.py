"""`vivavoce serve` in a process of its own, for tests and benchmarks that want the whole of it. Linux only."""

import os
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

LIMIT_S = 60.0
LIBRARIES = {"xllamacpp": "llama", "pocketsphinx": "pocketsphinx", "libflite": "flite", "espeak": "espeak"}


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    url: str
    """Where it listens, without `/v1`."""
    pid: int


@contextmanager
def serving(home: Path, *arguments: str, folder: Path | None = None) -> Generator[Server]:
    """Start a server on a free port, and stop it in the end.

    `home` holds its data and weights; it must exist. `folder`, or else `home`, is where it runs: `vivavoce.toml` is
    looked for there.

    Raises:
        RuntimeError: it did not start within a minute. Why is on standard error.
    """
    command = [sys.executable, "-m", "vivavoce", "serve", "--quiet", "--port", "0", *arguments]
    environment = {**os.environ, "VIVAVOCE_HOME": str(home)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True, cwd=folder or home) as process:  # noqa: S603
        try:
            yield Server(_address(process), process.pid)
        finally:
            process.terminate()
            try:
                process.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def engines(pid: int) -> dict[int, str]:
    """The engine processes of a server, and the library each has loaded."""
    return {child: _loaded(child) for child in children(pid)}


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _address(process: subprocess.Popen[str]) -> str:
    limit = Timer(LIMIT_S, process.kill)
    limit.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
    finally:
        limit.cancel()
    found = re.search(r"http://\S+:\d+", line)
    if not found:
        raise RuntimeError(f"the server did not start; it said {line!r}")
    return found[0]


def _loaded(pid: int) -> str:
    try:
        maps = Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return "ended"
    return next((name for library, name in LIBRARIES.items() if library in maps), "media")
