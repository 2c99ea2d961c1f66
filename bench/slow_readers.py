"""Slow readers beside fast ones: `python bench/slow_readers.py [SECONDS]`.

Four fast readers ask one after another, first alone, then beside 64 that take 1 kB a second of answers of a minute
and more: by turns, so that what else the machine does weighs on both alike. Printed: the fast ones' first audio beside
them over alone, what the server has grown by, and what the slow ones cost it.
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
from vivavoce.testing.serving import serving

FAST, SLOW, A_SECOND, TURNS = 4, 64, 1000, 2
QUIET = 0.1
"""Of a core: all that fits into the buffers on the way has been made."""
SETTLED_S = 180.0
"""Longest wait for that."""
STEADY_S = 75.0
"""Until every slow reader has taken so much that more is made for it: 64 KiB, and a little."""
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
class Asked:
    """What the fast readers have met."""

    first_s: list[float] = field(default_factory=list[float])
    refused: int = 0


async def fast(url: str, seconds: float, met: Asked) -> None:
    """Readers that ask again as soon as they have heard the first sound."""
    clock = asyncio.get_running_loop()
    end = clock.time() + seconds

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
    """The slow readers."""

    def __init__(self, url: str) -> None:
        self.reading: set[int] = set()
        self.asked = 0
        self._tasks = [asyncio.create_task(self._read(url, number)) for number in range(SLOW)]

    async def _read(self, url: str, number: int) -> None:
        while True:
            self.asked += 1
            await read_slowly(url, ASKED, A_SECOND, self.reading, number)

    async def settled(self, pid: int) -> float:
        """Wait until all read and nothing is made for them; how long that took."""
        clock = asyncio.get_running_loop()
        began = clock.time()
        while clock.time() < began + SETTLED_S:
            before = Processes((pid,)).cpu_s()
            await asyncio.sleep(2)
            if len(self.reading) == SLOW and Processes((pid,)).cpu_s() - before < QUIET * 2:
                break
        return clock.time() - began

    async def gone(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def measure(url: str, pid: int, seconds: float) -> None:
    alone, beside, grown = Asked(), Asked(), list[float]()
    await fast(url, 2, Asked())  # warm
    for _ in range(TURNS):
        await fast(url, seconds, alone)
        before = resident_mb(pid)
        slow = Slow(url)
        took_s = await slow.settled(pid)
        asked = slow.asked
        await asyncio.sleep(STEADY_S)
        await fast(url, seconds, beside)
        steady = Processes((pid,)).cpu_s()
        await asyncio.sleep(seconds)
        used = (Processes((pid,)).cpu_s() - steady) / seconds
        grown.append(resident_mb(pid) - before)
        print(
            f"{len(slow.reading)} slow readers of {SLOW} after {took_s:.0f} s; "
            f"by themselves they cost {used:.3f} of a core; {slow.asked - asked} were cut off since"
        )
        await slow.gone()
        await asyncio.sleep(2)
    ratio = p95(beside.first_s) / p95(alone.first_s)
    middle = statistics.median(beside.first_s) / statistics.median(alone.first_s)
    print(f"{FAST} fast readers: {len(alone.first_s)} answers alone, {len(beside.first_s)} beside them")
    print(f"refused: {alone.refused} alone, {beside.refused} beside them")
    print(f"first audio beside them over alone: p95 {ratio:.2f}, median {middle:.2f}")
    print(f"the server grew by {max(grown):.0f} MB")


async def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    with tempfile.TemporaryDirectory() as home:
        Path(home, "vivavoce.toml").write_text(CONFIG)
        with serving(Path(home)) as server:
            await measure(server.url, server.pid, seconds)


if __name__ == "__main__":
    asyncio.run(main())
