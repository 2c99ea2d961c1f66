"""Mixed load for a while, memory and descriptors watched: `python bench/endurance.py [MINUTES [RATE]]`.

The embedded default, but that its brain has 16 MB for prompts in place of 256: they are full before the middle, so
that what grows after it is something else. People ask in writing or aloud, and now and then leave in the middle. No
recording is sent twice, so that the ear hears each; how many were heard and how many recalled is told. First the
capacity is measured: how many answers a second the server gives for a minute while more ask without a pause than it
has places for. Then new questions come at 70 % of that, at random moments, or at RATE a second. Memory and
descriptors are told at the start, in the middle and at the end, each the median of a sixth of the time. The last line
is the verdict, and so is the exit status: 0 where all are level from the middle on, and every recording was heard.
"""

import asyncio
import base64
import random
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx2

from conversations import Heard, body, converse, descriptors
from serving import embedded_default, resident_mb
from vivavoce.benchmark.questions import Questions
from vivavoce.conform.sound import read_wav
from vivavoce.testing.serving import children

QUESTION = Path(__file__).parents[1] / "tests" / "fixtures" / "question.wav"
WRITTEN = [body(text) for text in ("What is the capital of France?", "Why is the sky blue?", "Tell me a short joke.")]
LEAVES, SPOKEN, LOOK_S = 0.1, 0.3, 2.0
SHARE, FULL, FULL_S = 0.7, 8, 60.0
"""Of the capacity; how many ask at once while that is measured, and for how long."""
CACHE_MB = 16
SERVER_MB, ENGINES_MB, FILES = 5, 10, 3
"""What may come and go without anything growing."""


class People:
    """Those who ask, and what came of it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._dice = random.Random(1)  # noqa: S311 - chooses questions, keeps no secret
        self._sound = read_wav(QUESTION.read_bytes())
        self._questions = Questions([self._sound])
        self.heard: list[Heard] = []
        self.spoken = 0

    async def ask(self) -> Heard:
        """One question, written or spoken, to its answer's end or to its first sound."""
        aloud = self._dice.random() < SPOKEN
        self.spoken += aloud
        sent = self.aloud() if aloud else self._dice.choice(WRITTEN)
        one = await converse(self._url, sent, until_first=self._dice.random() < LEAVES)
        self.heard.append(one)
        return one

    def aloud(self) -> bytes:
        """A question asked aloud, in a recording that differs from every other in bits that nobody hears."""
        data = base64.b64encode(self._questions.unheard(self._sound)).decode()
        return body([{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}])

    async def without_a_pause(self, seconds: float) -> float:
        """Ask at once as many as are more than the server has places for; its answers a second."""
        clock = asyncio.get_running_loop()
        end = clock.time() + seconds

        async def one() -> None:
            while (left_s := end - clock.time()) > 0:  # noqa: ASYNC110 - each asks again and again
                await asyncio.sleep(min((await self.ask()).retry_after, left_s))

        asking = [asyncio.create_task(one()) for _ in range(FULL)]
        await asyncio.wait(asking, timeout=seconds)
        answers = sum(each.status == 200 for each in self.heard)
        await asyncio.gather(*asking)
        return answers / seconds

    async def come(self, rate: float, seconds: float) -> None:
        """Ask so many times a second, at random moments."""
        async with asyncio.TaskGroup() as group:
            end = asyncio.get_running_loop().time() + seconds
            while asyncio.get_running_loop().time() < end:
                group.create_task(self.ask())
                await asyncio.sleep(self._dice.expovariate(rate))


def looked_for(url: str, result: str) -> int:
    """How many recordings the server knew already (`hit`), and how many it had to hear (`miss`), by its metrics."""
    told = httpx2.get(f"{url}/metrics", trust_env=False).text
    lookups = rf'^vivavoce_cache_lookups_total{{cache="heard",result="{result}"}} (.+)$'
    return round(sum(float(count) for count in re.findall(lookups, told, re.MULTILINE)))


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
    with embedded_default(cache_mb=CACHE_MB) as server:
        people = People(server.url)
        if len(sys.argv) > 2:
            rate = float(sys.argv[2])
        else:
            capacity = await people.without_a_pause(FULL_S)
            if not capacity:
                raise SystemExit(f"not one answer in {FULL_S:g} s")
            rate = SHARE * capacity
            print(f"full, it gives {capacity:.2f} answers a second; {SHARE:.0%} of that are {rate:.2f}", flush=True)
        seen, before, spoken = list[Seen](), len(people.heard), people.spoken
        work = asyncio.create_task(people.come(rate, minutes * 60))
        while not work.done():
            seen.append(Seen.now(server.pid))
            await asyncio.wait([work], timeout=LOOK_S)
        await work
        recalled, heard_now = looked_for(server.url, "hit"), looked_for(server.url, "miss")
    heard, spoken = people.heard[before:], people.spoken - spoken
    whole, full = sum(one.whole for one in heard), sum(one.status == 503 for one in heard)
    odd = [one.status for one in heard if one.status not in (200, 503)]
    late = sum(one.late_s > 0.02 for one in heard)
    print(f"{minutes:g} minutes, {rate:.2f} questions a second: {len(heard)} asked, {spoken} of them aloud")
    print(f"{whole} heard to the end, {full} times 503, other statuses: {odd or 'none'}")
    print(f"answers in which a player would have heard a gap: {late}")
    print(f"recordings from the first on: {heard_now} heard, {recalled} recalled")
    return verdict(seen) and not odd and not recalled and heard_now > 0


if __name__ == "__main__":
    sys.exit(not asyncio.run(main()))
