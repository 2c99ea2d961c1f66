"""Processes that hold blocking engines, and calls to them.

    stream("synthesize", say) ─► a free worker ─► unix socket ─► engine process
                                 │ the engine is given a rest (`core.breaker`): EngineDown
                                     │ none free: wait in line, at most `wait_s`, then Overloaded;
                                     │       a turn that was let in waits for those before it, and goes before others
                                     │ died: every call in flight fails at once; restarted with back-off, while
                                     │       those in line wait on
                                     └ silent too long: killed, then as if it had died

What a call yields is read into memory as fast as the engine makes it (a call is short), so a slow reader never holds
an engine.
"""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager
from typing import Any

from vivavoce.core.admitted import admitted, patience_s
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Card
from vivavoce.core.line import Standing
from vivavoce.core.load import Load
from vivavoce.core.tasks import together
from vivavoce.core.turn import AudioDelta, Stream
from vivavoce.engines import call as calls
from vivavoce.engines.call import Call
from vivavoce.engines.child import Child, EngineMissing, Spec
from vivavoce.engines.frames import Frame, encode
from vivavoce.engines.places import Places, Worker, standing

log = logging.getLogger("vivavoce.pool")

END = object()
BACK_OFF_S = (0.0, 0.25, 0.5, 1.0, 2.0, 5.0)
STEADY_S = 30.0
"""A worker that lived this long starts its back-off anew."""


