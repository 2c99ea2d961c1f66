"""Mixed load for a while, memory and descriptors watched: `python bench/endurance.py [MINUTES [CONVERSATIONS]]`.

The embedded default. Each conversation asks in writing or aloud, and now and then leaves in the middle; between two
answers it pauses. At 70 % of the four that the brain has places for, three converse. Memory and descriptors are told at
the start, in the middle and at the end, each the median of a sixth of the time; the start is when everything has been
used once. The last line is the verdict, and so is the exit status: 0 where all are level from the middle on.
"""

import asyncio
import base64
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from conversations import Heard, body, converse, descriptors
from serving import embedded_default, resident_mb
from vivavoce.testing.serving import children

QUESTION = Path(__file__).parents[1] / "tests" / "fixtures" / "question.wav"
WRITTEN = [body(text) for text in ("What is the capital of France?", "Why is the sky blue?", "Tell me a short joke.")]
LEAVES, SPOKEN, LOOK_S = 0.1, 0.3, 2.0
SERVER_MB, ENGINES_MB, FILES = 5, 10, 3
"""What may come and go without anything growing."""


def spoken() -> bytes:
    """A question asked aloud."""
    data = base64.b64encode(QUESTION.read_bytes()).decode()
    return body([{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}])


async def conversation(url: str, end: float, dice: random.Random, heard: list[Heard]) -> None:
    aloud, clock = spoken(), asyncio.get_running_loop()
    while clock.time() < end:
        sent = aloud if dice.random() < SPOKEN else dice.choice(WRITTEN)
        one = await converse(url, sent, until_first=dice.random() < LEAVES)
        heard.append(one)
        await asyncio.sleep(one.retry_after or dice.uniform(0.1, 1.0))


@dataclass(frozen=True, slots=True)
class Seen:
    """What the server held at one moment."""

    server_mb: float
    engines_mb: float
    files: int

    @classmethod
    def now(cls, pid: int) -> "Seen":
        """Look."""
        return cls(resident_mb(pid), sum(map(resident_mb, children(pid))), descriptors(pid))


def three_times(seen: Sequence[float]) -> tuple[float, float, float]:
    """At the start, in the middle and at the end."""
    sixth = max(1, len(seen) // 6)
    half = (len(seen) - sixth) // 2
    return median(seen[:sixth]), median(seen[half : half + sixth]), median(seen[-sixth:])


def verdict(seen: list[Seen]) -> bool:
    """Print what was seen, and whether it is level."""
    rows = {
        "server, MB": ([each.server_mb for each in seen], SERVER_MB),
        "its engines, MB": ([each.engines_mb for each in seen], ENGINES_MB),
        "descriptors": ([float(each.files) for each in seen], FILES),
    }
    grew: list[str] = []
    for name, (values, most) in rows.items():
        start, middle, end = three_times(values)
        print(f"{name}: {start:.0f} at the start, {middle:.0f} in the middle, {end:.0f} at the end")
        grew += [name] if end - middle > most else []
    print(f"grown since the middle: {'; '.join(grew)}" if grew else "level: nothing has grown since the middle")
    return not grew


async def main() -> bool:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    at_once = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with embedded_default() as server:
        clock, heard, seen = asyncio.get_running_loop(), list[Heard](), list[Seen]()
        for once in (spoken(), *WRITTEN):
            await converse(server.url, once)
        end = clock.time() + minutes * 60
        talking = [conversation(server.url, end, random.Random(n), heard) for n in range(at_once)]  # noqa: S311
        work = asyncio.gather(*talking)
        while not work.done():
            seen.append(Seen.now(server.pid))
            await asyncio.wait([work], timeout=LOOK_S)
        await work
    whole, full = sum(one.whole for one in heard), sum(one.status == 503 for one in heard)
    odd = [one.status for one in heard if one.status not in (200, 503)]
    late = sum(one.late_s > 0.02 for one in heard)
    print(f"{minutes:g} minutes, {at_once} conversations: {len(heard)} answers, {whole} to the end, {full} times 503")
    print(f"other statuses: {odd or 'none'}; answers in which a player would have heard a gap: {late}")
    return verdict(seen) and not odd


if __name__ == "__main__":
    sys.exit(not asyncio.run(main()))
