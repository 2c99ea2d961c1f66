"""A server in a process of its own, which knows the engine of our tests too: `python -m tests.support.program FILE`.

It says its port once it listens, and `closed` when it has ended.
"""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import EntryPoint
from pathlib import Path

from vivavoce import main
from vivavoce.config import load
from vivavoce.engines import registry
from vivavoce.testing.serving import children

OURS = EntryPoint("blocking", "tests.support.engines:Blocking", registry.LOCAL)
ROOT = Path(__file__).parents[2]
LIMIT_S = 30.0


class Program:
    """One that runs, in a folder of its own: its data, and the temporary folders of it and its engines."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self.url = ""

    @property
    def engines(self) -> list[int]:
        """Its engines' processes."""
        return children(self._process.pid)

    @property
    def left_behind(self) -> list[str]:
        """Temporary folders that are there."""
        return [path.name for path in (self._folder / "tmp").iterdir()]

    async def listens(self) -> None:
        """Wait until it does."""
        assert self._process.stdout
        line = await asyncio.wait_for(self._process.stdout.readline(), LIMIT_S)
        self.url = f"http://127.0.0.1:{int(line)}"

    async def logs(self, what: str) -> None:
        """Wait until it has."""
        assert self._process.stderr
        async with asyncio.timeout(LIMIT_S):
            while what not in (await self._process.stderr.readline()).decode():
                pass

    def send(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end: its exit status."""
        return await asyncio.wait_for(self._process.wait(), LIMIT_S)


@asynccontextmanager
async def program(folder: Path, config: str) -> AsyncIterator[Program]:
    """Start one; it may still be loading. It is killed in the end, if it has not ended."""
    (folder / "tmp").mkdir(exist_ok=True)
    (folder / "vivavoce.toml").write_text(config)
    paths = {"VIVAVOCE_HOME": str(folder), "TMPDIR": str(folder / "tmp"), "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.program", str(folder / "vivavoce.toml")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **paths},
        cwd=ROOT,
    )
    try:
        yield Program(process, folder)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def gone(pids: list[int]) -> bool:
    """Whether none of these processes runs."""
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


async def run(file: Path) -> None:
    """Serve what a file says."""
    find = registry.find
    registry.find = lambda use: OURS if use == OURS.name else find(use)
    await main.serve(load(file), lambda port, *_: os.write(1, f"{port}\n".encode()), lambda: load(file))


if __name__ == "__main__":
    logging.basicConfig()
    asyncio.run(run(Path(sys.argv[1])))
