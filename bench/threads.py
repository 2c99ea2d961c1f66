"""What the language model's threads do to the voice beside it: `python bench/threads.py [ROUNDS]`.

Four answers are thought without end while the voice says a sentence every 0.1 s: the brain with half of the cores, as
it has by itself, then with all of them, and so on by turns. Printed: the voice's times with all over those with half,
and the words thought.
"""

import asyncio
import statistics
import sys
from contextlib import aclosing
from dataclasses import dataclass, field

from conversations import p95
from vivavoce.catalogue import embedded
from vivavoce.core.engines import Utterance
from vivavoce.core.processes import cores
from vivavoce.core.turn import Message, Text, TextDelta, Turn
from vivavoce.engines.child import Spec
from vivavoce.engines.pool import Pool

SECONDS, ANSWERS, EVERY_S = 8.0, 4, 0.1
SENTENCE = "The quick brown fox jumps over the lazy dog near the river bank, and then it goes home."
WAIT_S = 60.0


@dataclass(slots=True)
class Times:
    """What was seen with so many threads, in seconds."""

    first: list[float] = field(default_factory=list[float])
    whole: list[float] = field(default_factory=list[float])
    words: int = 0


async def think(brain: Pool, number: int, times: Times) -> None:
    turn = Turn(messages=(Message("user", (Text(f"Tell me a long story about the number {number}."),)),))
    while True:
        async with aclosing(brain.stream("generate", turn)) as events:
            async for event in events:
                times.words += isinstance(event, TextDelta)


async def speak(voice: Pool, times: Times) -> None:
    clock = asyncio.get_running_loop()
    end = clock.time() + SECONDS
    while clock.time() < end:
        began, first = clock.time(), 0.0
        async with aclosing(voice.stream("synthesize", Utterance(SENTENCE, "alloy"))) as sounds:
            async for _ in sounds:
                first = first or clock.time() - began
        times.first.append(first)
        times.whole.append(clock.time() - began)
        await asyncio.sleep(EVERY_S)


async def together(threads: int, times: Times) -> None:
    options = {"model": str(embedded.fetch()), "threads": threads}
    brain = Pool(Spec("brain", "vivavoce.engines.llama:Llama", options), wait_s=WAIT_S)
    voice = Pool(Spec("voice", "vivavoce.engines.flite:Flite"), wait_s=WAIT_S)
    await brain.start()
    await voice.start()
    thinking = [asyncio.create_task(think(brain, number, times)) for number in range(ANSWERS)]
    try:
        await speak(voice, times)
    finally:
        for task in thinking:
            task.cancel()
        await asyncio.gather(*thinking, return_exceptions=True)
        await brain.stop()
        await voice.stop()


async def main() -> None:
    rounds, half, whole = int(sys.argv[1]) if len(sys.argv) > 1 else 4, Times(), Times()
    for _ in range(rounds):
        await together(max(1, cores() // 2), half)
        await together(cores(), whole)
    print(f"{cores()} cores, {ANSWERS} answers; a brain with all of them over one with half, in {rounds} rounds:")
    for name, all_s, half_s in (("first sound", whole.first, half.first), ("sentence", whole.whole, half.whole)):
        middle = statistics.median(all_s) / statistics.median(half_s)
        print(f"{name}: median {middle:.2f}, p95 {p95(all_s) / p95(half_s):.2f}")
    print(f"words thought: {whole.words / half.words:.2f}")


if __name__ == "__main__":
    asyncio.run(main())