class Pool:
    """One engine in `workers` processes."""

    def __init__(
        self,
        spec: Spec,
        *,
        workers: int = 1,
        wait_s: float = 2.0,
        silence_s: float = 30.0,
        start_s: float = 60.0,
        unload_s: float | None = None,
    ) -> None:
        """`wait_s`: for those whom nobody let in. `unload_s`: a process that nobody has called for so long is ended,
        and started again for the next call."""
        self.spec = spec
        self._unload_s = unload_s
        self._workers = [Worker(spec) for _ in range(workers)]
        self.wait_s = wait_s
        self._silence_s = silence_s
        self._start_s = start_s
        self._supervisors: list[asyncio.Task[None]] = []
        self.restarts = 0
        self.load = Load(name=spec.name)
        self.breaker = self.load.breaker
        self._places = Places(self._workers, self.load, self._wake_one)

    @property
    def ready(self) -> bool:
        """Whether every worker runs, or sleeps, and has not failed again and again."""
        running = [worker.asleep or (worker.child is not None and not worker.child.lost) for worker in self._workers]
        return self.breaker.state == "closed" and all(running)

    @property
    def places(self) -> int:
        """How many calls it serves at once; known once started."""
        return self.card.parallel * len(self._workers)

    @property
    def name(self) -> str:
        """What the configuration calls the engine."""
        return self.spec.name

    @property
    def busy(self) -> int:
        """How many calls it serves now."""
        return self.load.busy

    @property
    def waiting(self) -> int:
        """How many calls wait for a place."""
        return self.load.waiting

    @property
    def pids(self) -> list[int]:
        """The processes running now."""
        return [worker.child.pid for worker in self._workers if worker.child is not None]

    @property
    def card(self) -> Card:
        """What the engine is and can do; known once started."""
        return self._card

    async def start(self) -> None:
        """Start every worker.

        Raises:
            EngineMissing: the engine cannot be loaded; the message says why.
        """
        try:
            await together([self._fill(worker) for worker in self._workers])
        except BaseException:
            await self.stop()
            raise
        self._supervisors = [asyncio.create_task(self._supervise(worker)) for worker in self._workers]
        self.load.places = self.places

    async def stop(self) -> None:
        """Stop every process."""
        for task in self._supervisors:
            task.cancel()
        await asyncio.gather(*self._supervisors, return_exceptions=True)
        self._supervisors.clear()
        running = [worker.child for worker in self._workers if worker.child is not None]
        for worker in self._workers:
            worker.child = None
        await asyncio.gather(*(child.stop() for child in running))

    async def stream(self, method: str, *arguments: Any, wait_s: float | None = None) -> Stream[Any]:
        """Call `method` on a free worker and yield its items.

        Raises:
            TooLarge: what it is called with.
            EngineDown: it failed again and again, and is given a rest.
            Overloaded: no worker was free within `wait_s`; unset: within the pool's own, or `ADMITTED_S` for a turn
                that was let in.
            EngineFailed: the process died, or the engine has a bug.
            EngineTimeout: nothing was heard of the process for `silence_s`; it has been killed.
            PublicError: what the engine itself says to the client.
        """
        items: asyncio.Queue[Any] = asyncio.Queue()  # bounded in `_read`, which must never wait for it
        frame = encode([method, *arguments])
        call = asyncio.create_task(self._counted(items, method, frame, wait_s))
        call.add_done_callback(lambda _: items.put_nowait(END))
        try:
            while (item := await items.get()) is not END:
                yield item
            await call
        finally:
            call.cancel()
            await asyncio.wait([call])
            if not call.cancelled():
                call.exception()
            del call  # its error holds this frame; were it to hold the call, what it was sent would be kept

    async def _counted(self, items: asyncio.Queue[Any], method: str, frame: Frame, wait_s: float | None) -> None:
        """Make a call, and have it counted with its turn."""
        turn = admitted()
        where, limit_s = standing(method, turn, self.load), self.wait_s if wait_s is None else wait_s
        if turn is None:
            await self._read(items, frame, where, limit_s)
            return
        if wait_s is None and any(worker.child is not None for worker in self._workers):
            limit_s = patience_s(limit_s)  # where nothing runs, no line gets shorter
        self.load.coming.discard(turn)
        turn.calls += 1
        self.load.giving_way += turn.background
        try:
            took_s, sound_s = await self._read(items, frame, where, limit_s)
            self.load.called(took_s, sound_s)
        finally:
            turn.calls -= 1
            self.load.giving_way -= turn.background

    async def _read(
        self, items: asyncio.Queue[Any], call: Frame, where: Standing, wait_s: float
    ) -> tuple[float, float]:
        """Read a whole call into `items`, however slowly they are taken; the worker is free when this ends.

        How long the call had its place, and how much sound it made, in seconds.
        """
        sound_s, loop = 0.0, asyncio.get_running_loop()
        async with self._places.taken(where, wait_s) as child, self._call(child, call) as under_way:
            began = loop.time()
            while True:
                kind, *content = await under_way.next()
                if kind in {"end", "error"}:
                    self.breaker.succeeded()
                if kind == "end":
                    return loop.time() - began, sound_s
                if kind == "item" and items.qsize() < calls.WAITING_ITEMS:
                    items.put_nowait(content[0])
                    sound_s += _sound_s(content[0])
                elif kind != "beat":
                    raise under_way.error(kind, content)

    async def count(self, texts: list[str]) -> list[int]:
        """Call `count` beside whatever else the worker does."""
        child = next((worker.child for worker in self._workers if worker.child is not None), None)
        if child is None:
            async with self._places.taken(Standing(), self.wait_s) as woken:
                return await self._count(woken, texts)
        return await self._count(child, texts)

    async def _count(self, child: Child, texts: list[str]) -> list[int]:
        async with self._call(child, encode(["count", texts])) as under_way:
            kind, *content = await under_way.next()
            if kind != "item":
                raise under_way.error(kind, content)
            return list(content[0])

    def _call(self, child: Child, call: Frame) -> AbstractAsyncContextManager[Call]:
        return Call.to(child, self.spec.name, self._silence_s, call)

    def _wake_one(self) -> float:
        """Have a process started for a place that sleeps: how long that may take in seconds; 0 where none does."""
        asleep = next((worker for worker in self._workers if worker.asleep), None)
        if asleep is None:
            return 0.0
        asleep.wanted.set()
        return self._start_s

    async def _fill(self, worker: Worker) -> None:
        began = asyncio.get_running_loop().time()
        worker.child = await Child.start(self.spec, self._start_s)
        self._card = worker.child.card
        self.breaker.recover_s = asyncio.get_running_loop().time() - began

    async def _supervise(self, worker: Worker) -> None:
        """Keep a process in `worker`'s place for ever."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            if worker.child is not None:
                began = worker.used = loop.time()
                code = await self._life(worker, worker.child)
                if code is None and worker.busy:
                    continue  # somebody came at the last moment
                child, worker.child, worker.asleep = worker.child, None, code is None
                await child.stop()
                if worker.asleep:
                    await worker.wanted.wait()
                    failures = 0
                else:
                    log.warning("engine %s ended with %s; starting it again", self.spec.name, code)
                    failures = 0 if loop.time() - began > STEADY_S else failures
                    self._failed(f"It ended with {code}.", began)
            if not worker.asleep:
                if not await self.breaker.rest():
                    await asyncio.sleep(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)])
                failures += 1
                self.restarts += 1
            began = loop.time()
            try:
                await self._fill(worker)
            except (EngineMissing, OSError) as error:
                log.error("engine %s does not start: %s", self.spec.name, error)
                self._failed("It does not start.", began)
            worker.asleep = False
            worker.wanted.clear()
            self._places.give()

    def _failed(self, why: str, since: float) -> None:
        if self.breaker.failed(why, since):
            self._places.refuse()

    async def _life(self, worker: Worker, child: Child) -> int | None:
        """Wait for the end of a process; its exit status, or None once nobody has called it for `unload_s`."""
        loop = asyncio.get_running_loop()
        ended = asyncio.create_task(child.ended())
        try:
            while True:
                idle_s = 0.0 if worker.busy else loop.time() - worker.used
                if self._unload_s is not None and idle_s >= self._unload_s:
                    return None
                limit_s = None if self._unload_s is None else self._unload_s - idle_s
                done, _ = await asyncio.wait({ended}, timeout=limit_s)
                if done:
                    return ended.result()
        finally:
            ended.cancel()
            await asyncio.gather(ended, return_exceptions=True)


def _sound_s(item: Any) -> float:
    """Seconds of sound in what an engine yields."""
    sound = item.pcm if isinstance(item, AudioDelta) else item
    return sound.seconds if isinstance(sound, Pcm) else 0.0
