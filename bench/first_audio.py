"""First audio through the server over the direct sum of its parts: `python bench/first_audio.py`.

Direct: the recogniser's time for a spoken question, the language model's to its first speakable piece, then the
synthesizer's to its first chunk, all called without the server. Server: a streamed request, until the first event with
sound has come. The same questions, by turns, in one run: written ones, and one that is spoken, three seconds long, as
often and each time with its silence divided in another way, so that nothing is recalled. It fails where what is wanted
is not met.
"""

import asyncio
import base64
import json
import statistics
import sys
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx2

from serving import embedded_default
from vivavoce import main as composition
from vivavoce.assembly import Engine
from vivavoce.audio.wav import read_wav, write_wav
from vivavoce.catalogue import embedded
from vivavoce.config import Config
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Hearing, Utterance
from vivavoce.core.phrases import Phrases
from vivavoce.core.speakable import speakable
from vivavoce.core.streams import once
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
MOST = 1.15
SPOKEN = Path(__file__).parents[1] / "tests" / "fixtures" / "question.wav"
SPOKEN_S = 3.0


def recording(number: int) -> Pcm:
    """The spoken question, after so many hundredths of a second of silence."""
    pcm = read_wav(SPOKEN.read_bytes())
    if pcm is None:
        raise SystemExit(f"{SPOKEN} is no plain WAV")
    data = bytes(2 * (pcm.rate // 100) * number) + pcm.data
    return Pcm(data.ljust(int(SPOKEN_S * pcm.rate) * 2, b"\0"), pcm.rate)


async def direct(engines: dict[str, Engine], asked: str | Pcm) -> float:
    """Seconds to the first chunk of sound, without the server."""
    began = time.perf_counter()
    question = asked if isinstance(asked, str) else await heard(engines["ear"], asked)
    speaker = engines.get("voice-en", engines["voices"])
    turn = Turn((Message("user", (Text(question),)),), voice="alloy", sampling=Sampling(seed=1))
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


async def heard(ear: Engine, pcm: Pcm) -> str:
    """What is said in a recording."""
    async with aclosing(ear.itself.transcribe(once(pcm), Hearing())) as transcripts:
        return " ".join([each.text async for each in transcripts if each.final])


def content(asked: str | Pcm) -> str | list[dict[str, Any]]:
    """A question, as the content of a message."""
    if isinstance(asked, str):
        return asked
    data = base64.b64encode(write_wav(asked)).decode()
    return [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}]


async def served(client: httpx2.AsyncClient, asked: str | Pcm) -> float:
    """Seconds to the first event with sound in it."""
    body = {
        "model": "gpt-4o-mini-audio-preview",
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "pcm16"},
        "messages": [{"role": "user", "content": content(asked)}],
        "seed": 1,
        "stream": True,
    }
    began = time.perf_counter()
    async with client.stream("POST", "/v1/chat/completions", json=body) as response:
        async for line in response.aiter_lines():
            choices = json.loads(line[6:]).get("choices") if line.startswith("data: {") else None
            if choices and (choices[0]["delta"].get("audio") or {}).get("data"):
                return time.perf_counter() - began
    raise SystemExit(f"no sound; the server answered with status {response.status_code}")


def told(name: str, pairs: list[tuple[float, float]]) -> bool:
    """Print a row, and whether it is as wanted."""
    parts, whole = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(theirs / ours for ours, theirs in pairs)
    print(
        f"| {name} | {whole / parts:.2f} | {ratio:.2f} | {parts * 1000:.0f} ms | {whole * 1000:.0f} ms | {len(pairs)} |"
    )
    return whole / parts <= MOST


async def main() -> int:
    config = with_embedded(Config(), str(embedded.fetch()), flite=libflite.installed())
    with embedded_default() as server:
        async with (
            composition.start(config) as running,
            httpx2.AsyncClient(base_url=server.url, timeout=120, trust_env=False) as client,
        ):
            engines = dict(running.engines)
            written, spoken = list[tuple[float, float]](), list[tuple[float, float]]()
            for number in range(ROUNDS * len(QUESTIONS) + 1):
                question, sound = QUESTIONS[number % len(QUESTIONS)], recording(number)
                for asked, pairs in ((question, written), (sound, spoken)):
                    pair = await direct(engines, asked), await served(client, asked)
                    if number:  # the first only warms both sides
                        pairs.append(pair)
    print("| first audio | server over parts (medians) | median of pairs | parts | server | questions |")
    print("|---|---|---|---|---|---|")
    held = [told("text in", written), told(f"speech in, {SPOKEN_S:g} s", spoken)]
    print(f"wanted: at most {MOST}")
    return int(not all(held))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
