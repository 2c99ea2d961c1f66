"""The audio endpoints on a real server, with engines that the test chooses."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from openai import AsyncOpenAI

from tests.support.schemas import as_described
from tests.support.serving import NoMedia
from vivavoce.audio.media import Media
from vivavoce.core.cascade import Cascade
from vivavoce.core.engines import Transcriber
from vivavoce.core.models import Model, ModelCard
from vivavoce.core.speaking import Phrased
from vivavoce.server.app import create_app
from vivavoce.server.listening import Server
from vivavoce.server.service import Access, Service
from vivavoce.server.sound import Sounds
from vivavoce.store.answers import Answers
from vivavoce.store.completions import Completions
from vivavoce.store.database import Database
from vivavoce.testing import Says, Speaks
from vivavoce.wire.openapi import Ways

VOICES = ("alloy", "echo")
NAMES = ("whisper-1", "gpt-4o-mini-transcribe", "gpt-4o-mini-tts", "tts-1")


class OwnMedia:
    """The media process's work, in a thread of this process."""

    async def call(self, method: str, *arguments: Any, wait_s: float | None = None) -> Any:
        del wait_s

        def work() -> Any:
            items: Iterator[Any] = getattr(Media(Media.Options(memory_mb=0)), method)(*arguments)
            return [item for item in items if item is not None][-1]

        return await asyncio.to_thread(work)


@dataclass
class Audio:
    """A server of the audio endpoints, and clients of it."""

    port: int
    http: httpx2.AsyncClient
    openai: AsyncOpenAI


def models(*, hear: Transcriber | None = None, speak: Any = None) -> dict[str, Model]:
    """The same two engines under the names clients use."""
    card = ModelCard(hears=hear is not None, speaks=True, voices=VOICES)
    speaker = Phrased(speak or Speaks())
    brain = Cascade(None, Says("Hi."), speaker)
    return {name: Model(name, name, brain, card, transcriber=hear, speaker=speaker) for name in NAMES}


@asynccontextmanager
async def audio_server(
    folder: Path, known: dict[str, Model], *, media: Any = None, **more: Any
) -> AsyncIterator[Audio]:
    async with AsyncExitStack() as stack:
        database = await Database.open(folder)
        stack.push_async_callback(database.close)
        service = Service(
            models=known,
            sounds=Sounds(media or NoMedia()),
            answers=Answers(database, folder / "answers"),
            completions=Completions(database),
            access=Access(loopback=False),
            ready=lambda: True,
            **more,
        )
        listening = asyncio.Event()
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server = Server(create_app(service), listening.set, 0.5)
        task = asyncio.create_task(server.serve([listener]))
        await listening.wait()
        url = f"http://127.0.0.1:{port}"
        hooks = {"response": [as_described(Ways(repeats=False))]}
        plain = httpx2.AsyncClient(base_url=url, timeout=10, trust_env=False, event_hooks=hooks)
        http = await stack.enter_async_context(plain)
        client = AsyncOpenAI(
            base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=10, _strict_response_validation=True
        )
        await stack.enter_async_context(client)
        try:
            yield Audio(port, http, client)
        finally:
            server.handle_exit(signal.SIGTERM, None)
            await task
