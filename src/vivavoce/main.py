"""The composition root: the address, what outlives requests, and the generations of engines behind the server."""

import asyncio
import errno
import signal
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from msgspec.structs import replace

from vivavoce import checking
from vivavoce.account.counters import InMemory
from vivavoce.account.first import first_admin
from vivavoce.account.keys import KeyRing
from vivavoce.batches.running import Runner
from vivavoce.checking import LOOPBACK
from vivavoce.config import Config, ServerConfig, data_folder, refuse
from vivavoce.core.logs import in_loop
from vivavoce.generations import Generations, Store, while_open
from vivavoce.server.ending import Ended, Ending
from vivavoce.server.lines import Lines
from vivavoce.server.listening import Server
from vivavoce.server.protocol import Bounds
from vivavoce.starting import Running, about, start, start_engines
from vivavoce.store import clock
from vivavoce.store.answers import Answers
from vivavoce.store.batch_states import BatchStates
from vivavoce.store.batches import Batches
from vivavoce.store.buckets import Buckets
from vivavoce.store.completions import Completions
from vivavoce.store.database import Database
from vivavoce.store.heard import Heard
from vivavoce.store.ledger import Ledger
from vivavoce.store.replies import Replies
from vivavoce.store.sweeping import sweep_for_ever
from vivavoce.store.uploads import Uploads
from vivavoce.telemetry.traces import tracing

__all__ = ["Running", "about", "serve", "start", "start_engines"]


async def serve(
    config: Config,
    announce: Callable[[int, Running, KeyRing], None],
    again: Callable[[], Config] | None = None,
    first: Callable[[str], None] | None = None,
) -> None:
    """Run the server until it is told to stop, which may be while it starts.

    Args:
        config: what it is to be.
        announce: called with its port once it listens.
        again: reads the configuration again, on SIGHUP; what has changed of it holds for requests that come then.
        first: told the admin key that is made where other machines can reach the server and there is no key yet;
            None: there is nowhere to tell it, and none is made.

    Raises:
        ConfigError: it may not listen there, or an engine cannot do what a model wants of it.
        EngineMissing: an engine cannot be started.
        StoreInUse: another server uses the data folder.
        OSError: the address or the data folder cannot be used.
    """
    asyncio.get_running_loop().set_exception_handler(in_loop)
    ending, hangup = Ending(config.server.unready_s, config.server.drain_s), asyncio.Event()
    with ending.heeding_signals({} if again is None else {signal.SIGHUP: hangup.set}), suppress(Ended):
        async with AsyncExitStack() as stack:
            listener = stack.enter_context(_bound(config))
            kept = await stack.enter_async_context(store(config))
            generations = Generations(kept, await stack.enter_async_context(tracing()), ending)
            stack.push_async_callback(generations.end)
            running = await ending.unless_told(generations.begin(config))
            if again is not None:
                while_open(stack, generations.renew_on(hangup, lambda: as_bound(again(), config)))
            lines = Lines(generations)
            runner = Runner(kept.lines, lines.ask, lambda: generations.lines_at_once, generations.meters)
            kept.batches.wake = runner.wake
            while_open(stack, ending.unless_told(runner.run()))
            port: int = listener.getsockname()[1]
            await make_first(config.server, kept.keys, first)
            bounds = Bounds(connections=config.limits.connections)
            await Server(generations, lambda: announce(port, running, kept.keys), ending, bounds).serve([listener])


def as_bound(found: Config, bound: Config) -> Config:
    """A configuration read by a server that runs: who may come in goes by the address that was taken, and stays so.

    Raises:
        ConfigError: its keys are too easily guessed for that address.
    """
    found.server = replace(found.server, host=bound.server.host)
    refuse(checking.exposed(found))
    return found


async def make_first(server: ServerConfig, ring: KeyRing, told: Callable[[str], None] | None) -> None:
    """Make an admin key where other machines can call and nobody has a key, if there is somebody to be told it."""
    if told is None or server.host in LOOPBACK or server.keys:
        return
    value = await first_admin(ring)
    if value is not None:
        told(value)


@asynccontextmanager
async def store(config: Config) -> AsyncGenerator[Store, None]:
    """What outlives requests, and is swept now and then."""
    async with AsyncExitStack() as stack:
        folder = data_folder(config.store)
        database = await Database.open(folder)
        stack.push_async_callback(database.close)
        answers = Answers(database, folder / "answers")
        completions = Completions(database, days=config.store.completions_days, most=config.store.completions)
        replies = Replies(
            database,
            folder / "replies",
            lifetime_s=config.store.replies_hours * 3600,
            room=int(config.store.replies_mb * 1024 * 1024),
        )
        heard = Heard(
            database,
            lifetime_s=config.store.heard_minutes * 60,
            most=config.store.heard,
            room=int(config.store.heard_mb * 1024 * 1024),
        )
        uploads = await Uploads.open(database, folder / "uploads")
        batches = await BatchStates.open(database, folder / "batches")
        counters = InMemory(clock.running)
        buckets = Buckets(database, lambda: counters.daily(clock.now()))
        counters.restore(await buckets.read(), clock.now())
        stack.push_async_callback(buckets.keep)
        while_open(stack, buckets.keep_for_ever())
        while_open(stack, sweep_for_ever(heard.sweep, "expired words"))
        while_open(stack, sweep_for_ever(answers.sweep, "expired answers"))
        while_open(stack, sweep_for_ever(replies.sweep, "expired replies"))
        while_open(stack, sweep_for_ever(completions.sweep, "expired completions"))
        while_open(stack, sweep_for_ever(uploads.sweep, "expired files"))
        while_open(stack, sweep_for_ever(batches.remains.sweep, "old batches"))
        yield Store(
            answers,
            completions,
            uploads,
            batches,
            Batches(database, batches.files),
            Ledger(database),
            counters,
            replies if config.store.replies_hours else None,
            heard if config.store.heard_minutes else None,
            await KeyRing.open(database, folder),
        )


def _bound(config: Config) -> socket.socket:
    """The server's address, taken before anything slow is done; nobody is let in yet."""
    host, port = config.server.host, config.server.port
    refuse(checking.exposed(config))
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
