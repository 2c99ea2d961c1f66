"""A real server on a free port, in the test's own loop, with engines that the test chooses."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI

from tests.support.databases import opened
from tests.support.schemas import as_described
from vivavoce import main
from vivavoce.account.keys import KeyRing
from vivavoce.config import load
from vivavoce.core.cascade import Cascade
from vivavoce.core.models import Model, ModelCard
from vivavoce.core.speaking import Phrased
from vivavoce.server.app import create_app
from vivavoce.server.ending import Ending
from vivavoce.server.listening import Server
from vivavoce.server.service import Access, Service
from vivavoce.server.sound import Sounds
from vivavoce.store.answers import Answers
from vivavoce.store.batch_states import BatchStates
from vivavoce.store.completions import Completions
from vivavoce.store.ledger import Ledger
from vivavoce.store.replies import Replies
from vivavoce.store.uploads import Uploads
from vivavoce.testing import Hears, Says, Speaks
from vivavoce.wire.openapi import Ways

MODEL = "gpt-4o-mini-audio-preview"
VOICES = ("alloy", "echo")


class NoMedia:
    """Stands where nothing but plain WAV and PCM is sent or wanted."""

    async def call(self, method: str, *arguments: Any, wait_s: float | None = None) -> Any:
        raise AssertionError(method)


@dataclass
class Served:
    """A server that runs, and clients of it."""

    url: str
    port: int
    service: Service
    server: Server
    http: httpx2.AsyncClient
    openai: AsyncOpenAI

    async def post(self, **body: Any) -> httpx2.Response:
        return await self.http.post("/v1/chat/completions", json={"model": MODEL, **body})

    def say(self, *, stream: bool = False, text: str = "Hi", **more: Any) -> dict[str, Any]:
        """The body of a request for a spoken answer."""
        return {
            "model": MODEL,
            "modalities": ["text", "audio"],
            "audio": {"voice": "alloy", "format": "pcm16" if stream else "wav"},
            "messages": [{"role": "user", "content": text}],
            "stream": stream,
            **more,
        }


Serving = Callable[..., Awaitable[Served]]


def model(*, hear: Any = None, think: Any = None, speak: Any = None) -> Model:
    """Three engines as one model; scripted ones where none is given."""
    responder = Cascade(hear or Hears("hello"), think or Says("Hello there. ", "Bye."), Phrased(speak or Speaks()))
    return Model(MODEL, f"{MODEL}-2024-12-17", responder, ModelCard(hears=True, speaks=True, voices=VOICES), 1734393600)


@asynccontextmanager
async def run(folder: Path, now: Callable[[], float] | None = None, **options: Any) -> AsyncIterator[Served]:
    ending = Ending(options.pop("unready_s", 0.0), options.pop("drain_s", 0.5))
    bounds, port = options.pop("bounds", None), options.pop("port", 0)
    kept: dict[str, Any] = options.pop("kept", {})
    async with AsyncExitStack() as stack:
        database = await opened(folder)
        stack.push_async_callback(database.close)
        answers = Answers(database, folder / "answers", now) if now else Answers(database, folder / "answers")
        replies = Replies(database, folder / "replies", lifetime_s=60, room=64 * 1024 * 1024)
        given: dict[str, Any] = {
            "models": {MODEL: model()},
            "sounds": Sounds(NoMedia()),
            "answers": answers,
            "replies": replies,
            "ledger": Ledger(database),
            "uploads": await Uploads.open(database, folder / "uploads", **({"now": now} if now else {})),
            "batches": await BatchStates.open(database, folder / "batches", **({"now": now} if now else {})),
            "completions": Completions(database, **({"now": now} if now else {}), **kept),
            "access": Access(),
            "keys": await KeyRing.open(database, folder, **({"now": now} if now else {})),
            "missing": list,
            "ending": ending,
            **options,
        }
        service = Service(**given)
        listening = asyncio.Event()
        listener = socket.create_server(("127.0.0.1", port))
        port = listener.getsockname()[1]
        server = Server(create_app(service), listening.set, ending, bounds)
        task = asyncio.create_task(server.serve([listener]))
        await listening.wait()
        url = f"http://127.0.0.1:{port}"
        hooks = {"response": [_as_described(service)]}
        plain = httpx2.AsyncClient(base_url=url, timeout=10, trust_env=False, event_hooks=hooks)
        http = await stack.enter_async_context(plain)
        openai = AsyncOpenAI(
            base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=10, _strict_response_validation=True
        )
        await stack.enter_async_context(openai)
        try:
            yield Served(url, port, service, server, http, openai)
        finally:
            server.handle_exit(signal.SIGTERM, None)
            await task


def _as_described(service: Service) -> Callable[[httpx2.Response], Awaitable[None]]:
    """Holds every answer against the description, which tells of keys from the first one on."""

    async def check(response: httpx2.Response) -> None:
        access = service.access
        locked = bool(access.keys) or not access.loopback or service.keys.used
        await as_described(Ways(locked, service.replies is not None, service.aiml))(response)

    return check


@asynccontextmanager
async def configured(serving: Serving, folder: Path, text: str) -> AsyncIterator[Served]:
    """A server with what a configuration names."""
    folder.mkdir()
    file = folder / "vivavoce.toml"
    file.write_text(text)
    async with main.start(load(file)) as running:
        yield await serving(folder, models=running.models, sounds=running.sounds)


@pytest.fixture
async def serving(tmp_path: Path) -> AsyncIterator[Serving]:
    """Start servers; all are stopped in the end, and nothing is left to complain of."""
    async with AsyncExitStack() as stack:

        async def make(folder: Path = tmp_path, **options: Any) -> Served:
            return await stack.enter_async_context(run(folder, **options))

        yield make
