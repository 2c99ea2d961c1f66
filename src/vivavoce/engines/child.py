"""One engine process as its parent sees it: started, reached, ended."""

import asyncio
import contextlib
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from vivavoce.core.engines import Card
from vivavoce.core.processes import kill
from vivavoce.engines.frames import Broken, read_frame_from

STOP_S = 2.0


class EngineMissing(Exception):
    """An engine that cannot be loaded; the message says why, for the one who runs the server."""


@dataclass(frozen=True, slots=True)
class Spec:
    """Which engine, with which options."""

    name: str
    """What it is called in the configuration."""
    target: str
    """`module:Class`."""
    options: dict[str, Any] = field(default_factory=dict[str, Any])


class Child:
    """A running engine process. It ends when this end of its standard input is closed."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, card: Card) -> None:
        self._process = process
        self._folder = folder
        self.card = card
        self.lost = False
        """Whether it is known to be dying: nothing more is asked of it."""

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def socket(self) -> str:
        """The unix socket it listens on."""
        return str(self._folder / "engine")

    @classmethod
    async def start(cls, spec: Spec, limit_s: float) -> "Child":
        """Start a process and wait until its engine is loaded.

        Raises:
            EngineMissing: it cannot be loaded, or takes longer than `limit_s`.
            OSError: there is no room for a process.
        """
        folder = Path(tempfile.mkdtemp(prefix="vivavoce-"))  # 0700, and fresh: no left-over socket is in the way
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "vivavoce.engines.worker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                process_group=0,  # a Ctrl-C at the terminal is the parent's to act on
            )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        orders = {"target": spec.target, "options": spec.options, "socket": str(folder / "engine")}
        try:
            return cls(process, folder, await _hand_over(process, orders, spec.name, limit_s))
        except BaseException:
            await _end(process, folder)
            raise

    async def ended(self) -> int:
        """Wait for its end; its exit status, negative for a signal."""
        return await self._process.wait()

    def kill(self) -> None:
        """End it at once."""
        self.lost = True
        kill(self._process)

    async def stop(self) -> None:
        """End it and clean up after it."""
        await _end(self._process, self._folder)


async def _hand_over(process: asyncio.subprocess.Process, orders: dict[str, Any], name: str, limit_s: float) -> Card:
    if process.stdin is None or process.stdout is None:
        raise EngineMissing(f"engine '{name}': its process has no pipes")
    try:
        async with asyncio.timeout(limit_s):
            process.stdin.write(msgspec.json.encode(orders) + b"\n")
            await process.stdin.drain()
            state, content = await read_frame_from(process.stdout)
    except TimeoutError:
        raise EngineMissing(f"engine '{name}' was not loaded within {limit_s:g} s (`load_s`)") from None
    except (Broken, OSError):
        raise EngineMissing(f"engine '{name}' ended while it was loaded; what it printed says why") from None
    if state != "ready":
        raise EngineMissing(f"engine '{name}': {content}")
    return content


async def _end(process: asyncio.subprocess.Process, folder: Path) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await process.wait()
        kill(process)
        with contextlib.suppress(TimeoutError):  # whoever else holds the pipe is not waited for for ever
            async with asyncio.timeout(STOP_S):
                await process.communicate()  # its end, and that of its pipe
    finally:
        kill(process)
        shutil.rmtree(folder, ignore_errors=True)
