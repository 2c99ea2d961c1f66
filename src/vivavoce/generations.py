"""What the server is made of while it runs: read again on SIGHUP, without breaking off what is under way.

Each reading of the configuration is a generation: engines, models, an application. Requests stay with the generation
they came to; it ends when they have.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from vivavoce.account.counters import Counters
from vivavoce.account.history import FromLedger
from vivavoce.account.keys import KeyRing
from vivavoce.account.limits import Limits
from vivavoce.assembly import Engine
from vivavoce.batches.keeping import House, Keeper
from vivavoce.checking import LOOPBACK
from vivavoce.config import Config, ConfigError
from vivavoce.core.admission import Door
from vivavoce.core.breaker import Breaker
from vivavoce.core.errors import PublicError
from vivavoce.core.watching import Watch, Watches
from vivavoce.documents.reading import Documents
from vivavoce.engines.child import EngineMissing
from vivavoce.quotas import BatchesConfig, batched, rules
from vivavoce.server.app import create_app
from vivavoce.server.ending import Ending
from vivavoce.server.service import Access, Service
from vivavoce.server.switch import Switch
from vivavoce.shelf import Shelf
from vivavoce.starting import Engines, Running, about, better, start
from vivavoce.store import clock
from vivavoce.store.answers import Answers
from vivavoce.store.batch_states import BatchStates
from vivavoce.store.batches import Batches
from vivavoce.store.completions import Completions
from vivavoce.store.heard import Heard
from vivavoce.store.ledger import Ledger
from vivavoce.store.replies import Replies
from vivavoce.store.uploads import Uploads
from vivavoce.telemetry.meters import Meters
from vivavoce.telemetry.traces import Traces
from vivavoce.warming import try_again, warm

log = logging.getLogger("vivavoce")

ASK_AGAIN_S = 5.0
"""How long after a failure an engine elsewhere is asked again whether it answers."""
LAST_S = 600.0
"""Longest that requests of an earlier generation may go on."""


@dataclass(frozen=True, slots=True)
class Store:
    """What outlives generations."""

    answers: Answers
    completions: Completions
    uploads: Uploads
    batches: BatchStates
    lines: Batches
    ledger: Ledger
    counters: Counters
    replies: Replies | None
    heard: Heard | None
    keys: KeyRing


class Generations:
    """ASGI: one generation after another."""

    def __init__(self, store: Store, traces: Traces | None = None, ending: Ending | None = None) -> None:
        self._store = store
        self._traces = traces
        self._ending = ending or Ending()
        self.meters = Meters()
        self._shelf: Engines = Shelf()
        self._stack = AsyncExitStack()
        self._switch: Switch | None = None
        self._door: Door | None = None
        self.lines_at_once = BatchesConfig().at_once
        """Of batches; as the newest configuration says."""
        self._leaving: set[asyncio.Task[None]] = set()
        self._lasting = AsyncExitStack()
        """What goes on through all generations."""
        self._keeper: Keeper | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. There must be a generation."""
        if self._switch is None:
            raise RuntimeError("no generation has begun")
        await self._switch(scope, receive, send)

    async def begin(self, config: Config) -> Running:
        """Start the engines that run in no generation yet, and give requests that come from now on to them.

        Raises:
            ConfigError: an engine cannot do what a model wants of it.
            EngineMissing: an engine cannot be started.
        """
        stack = AsyncExitStack()
        try:
            watch = self._watch(config)
            running = await stack.enter_async_context(start(config, self._shelf, watch, self._store.heard))
            door = Door(config.limits.wait_ms / 1000, config.batches.beside)
            stack.enter_context(self.meters.showing(running.pools, door, running.breakers))
            while_open(stack, try_again(running.media.breaker, running.sounds.warm))
            for engine in running.engines.values():
                while_open(stack, try_again(engine.breaker, partial(warm, engine)))
                if engine.pool is None:
                    while_open(stack, _ask_until_it_answers(engine))
            service = self._service(config, running, watch, door)
            app = create_app(service)
        except BaseException:
            await stack.aclose()
            raise
        about_it = (service.model, service.callers().again, service.limits, service.body_bytes)
        self._keep_batches(House(*about_it, lambda: door.background.somebody))
        before, self._stack, self.lines_at_once = self._stack, stack, config.batches.at_once
        before_door, self._door = self._door, door
        if self._switch is None:
            self._switch = Switch(app)
        else:
            leaving = asyncio.create_task(self._end(before, self._switch, app))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
            await asyncio.sleep(0)  # the switch is thrown
        if before_door is not None:
            before_door.background.send_away()  # to this generation: what people come by is its door
        return running

    async def renew_on(self, hangup: asyncio.Event, read: Callable[[], Config]) -> None:
        """On each `hangup` `read` the configuration and begin with it, after those that have begun to; one that cannot
        be used changes nothing. A server that ends reads none."""
        while True:
            await hangup.wait()
            hangup.clear()
            if self._ending.begun:
                log.warning("the configuration was not read again: the server ends")
                continue
            try:
                running = await self.begin(await asyncio.to_thread(read))
            except (ConfigError, EngineMissing, OSError) as error:
                for said in error.said if isinstance(error, ConfigError) else (error,):
                    log.error("the configuration was not taken: %s", said)
            else:
                log.warning("the configuration was read again; behind it: %s", about(running))

    async def end(self) -> None:
        """End every generation. No request may be under way."""
        for task in self._leaving:
            task.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        await self._stack.aclose()
        await self._lasting.aclose()

    def _keep_batches(self, house: House) -> None:
        if self._keeper is None:
            self._keeper = Keeper(self._store.batches, self._store.uploads, house)
            while_open(self._lasting, self._keeper.run())
        self._keeper.use(house)

    async def _end(self, stack: AsyncExitStack, switch: Switch, app: ASGIApp) -> None:
        try:
            await switch.to(app, LAST_S)
        finally:
            await stack.aclose()

    def _watch(self, config: Config) -> Watch | None:
        """Who is told of turns and engines; None: nobody, which costs nothing."""
        watches: list[Watch] = [self.meters] if config.server.metrics else []
        watches += [self._traces] if self._traces is not None else []
        return Watches(watches) if len(watches) > 1 else next(iter(watches), None)

    def _service(self, config: Config, running: Running, watch: Watch | None, door: Door) -> Service:
        return Service(
            models=running.models,
            sounds=running.sounds,
            answers=self._store.answers,
            completions=self._store.completions,
            uploads=self._store.uploads,
            batches=self._store.batches,
            keys=self._store.keys,
            ledger=self._store.ledger,
            access=Access(
                tuple(config.server.keys), tuple(config.server.origins), loopback=config.server.host in LOOPBACK
            ),
            missing=running.missing,
            ending=self._ending,
            limits=Limits(
                rules(config.limits, config.tiers, config.budgets),
                self._store.counters,
                FromLedger(self._store.ledger),
                clock.now,
            ),
            documents=Documents(config.limits.pdf_pages, config.limits.pdf_mb, config.limits.wait_ms / 1000),
            door=door,
            batched=batched(config.batches),
            body_bytes=int(config.limits.body_mb * 1024 * 1024),
            file_bytes=int(config.limits.file_mb * 1024 * 1024),
            files_bytes=int(config.store.files_mb * 1024 * 1024),
            strict=config.server.strict,
            aiml=config.server.aiml,
            meta_usage=config.server.meta_usage,
            replies=self._store.replies,
            watch=watch or Watches(),
            meters=self.meters if config.server.metrics else None,
            traces=self._traces,
            about=about(running),
            better=better(config, running),
        )


def while_open(stack: AsyncExitStack, work: Coroutine[None, None, None]) -> None:
    """Do `work` in the background until `stack` is closed."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)


async def _ask_until_it_answers(engine: Engine) -> None:
    """Have an engine elsewhere answer once; it may be started after this server."""
    told = ""
    while not engine.answered.is_set():
        try:
            await warm(replace(engine, elsewhere=Breaker(engine.name)))
            engine.answered.set()
        except PublicError as error:
            if error.message != told:
                log.warning("engine '%s' does not answer yet: %s", engine.name, error.message)
            told = error.message
            await asyncio.sleep(ASK_AGAIN_S)
    if told:
        log.warning("engine '%s' answers now", engine.name)
