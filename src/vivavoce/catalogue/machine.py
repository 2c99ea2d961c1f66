"""What this machine has that matters for models: memory, cores, and a GPU that llama.cpp can use."""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from vivavoce.core.processes import cores

LOOK_S = 30.0
GPUS = """
import json, xllamacpp
found = [each for each in xllamacpp.get_device_info() if each["type"] != xllamacpp.ggml_backend_dev_type(0)]
print(json.dumps([[each["description"], each["memory_total"]] for each in found]))
"""
"""Asked in a process of its own, as all native code is."""


class Gpu(msgspec.Struct):
    """A GPU."""

    name: str
    bytes: int


class Machine(msgspec.Struct):
    """A machine."""

    cores: int
    """That this process may use."""
    memory: int
    """Bytes, all of it."""
    free: int
    """Bytes that could be used now."""
    gpus: list[Gpu]
    """That the llama.cpp installed here can use."""
    idle_gpus: list[str]
    """That are here, but that it cannot use."""


def look() -> Machine:
    """Look at this machine; takes a moment."""
    usable = _usable_gpus()
    others = [] if usable else _nvidia()
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _container_limit()
    memory = min(whole, limit) if limit else whole
    return Machine(cores(), memory, min(_available(whole), memory), usable, others)


def _available(whole: int) -> int:
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) * 1024
    return whole


def _container_limit() -> int:
    """The memory a container may use; 0: no limit."""
    with suppress(OSError, ValueError):
        return int(Path("/sys/fs/cgroup/memory.max").read_text())
    return 0


def _usable_gpus() -> list[Gpu]:
    said = _output([sys.executable, "-c", GPUS])
    try:
        return [Gpu(name, int(size)) for name, size in msgspec.json.decode(said, type=list[tuple[str, int]])]
    except msgspec.MsgspecError:
        return []


def _nvidia() -> list[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    said = _output([program, "--query-gpu=name", "--format=csv,noheader"])
    return [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]


def _output(command: list[str]) -> bytes:
    try:
        done = subprocess.run(command, capture_output=True, timeout=LOOK_S, check=True)  # noqa: S603 - our own words
    except (OSError, subprocess.SubprocessError):
        return b""
    return done.stdout.strip().splitlines()[-1] if command[0] == sys.executable and done.stdout.strip() else done.stdout
