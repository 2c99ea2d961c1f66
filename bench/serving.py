"""`vivavoce serve` as a child of a benchmark, and what its processes use."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vivavoce.catalogue import embedded
from vivavoce.testing.serving import Server, engines, serving

PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


def memory_mb(pid: int) -> list[tuple[str, float]]:
    """Resident megabytes (2^20 bytes) of a server and of each engine process."""
    return [("server", resident_mb(pid)), *((name, resident_mb(child)) for child, name in engines(pid).items())]


def resident_mb(pid: int) -> float:
    """Resident memory, shared pages included."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_KB / 1024


BRAIN = """
[engines.brain]
use = "llama"
options = { model = "%s", cache_mb = %d }
"""


@contextmanager
def embedded_default(*arguments: str, cache_mb: int | None = None) -> Iterator[Server]:
    """Start a server with the embedded default on a free port, with a data folder of its own.

    `cache_mb`: the memory that its brain has for prompts, where that is to be another than usual.
    """
    weights = embedded.fetch()
    with tempfile.TemporaryDirectory() as home:
        Path(home, "weights").symlink_to(weights.parent)
        if cache_mb is not None:
            Path(home, "vivavoce.toml").write_text(BRAIN % (weights, cache_mb))
        with serving(Path(home), *arguments) as server:
            yield server
