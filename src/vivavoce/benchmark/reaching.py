"""A server to measure: found, its models chosen, and its processes looked for."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx2

from vivavoce.benchmark import processes
from vivavoce.benchmark.asking import Asked
from vivavoce.benchmark.processes import Processes
from vivavoce.conform.examine import LOCAL, Wanted, reach

PORTS = {"http": 80, "https": 443}


@asynccontextmanager
async def reached(
    wanted: Wanted, wait_s: float, transport: httpx2.AsyncBaseTransport | None = None
) -> AsyncGenerator[tuple[str, Asked, Processes | None], None]:
    """Its address, the server itself, and its processes where they run on this machine.

    Args:
        wanted: where it is, and its models.
        wait_s: the longest wait for one answer.
        transport: instead of the network.

    Raises:
        Unusable: it cannot be asked.
    """
    async with reach(wanted, transport) as subject:
        base, names = subject.base, subject.names
    parts = urlsplit(base)
    host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 80)
    found = await asyncio.to_thread(processes.find, host, port)
    headers = {"authorization": f"Bearer {wanted.key}"} if wanted.key else {}
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx2.AsyncClient(
        base_url=f"{base}/",
        headers=headers,
        timeout=None,
        limits=limits,
        transport=transport,
        trust_env=host not in LOCAL,
    ) as client:
        asked = Asked(client, names.chat, names.voice, wait_s)
        asked.hearing = names.hearing
        yield base, asked, found
