"""Slow readers beside fast ones: `python bench/slow_readers.py [SECONDS]`.

Two servers alike. At one of them 64 readers take 1 kB a second each of answers of a minute and more. Four fast readers
ask one after another, a few seconds at the one, then at the other, and so on: what else the machine does weighs on
both alike. Printed: their first audio beside slow ones over alone, what the server has grown by, and the CPU that the
slow ones cost it, which the other feels as well.
"""

import asyncio
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from conversations import body, converse, p95, read_slowly
from serving import resident_mb
from vivavoce.benchmark.processes import Processes
from vivavoce.engines import libflite
from vivavoce.testing.serving import Server, serving

FAST, SLOW, A_SECOND, AT_A_TIME_S = 4, 64, 1000, 5.0
QUIET = 0.1
"""Of a core: all that fits into the buffers on the way has been made."""
SETTLED_S = 180.0
"""Longest wait for that."""
STEADY_S = 150.0
"""Until every slow reader has taken so much that more is made for it."""
LONG = "The quick brown fox jumps over the lazy dog near the river bank. " * 22
CONFIG = f"""
[engines.brain]
use = "scripted"
options = {{ says = "{LONG.strip()}", token_ms = 10 }}
[engines.voice]
use = "{"flite" if libflite.installed() else "espeak"}"
[models."gpt-4o-mini-audio-preview"]
think = "brain"
speak = "voice"
"""
ASKED = body("Go on.")


@dataclass(slots=True)
class Met:
    """What the fast readers have met at one server."""

    first_s: list[float] = field(default_factory=list[float])
    refused: int = 0


async def fast(url: str, met: Met) -> None:
    """Readers that ask again as soon as they have heard the first sound."""
    clock = asyncio.get_running_loop()
    end = clock.time() + AT_A_TIME_S

    async def one() -> None:
        while clock.time() < end:
            heard = await converse(url, ASKED, until_first=True)
            if heard.first_s:
                met.first_s.append(heard.first_s)
            else:
                met.refused += 1
                await asyncio.sleep(heard.retry_after)

    await asyncio.gather(*(one() for _ in range(FAST)))


class Slow:
    """The slow readers of a server."""

    def __init__(self, server: Server) -> None:
        self.reading: set[int] = set()
        self.asked = 0
        self._server = Processes((server.pid,))
        self._tasks = [asyncio.create_task(self._read(server.url, number)) for number in range(SLOW)]

    async def _read(self, url: str, number: int) -> None:
        while True:
            self.asked += 1
            await read_slowly(url, ASKED, A_SECOND, self.reading, number)

    async def cost(self, seconds: float) -> float:
        """Of a core, in the next `seconds`."""
        before = self._server.cpu_s()
        await asyncio.sleep(seconds)
        return (self._server.cpu_s() - before) / seconds

    async def settled(self) -> float:
        """Wait until all read and nothing is made for them; how long that took."""
        clock = asyncio.get_running_loop()
        began = clock.time()
        while clock.time() < began + SETTLED_S:
            cost = await self.cost(2.0)
            if len(self.reading) == SLOW and cost < QUIET:
                break
        return clock.time() - began

    async def gone(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def measure(quiet: Server, crowded: Server, seconds: float) -> None:
    for server in (quiet, crowded):
        await fast(server.url, Met())  # warm
    before = resident_mb(crowded.pid)
    slow = Slow(crowded)
    took_s = await slow.settled()
    print(f"{len(slow.reading)} slow readers of {SLOW} were let in, and had what fits on the way, after {took_s:.0f} s")
    asked = slow.asked
    cost = await slow.cost(STEADY_S)
    print(f"then they cost {cost:.3f} of a core", flush=True)
    alone, beside = Met(), Met()
    for _ in range(max(1, round(seconds / AT_A_TIME_S))):
        await fast(quiet.url, alone)
        await fast(crowded.url, beside)
    grown = resident_mb(crowded.pid) - before
    ratio = p95(beside.first_s) / p95(alone.first_s)
    middle = statistics.median(beside.first_s) / statistics.median(alone.first_s)
    print(f"{len(slow.reading)} read on, {slow.asked - asked} had been cut off")
    print(f"{FAST} fast readers: {len(alone.first_s)} answers alone, {len(beside.first_s)} beside them")
    print(f"refused: {alone.refused} alone, {beside.refused} beside them")
    print(f"first audio beside them over alone: p95 {ratio:.2f}, median {middle:.2f}")
    print(f"the server grew by {grown:.0f} MB")
    await slow.gone()


async def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        for home in (one, other):
            Path(home, "vivavoce.toml").write_text(CONFIG)
        with serving(Path(one)) as quiet, serving(Path(other)) as crowded:
            await measure(quiet, crowded, seconds)


if __name__ == "__main__":
    asyncio.run(main())
