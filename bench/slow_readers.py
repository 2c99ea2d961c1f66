"""Slow readers beside fast ones: `python bench/slow_readers.py [SECONDS]`.

Four fast readers ask one after another, first alone, then beside 64 that take 1 kB a second of answers of a minute
and more. Printed: the fast ones' first audio with them over without, and what the server has grown by.
"""

import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

from conversations import body, converse, p95, read_slowly
from serving import resident_mb
from vivavoce.engines import libflite
from vivavoce.testing.serving import serving

FAST, SLOW, A_SECOND = 4, 64, 1000
SETTLED_S = 60.0
"""Longest wait for all slow readers to be let in."""
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


async def fast(url: str, seconds: float) -> list[float]:
    """First audio of readers that ask again as soon as they have heard it."""
    clock = asyncio.get_running_loop()
    end, times = clock.time() + seconds, list[float]()

    async def one() -> None:
        while clock.time() < end:
            heard = await converse(url, ASKED, until_first=True)
            if heard.status != 200 or not heard.first_s:
                raise SystemExit(f"a fast reader was answered {heard.status}")
            times.append(heard.first_s)

    await asyncio.gather(*(one() for _ in range(FAST)))
    return times


async def measure(url: str, pid: int, seconds: float) -> None:
    await fast(url, 2)  # warm
    alone = await fast(url, seconds)
    before = resident_mb(pid)
    reading: set[int] = set()
    slow = [asyncio.create_task(read_slowly(url, ASKED, A_SECOND, reading, n)) for n in range(SLOW)]
    clock = asyncio.get_running_loop()
    end = clock.time() + SETTLED_S
    while len(reading) < SLOW and clock.time() < end:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.5)
    await asyncio.sleep(seconds)  # all that fits into the buffers on the way is made
    beside = await fast(url, seconds)
    grown, holding = resident_mb(pid) - before, len(reading)
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    ratio, middle = p95(beside) / p95(alone), statistics.median(beside) / statistics.median(alone)
    print(f"{FAST} fast readers, {len(alone)} answers alone, {len(beside)} beside {holding} slow ones of {SLOW}")
    print(
        f"first audio beside them over alone: p95 {ratio:.2f}, median {middle:.2f}; the server grew by {grown:.0f} MB"
    )


async def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    with tempfile.TemporaryDirectory() as home:
        Path(home, "vivavoce.toml").write_text(CONFIG)
        with serving(Path(home)) as server:
            await measure(server.url, server.pid, seconds)


if __name__ == "__main__":
    asyncio.run(main())
