"""Conversations over plain sockets, read fast or slowly, for the benchmarks of a server that is full."""

import asyncio
import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECEIVED = 4096
"""Bytes that a slow reader's system takes in for it."""


@dataclass(slots=True)
class Heard:
    """What one conversation was like, in seconds."""

    status: int = 0
    retry_after: float = 0.0
    first_s: float = 0.0
    """Until its first sound."""
    whole: bool = False
    late_s: float = 0.0
    """How long a player that began with the first sound would have been silent in all."""


def body(content: Any, model: str = "gpt-4o-mini-audio-preview") -> bytes:
    """A streamed request for a spoken answer."""
    asked = {
        "model": model,
        "stream": True,
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "pcm16"},
        "messages": [{"role": "user", "content": content}],
    }
    return json.dumps(asked).encode()


async def opened(url: str, sent: bytes, *, slow: bool = False) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a request; nothing of the answer is read yet."""
    host, port = url.removeprefix("http://").split(":")
    plain = socket.socket()
    if slow:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)
    plain.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plain, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=plain, limit=RECEIVED if slow else 1 << 24)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nConnection: close\r\n"
    )
    writer.write(f"{head}Content-Length: {len(sent)}\r\n\r\n".encode() + sent)
    return reader, writer


async def converse(url: str, sent: bytes, *, until_first: bool = False) -> Heard:
    """Ask, and read as fast as it comes; as far as the first sound, where that is all that is wanted."""
    heard, began, played_until = Heard(), time.perf_counter(), 0.0
    reader, writer = await opened(url, sent)
    try:
        heard.status = int((await reader.readline()).split()[1])
        async for raw in reader:
            line = raw.decode().strip()
            if line.lower().startswith("retry-after:"):
                heard.retry_after = float(line.split(":")[1])
            heard.whole = heard.whole or line == "data: [DONE]"
            if not line.startswith("data: {"):
                continue
            for choice in json.loads(line[6:]).get("choices", []):
                data = (choice["delta"].get("audio") or {}).get("data")
                if data:
                    now = time.perf_counter()
                    heard.first_s = heard.first_s or now - began
                    heard.late_s += max(0.0, now - played_until) if played_until else 0.0
                    played_until = max(played_until, now) + len(data) * 3 / 4 / 48_000
            if until_first and heard.first_s:
                break
    finally:
        writer.close()
    return heard


async def read_slowly(url: str, sent: bytes, a_second: int, reading: set[int], number: int) -> None:
    """Ask until let in, then read so many bytes a second to the end; meanwhile `number` is among those `reading`."""
    while True:
        reader, writer = await opened(url, sent, slow=True)
        try:
            if (await reader.readline()).split()[1:2] != [b"200"]:
                await asyncio.sleep(1)
                continue
            reading.add(number)
            while await reader.read(a_second):  # noqa: ASYNC110 - what a slow reader does
                await asyncio.sleep(1)
        except ConnectionError:
            pass  # it was given up
        finally:
            reading.discard(number)
            writer.transport.abort()
        break


def p95(times: list[float]) -> float:
    """The time that one in twenty is over."""
    return sorted(times)[min(len(times) - 1, int(len(times) * 0.95))]


def descriptors(pid: int) -> int:
    """How many files and connections a process has open."""
    return len(os.listdir(Path("/proc", str(pid), "fd")))  # noqa: PTH208 - counted, not used
