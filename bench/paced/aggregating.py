"""Pipecat's aggregators on engines of known pace, by turns with `bench/paced.py`, which starts it: JSON in, JSON out.

What an aggregator gives is said by a voice that says one thing after another, as Pipecat's services do.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from pipecat.utils.text.base_text_aggregator import TextType
from pipecat.utils.text.simple_text_aggregator import SimpleTextAggregator

KINDS = {"pipecat sentence": TextType.SENTENCE, "pipecat token": TextType.TOKEN}


async def answer(by: str, given: dict[str, Any], cost: float, reply: Sequence[str]) -> dict[str, Any]:
    """One reply: when its sounds were there, and how long each is."""
    aggregator = SimpleTextAggregator(aggregation_type=KINDS[by])
    texts: asyncio.Queue[str | None] = asyncio.Queue()
    arrivals: list[tuple[float, float]] = []
    began = time.perf_counter()

    async def think() -> None:
        for token in reply:
            await asyncio.sleep(given["token_s"])
            async for piece in aggregator.aggregate(token):
                texts.put_nowait(piece.text)
        rest = await aggregator.flush()
        texts.put_nowait(rest.text if rest else "")
        texts.put_nowait(None)

    thinking = asyncio.create_task(think())
    while (text := await texts.get()) is not None:
        seconds = len(text.strip()) * given["speech_s"]
        await asyncio.sleep(seconds * cost)
        if seconds:
            arrivals.append((time.perf_counter(), seconds))
    await thinking
    return {"by": by, "cost": cost, "first_s": arrivals[0][0] - began, "arrivals": arrivals}


async def main() -> None:
    given = json.load(sys.stdin)
    found: list[dict[str, Any]] = []
    for by in KINDS:
        for cost in given["costs"]:
            asked = iter(enumerate(given["replies"]))

            async def lane(by: str = by, cost: float = cost, asked: Any = asked) -> None:
                for at, reply in asked:
                    found.append({**await answer(by, given, cost, reply), "reply": at})

            await asyncio.gather(*(lane() for _ in range(given["together"])))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
