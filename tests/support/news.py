"""What other processes tell a test, waited for rather than slept for."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

LIMIT_S = 10.0


class News:
    """A datagram socket, and every line that has come to it. Made in the test's loop."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.lines: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(self.path)
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._socket, self._take)

    def _take(self) -> None:
        self.lines.append(self._socket.recv(4096).decode())
        self._more.set()

    async def of(self, line: str, times: int = 1) -> None:
        """Wait until a line has come so many times."""
        await self._until(lambda: self.lines.count(line) >= times)

    async def one(self, start: str, times: int = 1) -> str:
        """Wait for the so-manieth line that starts like this."""
        await self._until(lambda: sum(line.startswith(start) for line in self.lines) >= times)
        return [line for line in self.lines if line.startswith(start)][times - 1]

    async def _until(self, came: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not came():
                self._more.clear()
                await self._more.wait()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
