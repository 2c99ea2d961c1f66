"""What runs beside a step: how late the load generator itself is, and how much the server's processes hold."""

import asyncio
import time
from dataclasses import dataclass
from typing import Self

from vivavoce.benchmark.figures import quantile
from vivavoce.benchmark.processes import Processes

TICK_S = 0.01
LOOK_S = 1.0
BUSY = 0.8
"""Of one core: more, and the load generator is what is measured."""
LATE = 0.1
"""Of the first audio: later than that, and figures are the load generator's too."""


@dataclass(frozen=True, slots=True)
class Generator:
    """How the load generator did in a step."""

    lag_p95_s: float
    """How much later than it should have it woke up."""
    lag_most_s: float
    busy: float
    """Of one core."""

    def is_bottleneck(self, first_audio_s: float | None) -> bool:
        """Whether it, rather than the server, may be what was measured."""
        return self.busy > BUSY or (first_audio_s is not None and self.lag_p95_s > LATE * first_audio_s)


@dataclass(frozen=True, slots=True)
class Used:
    """What the server used in a step."""

    cpu_s: float
    memory_mb: float
    """The most at any one time."""


class Watch:
    """Watches from when it is entered until it is left."""

    def __init__(self, processes: Processes | None) -> None:
        self._processes = processes
        self._lags: list[float] = []
        self._memory_mb: list[float] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._began = self._cpu_s = self._used_s = 0.0
        self.seconds = 0.0
        self.used: Used | None = None
        self.generator = Generator(0, 0, 0)

    async def __aenter__(self) -> Self:
        if self._processes is not None:
            self._used_s = await asyncio.to_thread(self._processes.cpu_s)
        self._tasks = [asyncio.create_task(self._lag()), asyncio.create_task(self._look())]
        self._began, self._cpu_s = time.perf_counter(), time.process_time()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.seconds = max(time.perf_counter() - self._began, 1e-9)
        busy = (time.process_time() - self._cpu_s) / self.seconds
        for task in self._tasks:
            task.cancel()
        lags = self._lags or [0.0]
        self.generator = Generator(quantile(lags, 0.95), max(lags), busy)
        if self._processes is not None:  # read here, not in a thread: on Ctrl-C nothing is waited for
            self._memory_mb.append(self._processes.memory_mb())
            self.used = Used(max(0.0, self._processes.cpu_s() - self._used_s), max(self._memory_mb))

    async def _lag(self) -> None:
        while True:
            due = time.perf_counter() + TICK_S
            await asyncio.sleep(TICK_S)
            self._lags.append(max(0.0, time.perf_counter() - due))

    async def _look(self) -> None:
        while self._processes is not None:
            self._memory_mb.append(await asyncio.to_thread(self._processes.memory_mb))
            await asyncio.sleep(LOOK_S)
