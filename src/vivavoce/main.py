"""The composition root: what `assembly` makes of a configuration, started, and the application in front of it."""

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from vivavoce import assembly
from vivavoce.assembly import Engine
from vivavoce.config import Config, ConfigError, data_folder
from vivavoce.core.errors import PublicError
from vivavoce.core.models import Model
from vivavoce.core.tasks import together
from vivavoce.documents.reading import Documents
from vivavoce.engines.child import Spec
from vivavoce.engines.pool import Pool
from vivavoce.engines.pooled import Pooled
from vivavoce.server.app import create_app
from vivavoce.server.listening import Server
from vivavoce.server.protocol import Bounds
from vivavoce.server.service import Access, Service
from vivavoce.server.sound import Sounds
from vivavoce.store.answers import Answers
from vivavoce.store.completions import Completions
from vivavoce.store.database import Database
from vivavoce.store.replies import Replies
from vivavoce.store.sweeping import sweep_for_ever

log = logging.getLogger("vivavoce")

MEDIA = Spec("media", "vivavoce.audio.media:Media")
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
ASK_AGAIN_S = 5.0
"""How long after a failure an engine elsewhere is asked again whether it answers."""


@dataclass(frozen=True, slots=True)
class Running:
    """Everything that was started."""

    engines: Mapping[str, Engine]
    models: Mapping[str, Model]
    sounds: Sounds
    media: Pool

    @property
    def pools(self) -> list[Pool]:
        """Every pool of processes, the media process's too."""
        return [self.media, *(engine.pool for engine in self.engines.values() if engine.pool is not None)]

    def ready(self) -> bool:
        """Whether every process runs; each has answered once before it was listed here."""
        return all(pool.ready for pool in self.pools)


@asynccontextmanager
async def start(config: Config) -> AsyncGenerator[Running, None]:
    """Start every engine that a model names, have each process answer once, and stop them in the end.

    Raises:
        EngineMissing: one cannot be started, or does not answer.
        ConfigError: one cannot do what a model wants of it.
    """
    async with start_engines(config, assembly.engines_named(config)) as running:
        for name, settings in config.models.items():
            assembly.check_model(name, settings, running.engines)
        yield replace(running, models=assembly.models(config, running.engines))


@asynccontextmanager
async def start_engines(config: Config, named: Collection[str]) -> AsyncGenerator[Running, None]:
    """Start some engines only, without models; otherwise as `start`."""
    async with AsyncExitStack() as stack:
        media = Pool(MEDIA, wait_s=config.limits.wait_ms / 1000)
        engines = assembly.make(config, named)
        pools = [media, *(engine.pool for engine in engines.values() if engine.pool is not None)]
        for pool in pools:
            stack.push_async_callback(pool.stop)
        for engine in engines.values():
            if hasattr(engine.itself, "close"):
                stack.push_async_callback(engine.itself.close)
        await together([pool.start() for pool in pools])
        await together([assembly.first_answer(engine) for engine in engines.values() if engine.pool is not None])
        yield Running(engines, {}, Sounds(Pooled(media), config.limits.audio_seconds), media)


async def serve(config: Config, announce: Callable[[int, Running], None]) -> None:
    """Run the server until it is told to stop; `announce` is called with its port once it listens.

    Raises:
        ConfigError: it may not listen there, or an engine cannot do what a model wants of it.
        EngineMissing: an engine cannot be started.
        StoreInUse: another server uses the data folder.
        OSError: the address or the data folder cannot be used.
    """
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(_bound(config))
        database = await Database.open(data_folder())
        stack.push_async_callback(database.close)
        answers = Answers(database, data_folder() / "answers")
        completions = Completions(database, days=config.store.completions_days, most=config.store.completions)
        _while_open(stack, sweep_for_ever(answers.sweep, "expired answers"))
        replies = Replies(
            database,
            data_folder() / "replies",
            lifetime_s=config.store.replies_hours * 3600,
            room=int(config.store.replies_mb * 1024 * 1024),
        )
        _while_open(stack, sweep_for_ever(replies.sweep, "expired replies"))
        _while_open(stack, sweep_for_ever(completions.sweep, "expired completions"))
        running = await stack.enter_async_context(start(config))
        silent = {engine.name for engine in running.engines.values() if engine.pool is None}
        for name in sorted(silent):
            _while_open(stack, _ask_until_it_answers(running.engines[name], silent))
        service = Service(
            models=running.models,
            sounds=running.sounds,
            answers=answers,
            completions=completions,
            access=Access(
                tuple(config.server.keys), tuple(config.server.origins), loopback=config.server.host in LOOPBACK
            ),
            ready=lambda: not silent and running.ready(),
            documents=Documents(config.limits.pdf_pages, config.limits.pdf_mb, config.limits.wait_ms / 1000),
            body_bytes=int(config.limits.body_mb * 1024 * 1024),
            strict=config.server.strict,
            aiml=config.server.aiml,
            replies=replies if config.store.replies_hours else None,
            about=about(running),
        )
        port: int = listener.getsockname()[1]
        bounds = Bounds(connections=config.limits.connections)
        await Server(create_app(service), lambda: announce(port, running), bounds=bounds).serve([listener])


def about(running: Running) -> str:
    """Which engines there are, in one line."""
    return ", ".join(f"{name}: {engine.card.name or engine.use}" for name, engine in running.engines.items())


def _while_open(stack: AsyncExitStack, work: Coroutine[None, None, None]) -> None:
    """Do `work` in the background until `stack` is closed."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)


def _bound(config: Config) -> socket.socket:
    """The server's address, taken before anything slow is done; nobody is let in yet."""
    host, port = config.server.host, config.server.port
    if host not in LOOPBACK and not config.server.keys:
        raise ConfigError(f"{host} can be reached from other machines: set [server] keys first, or serve on 127.0.0.1")
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        taken = " (another program listens there; take another one with --port)"
        why = f"{error.strerror}{taken if error.errno == errno.EADDRINUSE else ''}"
        raise OSError(error.errno, why, f"{host}:{port}") from None
    return listener


async def _ask_until_it_answers(engine: Engine, silent: set[str]) -> None:
    """Have an engine elsewhere answer once; it may be started after this server."""
    while engine.name in silent:
        try:
            await assembly.warm(engine)
            silent.discard(engine.name)
        except PublicError as error:
            log.warning("engine '%s' does not answer yet: %s", engine.name, error.message)
            await asyncio.sleep(ASK_AGAIN_S)
