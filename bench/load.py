"""Asks one server the same thing over and over, from many clients at once.

    python bench/load.py URL FILE CLIENTS SECONDS [reading]

FILE holds the whole request, head and body, as it goes over the wire. Prints JSON: requests a second, and the seconds
that each took to its first sound and to its end. It does as little as it can with what comes: it shares the machine.
`reading`, it does what any client does with it: reads the JSON of each event, and the sound in it.
"""

import asyncio
import json
import re
import sys
import time
from base64 import b64decode
from pathlib import Path
from urllib.parse import urlsplit

SOUND = re.compile(rb'"audio":\s*\{[^}]*"data":\s*"[^"]')
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
END = b"\r\n0\r\n\r\n"
WARM = 0.2
"""Of the time, before anything counts."""


class Client(asyncio.Protocol):
    """One connection, that asks again as soon as it is answered."""

    def __init__(self, request: bytes, done: "asyncio.Future[None]", until: float, *, reading: bool) -> None:
        self._request, self._done, self._until, self._reading = request, done, until, reading
        self.taken: list[tuple[float, float, float]] = []
        """When each was asked, when its first sound came, and when its end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # pyright: ignore[reportAttributeAccessIssue]
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._came += len(data)
        if self._reading:
            self._all.append(data)
        if self._first is None or self._left is None:
            self._look(data)
        self._tail = (self._tail + data)[-len(END) :]
        if self._left is not None and (self._came >= self._left if self._left else self._tail == END):
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(SystemExit(f"the server closed the connection: {exc}"))

    def _look(self, data: bytes) -> None:
        """For the head, and for sound: nothing after that is looked at."""
        self._begin += data
        head = self._begin.find(b"\r\n\r\n")
        if self._left is None and head >= 0:
            if not self._begin.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"refused: {self._begin[:2000]!r}")
            length = LENGTH.search(self._begin[:head])
            self._left = head + 4 + int(length[1]) if length else 0
        if self._first is None and SOUND.search(self._begin):
            self._first = time.perf_counter()

    def _ask(self) -> None:
        self._begin, self._tail, self._came = b"", b"", 0
        self._all: list[bytes] = []
        self._first: float | None = None
        self._left: int | None = None
        self._asked = time.perf_counter()
        self._transport.write(self._request)

    def _end(self) -> None:
        read(b"".join(self._all))
        now = time.perf_counter()
        self.taken.append((self._asked, self._first or now, now))
        if now < self._until:
            self._ask()
        else:
            self._done.set_result(None)
            self._transport.close()


def read(answer: bytes) -> None:
    """Read the events of a stream. Each is in one chunk, so the sizes of chunks stand on lines of their own."""
    for line in answer.split(b"\n"):
        if line.startswith(b"data: {"):
            for choice in json.loads(line[6:])["choices"]:
                b64decode((choice["delta"].get("audio") or {}).get("data", ""))


async def load(url: str, request: bytes, clients: int, seconds: float, *, reading: bool) -> dict[str, object]:
    """What so many clients find in so many seconds."""
    loop, address = asyncio.get_running_loop(), urlsplit(url)
    began = time.perf_counter()
    until = began + seconds
    done = [loop.create_future() for _ in range(clients)]
    connected = [
        await loop.create_connection(
            lambda each=each: Client(request, each, until, reading=reading), address.hostname, address.port
        )
        for each in done
    ]
    await asyncio.gather(*done)
    since = began + WARM * seconds
    taken = [each for _, client in connected for each in client.taken if since <= each[2] <= until]
    if not taken:
        raise SystemExit("nothing was answered in time")
    return {
        "rate": len(taken) / (until - since),
        "first_s": [first - asked for asked, first, _ in taken],
        "whole_s": [end - asked for asked, _, end in taken],
    }


if __name__ == "__main__":
    where, file, many, how_long, *how = sys.argv[1:]
    told = load(where, Path(file).read_bytes(), int(many), float(how_long), reading=bool(how))
    print(json.dumps(asyncio.run(told)))
