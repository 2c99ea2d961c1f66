"""An engine for models elsewhere, and the server it asks."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.support.upstream import Upstream
from vivavoce.engines.openai import OpenAICompatible
from vivavoce.server.listening import Server


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    app = Upstream()
    server = Server(app, lambda: None, drain_s=0.1)
    listener = socket.create_server(("127.0.0.1", 0))
    app.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    task = asyncio.create_task(server.serve([listener]))
    yield app
    server.handle_exit(signal.SIGTERM, None)
    await task


Make = Callable[..., OpenAICompatible]


@pytest.fixture
async def make(upstream: Upstream) -> AsyncIterator[Make]:
    made: list[OpenAICompatible] = []

    def engine(**options: Any) -> OpenAICompatible:
        given = {"base_url": upstream.url, "model": "theirs", **options}
        made.append(OpenAICompatible(OpenAICompatible.Options(**given)))
        return made[-1]

    yield engine
    for each in made:
        await each.close()
