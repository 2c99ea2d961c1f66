"""The whole server, told to end at any time, or killed: what it leaves behind is nothing."""

import asyncio
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import pytest

from tests.support.program import Program, gone, program
from tests.support.waiting import until
from vivavoce.store.database import FILE

CONFIG = """
[server]
port = 0
drain_s = {drain_s}
[engines.brain]
use = "scripted"
options = {{ says = "{says}", token_ms = 5 }}
[engines.voice]
use = "espeak"
[models.talker]
think = "brain"
speak = "voice"
"""
LOADING = """
[engines.ear]
use = "blocking"
options = { load = "wait" }
[models.hearer]
hear = "ear"
"""
ENDLESS = "One two three. " * 3000
STREAMS = 20


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one: a socket's path has 107 characters at most."""
    with TemporaryDirectory(prefix="vv") as name:
        yield Path(name)


def config(says: str = "One two three.", drain_s: float = 60) -> str:
    return CONFIG.format(says=says, drain_s=drain_s)


async def read(http: httpx2.AsyncClient, begun: asyncio.Queue[None]) -> str:
    """A spoken chat that is streamed; `begun` has one more when it has begun."""
    spoken = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}, "stream": True}
    body = {"model": "talker", "messages": [{"role": "user", "content": "Hi"}], **spoken}
    text = ""
    async with http.stream("POST", "/v1/chat/completions", json=body) as response:
        async for piece in response.aiter_text():
            if not text:
                begun.put_nowait(None)
            text = (text + piece)[-2000:]
    return text.removesuffix("\n\n").rpartition("\n\n")[2]


async def streams(http: httpx2.AsyncClient, number: int) -> list[asyncio.Task[str]]:
    begun: asyncio.Queue[None] = asyncio.Queue()
    reading = [asyncio.create_task(read(http, begun)) for _ in range(number)]
    for _ in reading:
        await asyncio.wait_for(begun.get(), 30)
    return reading


def client(server: Program) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=server.url, trust_env=False, timeout=30)


async def test_told_to_end_while_engines_load_it_does(folder: Path) -> None:
    async with program(folder, config() + LOADING) as server:
        await until(lambda: len(server.left_behind) == 3, 30)
        engines = server.engines
        server.send(signal.SIGHUP)  # it is not there yet to read anything again
        server.send(signal.SIGTERM)
        assert await server.ended() == 0
        assert gone(engines)
        assert server.left_behind == []


async def test_told_twice_it_ends_at_once_and_tells_every_reader(folder: Path) -> None:
    async with program(folder, config(ENDLESS, drain_s=600)) as server:
        await server.listens()
        async with client(server) as http:
            reading = await streams(http, STREAMS)
            engines = server.engines
            server.send(signal.SIGTERM)
            server.send(signal.SIGHUP)
            await server.logs("not read again")
            assert (await http.get("/health/ready")).json() == {"status": "ending"}
            server.send(signal.SIGINT)
            last = await asyncio.gather(*reading)
        assert await server.ended() == 0
        assert [said.startswith('data: {"error":') for said in last] == [True] * STREAMS
        assert gone(engines)
        assert server.left_behind == []


async def test_told_twice_while_the_database_is_locked_it_tells_every_reader_and_ends(folder: Path) -> None:
    async with program(folder, config(ENDLESS, drain_s=600)) as server:
        await server.listens()
        (path,) = folder.rglob(FILE)
        async with client(server) as http:
            reading = await streams(http, 3)
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                server.send(signal.SIGTERM)
                server.send(signal.SIGINT)
                last = await asyncio.gather(*reading)
                assert await server.ended() == 0
        assert [said.startswith('data: {"error":') for said in last] == [True] * 3


async def test_killed_it_leaves_nothing_and_starts_again_at_once(folder: Path) -> None:
    engines: list[int] = []
    for _ in range(2):
        async with program(folder, config(ENDLESS)) as server:
            await server.listens()
            async with client(server) as http:
                reading = await streams(http, 2)
                engines += server.engines
                server.send(signal.SIGKILL)
                await asyncio.gather(*reading, return_exceptions=True)
    await until(lambda: gone(engines) and server.left_behind == [])
    assert len(engines) == 4
