"""First audio through the server over the direct sum of its parts: `python bench/first_audio.py`.

Direct: the language model's time to its first speakable piece, then the synthesizer's time to its first chunk, both
called without the server. Server: a streamed request, until the first event with sound has come. The same questions,
by turns, in one run.
"""

import asyncio
import json
import statistics
import time
from contextlib import aclosing

import httpx2

from serving import embedded_default
from vivavoce import main as composition
from vivavoce.assembly import Engine
from vivavoce.catalogue import embedded
from vivavoce.config import Config
from vivavoce.core.engines import Utterance
from vivavoce.core.phrases import Phrases
from vivavoce.core.speakable import speakable
from vivavoce.core.turn import Message, Sampling, Text, TextDelta, Turn
from vivavoce.defaults import embedded as with_embedded
from vivavoce.engines import libflite

QUESTIONS = [
    "What is the capital of France?",
    "Tell me a short joke.",
    "Why is the sky blue?",
    "How are you today?",
    "What can I cook with eggs and rice?",
    "Who wrote Hamlet?",
    "Say something kind.",
    "What does a librarian do?",
    "How far away is the moon?",
    "Give me one reason to walk more.",
]
ROUNDS = 3


async def direct(engines: dict[str, Engine], question: str) -> float:
    """Seconds to the first chunk of sound, without the server."""
    speaker = engines.get("voice-en", engines["voices"])
    turn = Turn((Message("user", (Text(question),)),), voice="alloy", sampling=Sampling(seed=1))
    began = time.perf_counter()
    phrases, first = Phrases(), ""
    async with aclosing(engines["brain"].itself.generate(turn)) as events:
        async for event in events:
            pieces = phrases.feed(event.text) if isinstance(event, TextDelta) else phrases.end()
            first = next(filter(None, (speakable(piece.text) for piece in pieces)), "")
            if first:
                break
    async with aclosing(speaker.itself.synthesize(Utterance(first, "alloy"))) as sounds:
        async for _ in sounds:
            break
    return time.perf_counter() - began


async def served(client: httpx2.AsyncClient, question: str) -> float:
    """Seconds to the first event with sound in it."""
    body = {
        "model": "gpt-4o-mini-audio-preview",
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "pcm16"},
        "messages": [{"role": "user", "content": question}],
        "seed": 1,
        "stream": True,
    }
    began = time.perf_counter()
    async with client.stream("POST", "/v1/chat/completions", json=body) as response:
        async for line in response.aiter_lines():
            choices = json.loads(line[6:]).get("choices") if line.startswith("data: {") else None
            if choices and (choices[0]["delta"].get("audio") or {}).get("data"):
                return time.perf_counter() - began
    raise SystemExit(f"no sound for {question!r}")


async def main() -> None:
    config = with_embedded(Config(), str(embedded.fetch()), flite=libflite.installed())
    with embedded_default() as server:
        async with (
            composition.start(config) as running,
            httpx2.AsyncClient(base_url=server.url, timeout=120, trust_env=False) as client,
        ):
            engines = dict(running.engines)
            pairs: list[tuple[float, float]] = []
            for round_ in range(ROUNDS + 1):
                for question in QUESTIONS:
                    pair = await direct(engines, question), await served(client, question)
                    if round_:  # the first round only warms both sides
                        pairs.append(pair)
    parts, whole = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratios = sorted(theirs / ours for ours, theirs in pairs)
    print(
        f"first audio, {len(pairs)} text questions: parts {parts * 1000:.0f} ms, server {whole * 1000:.0f} ms (medians)"
    )
    print(f"server over parts: {whole / parts:.2f} (medians), {statistics.median(ratios):.2f} (median of pairs)")


if __name__ == "__main__":
    asyncio.run(main())
