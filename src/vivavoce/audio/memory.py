"""Keeps a child process that reads strangers' bytes within bounds the kernel enforces."""

import resource
from pathlib import Path


def confine(growth_bytes: int) -> None:
    """Let this process grow by `growth_bytes` of address space from now on, and never write a core file.

    Beyond it allocations fail, which PyAV and numpy turn into MemoryError. It counts from what is mapped already
    because libraries reserve more on machines with more cores. It cannot be undone. 0: no bound on memory.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if growth_bytes:
        most = _mapped_bytes() + growth_bytes
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _mapped_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()
