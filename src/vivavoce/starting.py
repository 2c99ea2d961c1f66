"""Engines started as a configuration says, the models they make, and their end."""

from collections.abc import AsyncGenerator, Awaitable, Collection, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

import msgspec

from vivavoce import assembly, checking
from vivavoce.assembly import Engine
from vivavoce.catalogue import embedded
from vivavoce.config import Config, Role, refuse
from vivavoce.core.breaker import Breaker
from vivavoce.core.errors import PublicError
from vivavoce.core.models import Model
from vivavoce.core.recalling import Memory
from vivavoce.core.tasks import together
from vivavoce.core.watching import Watch
from vivavoce.engines.child import EngineMissing, Spec
from vivavoce.engines.pool import Pool
from vivavoce.engines.pooled import Pooled
from vivavoce.server.sound import Sounds
from vivavoce.shelf import Shelf
from vivavoce.warming import first_answer

MEDIA = Spec("media", "vivavoce.audio.media:Media")
Engines: TypeAlias = Shelf[Engine]
PARTS: dict[Role, str] = {"hear": "ear", "think": "brain", "speak": "voice"}


@dataclass(frozen=True, slots=True)
class Running:
    """Everything that was started."""

    engines: Mapping[str, Engine]
    models: Mapping[str, Model]
    sounds: Sounds
    media: Engine
    needed: Collection[Collection[str]] = ()
    """Of each of these engines one must be there."""

    @property
    def pools(self) -> list[Pool]:
        """Every pool of processes, the media process's too."""
        return [engine.pool for engine in (self.media, *self.engines.values()) if engine.pool is not None]

    @property
    def breakers(self) -> list[Breaker]:
        """Every engine's, that of the media process too."""
        return [engine.breaker for engine in (self.media, *self.engines.values())]

    def ready(self) -> bool:
        """Whether every process runs, and each part of each model has an engine that has answered."""
        return not self.missing()

    def missing(self) -> list[str]:
        """The engines it waits for: those whose processes do not all run, but for one that is given a rest; and where
        none of those that stand in for one another is there, all of these."""
        pools = [pool for pool in self.pools if pool is self.media.pool or pool.breaker.state == "closed"]
        absent = {pool.name for pool in pools if not pool.ready}
        absent |= {name for each in self.needed if not any(self.engines[name].there for name in each) for name in each}
        return sorted(absent)


@asynccontextmanager
async def start(
    config: Config, shelf: Engines | None = None, watch: Watch | None = None, memory: Memory | None = None
) -> AsyncGenerator[Running, None]:
    """Start every engine that a model names, have each process answer once, and stop them in the end.

    What is on the `shelf` runs already, and is stopped by the last who uses it. `watch` is told of what the models have
    engines do; what is heard is kept in `memory`.

    Raises:
        EngineMissing: one cannot be started, or does not answer.
        ConfigError: one cannot do what a model wants of it.
    """
    async with start_engines(config, assembly.engines_named(config), shelf) as running:
        refuse(checking.misfits(config, {name: engine.card for name, engine in running.engines.items()}))
        watched = {name: replace(engine, watch=watch) for name, engine in running.engines.items()}
        models = assembly.models(config, watched, memory)
        yield replace(running, models=models, needed=assembly.choices(config))


@asynccontextmanager
async def start_engines(
    config: Config, named: Collection[str], shelf: Engines | None = None
) -> AsyncGenerator[Running, None]:
    """Start some engines only, without models; otherwise as `start`."""
    shelf = Shelf() if shelf is None else shelf
    async with AsyncExitStack() as stack:
        engines: dict[str, Engine] = {}
        new: list[Engine] = []
        for name in sorted(named):
            key = (name, msgspec.json.encode(config.engines[name]), config.limits.wait_ms)
            with _where(config, name):
                engine, is_new = shelf.take(key, lambda name=name: assembly.make(config, name), _end)
            stack.push_async_callback(shelf.give_back, key)
            engines[name] = replace(engine, plays=assembly.roles(config, name))
            new += [engines[name]] if is_new else []
        media, is_new = shelf.take(config.limits.wait_ms, lambda: _media(config), _end)
        stack.push_async_callback(shelf.give_back, config.limits.wait_ms)
        new += [media] if is_new else []
        pools = [(engine.name, engine.pool) for engine in new if engine.pool is not None]
        await together([_told_where(config, name, pool.start()) for name, pool in pools])
        answering = [engine for engine in new if engine.pool is not None and engine is not media]
        # as many first answers as there are processes: each takes a free one
        first = [engine for engine in answering for _ in range(engine.at_once // engine.card.parallel)]
        await together([_told_where(config, engine.name, first_answer(engine)) for engine in first])
        sounds = Sounds(media.itself, config.limits.audio_seconds)
        if media in new:
            with suppress(PublicError):  # what it cannot do is told to whoever asks for it
                await sounds.warm()
        yield Running(engines, {}, sounds, media)


@contextmanager
def _where(config: Config, name: str) -> Generator[None, None, None]:
    """Say of an engine that is missing where it is named."""
    try:
        yield
    except EngineMissing as missing:
        raise EngineMissing(str(config.problem(("engines", name, "use"), str(missing)))) from None


async def _told_where(config: Config, name: str, work: Awaitable[None]) -> None:
    with _where(config, name):
        await work


def _media(config: Config) -> Engine:
    pool = Pool(MEDIA, wait_s=config.limits.wait_ms / 1000)
    return Engine(MEDIA.name, MEDIA.name, Pooled(pool), pool, frozenset())


async def _end(engine: Engine) -> None:
    if engine.pool is not None:
        await engine.pool.stop()
    if hasattr(engine.itself, "close"):
        await engine.itself.close()


def about(running: Running) -> str:
    """Which engines there are, in one line."""
    return ", ".join(f"{name}: {engine.card.name or engine.use}" for name, engine in running.engines.items())


def better(config: Config, running: Running) -> str | None:
    """What would make it better, in one line; None where the engines it comes with play no part."""
    brain = str(embedded.path())
    poor = [
        engine
        for name, engine in running.engines.items()
        if engine.card.note and config.engines[name].options.get("model", brain) == brain  # another GGUF was chosen
    ]
    parts = [part for role, part in PARTS.items() if any(role in engine.plays for engine in poor)]
    if not parts:
        return None
    listed = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    return f"a far better {listed} for this machine: vivavoce pull natural"
