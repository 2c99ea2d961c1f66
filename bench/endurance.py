"""Mixed load for a while, memory and descriptors watched: `python bench/endurance.py [MINUTES [CONVERSATIONS]]`.

The embedded default. Each conversation asks in writing or aloud, and now and then leaves in the middle; between two
answers it pauses. At 70 % of the four that the brain has places for, three converse. What is printed of the last
third is over what it was in the first.
"""

import asyncio
import base64
import random
import statistics
import sys
from pathlib import Path

from conversations import Heard, body, converse, descriptors
from serving import embedded_default, resident_mb
from vivavoce.testing.serving import children

QUESTION = Path(__file__).parents[1] / "tests" / "fixtures" / "question.wav"
WRITTEN = [body(text) for text in ("What is the capital of France?", "Why is the sky blue?", "Tell me a short joke.")]
LEAVES, SPOKEN, LOOK_S = 0.1, 0.3, 2.0


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


async def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    at_once = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with embedded_default() as server:
        clock, heard = asyncio.get_running_loop(), list[Heard]()
        end, seen = clock.time() + minutes * 60, list[tuple[float, float, int]]()
        talking = [conversation(server.url, end, random.Random(n), heard) for n in range(at_once)]  # noqa: S311
        work = asyncio.gather(*talking)
        while not work.done():
            engines = sum(map(resident_mb, children(server.pid)))
            seen.append((resident_mb(server.pid), engines, descriptors(server.pid)))
            await asyncio.wait([work], timeout=LOOK_S)
        await work
    whole, full = sum(one.whole for one in heard), sum(one.status == 503 for one in heard)
    odd = [one.status for one in heard if one.status not in (200, 503)]
    late = sum(one.late_s > 0.02 for one in heard)
    print(f"{minutes:g} minutes, {at_once} conversations: {len(heard)} answers, {whole} to the end, {full} times 503")
    print(f"other statuses: {odd or 'none'}; answers in which a player would have heard a gap: {late}")
    third = max(1, len(seen) // 3)
    for name, index in (("server, MB", 0), ("its engines, MB", 1), ("descriptors", 2)):
        first, last = (statistics.median(row[index] for row in part) for part in (seen[:third], seen[-third:]))
        print(f"{name}: last third over first {last / first:.3f} ({first:.0f} to {last:.0f})")


if __name__ == "__main__":
    asyncio.run(main())
