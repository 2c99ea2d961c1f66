"""First audio over the arithmetic floor of a first clause, on engines of known pace: `python bench/paced.py`.

A model that thinks a token in 30 ms and voices that take 0.03, 0.3 and 0.7 s for a second of sound, behind the real
server, over HTTP, streamed, with 1 and 16 conversations at once. The replies and their first clauses are those of
`bench/paced/replies.txt`. The floor is what nobody can be faster than who says that clause first: its tokens, and its
sound. Beside it, in a process of an environment of its own, what Pipecat's aggregators do with the same engines.

`--rounds N` has every reply said N times, `--without-pipecat` leaves that out, `--json FILE` keeps every answer.
"""

import argparse
import asyncio
import base64
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support import environments
from vivavoce.core.audio import SPOKEN_RATE
from vivavoce.testing.scripted import tokens
from vivavoce.testing.serving import serving

HERE = Path(__file__).parent
REPLIES = HERE / "paced" / "replies.txt"
AGGREGATING = HERE / "paced" / "aggregating.py"
PIPECAT = ("pipecat-ai==1.14.0", "sentencex==1.0.32", "loguru==0.7.3", "wait_for2==0.4.1", "typing-extensions==4.15.0")
"""Its aggregators need these; all it wants is 500 MB."""
TOKEN_MS, SPEECH_MS = 30, 60
COSTS = (0.03, 0.3, 0.7)
TOGETHER = (1, 16)
MOST = {1: 1.3, 16: 1.8}
HEARD_S = 0.02
"""A gap shorter than this is in any player's buffer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said, and its first clause."""

    text: str
    clause: str

    def floor_s(self, cost: float) -> float:
        """Seconds to the sound of the first clause."""
        return (len(tokens(self.clause)) * TOKEN_MS + len(self.clause) * SPEECH_MS * cost) / 1000


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer, as somebody heard it."""

    by: str
    cost: float
    together: int
    reply: int
    floor_s: float
    first_s: float
    gaps: int
    gap_s: float

    @property
    def ratio(self) -> float:
        """First audio over the floor."""
        return self.first_s / self.floor_s


def replies() -> list[Reply]:
    """Those written down; a paragraph each."""
    paragraphs = REPLIES.read_text().split("\n\n")[1:]
    marked = [" ".join(paragraph.split()) for paragraph in paragraphs]
    return [Reply(each.replace("|", ""), each.partition("|")[0]) for each in marked]


def configuration(said: list[Reply]) -> str:
    """A brain for every reply, a voice for every cost, a model for each pair of them."""
    lines: list[str] = []
    for cost in COSTS:
        options = f"char_ms = {SPEECH_MS * cost}, speech_ms = {SPEECH_MS}"
        lines += [f'[engines."voice-{cost}"]', 'use = "scripted"', f"options = {{ {options} }}"]
    for at, reply in enumerate(said):
        options = f"says = {json.dumps(reply.text)}, token_ms = {TOKEN_MS}"
        lines += [f"[engines.brain-{at}]", 'use = "scripted"', f"options = {{ {options} }}"]
        for cost in COSTS:
            lines += [f'[models."{at}-{cost}"]', f'think = "brain-{at}"', f'speak = "voice-{cost}"']
    return "\n".join(lines)


def gaps(arrivals: Iterable[tuple[float, float]]) -> tuple[int, float]:
    """How many gaps a player heard that began with the first sound, and their seconds; of (when, how long) pairs."""
    ends, count, total = 0.0, 0, 0.0
    for when, seconds in arrivals:
        gap = when - (ends or when)
        if gap > HEARD_S:
            count, total = count + 1, total + gap
        ends = max(ends, when) + seconds
    return count, total


async def ask(client: httpx2.AsyncClient, at: int, reply: Reply, cost: float, together: int) -> Heard:
    """One conversation."""
    body = {
        "model": f"{at}-{cost}",
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "pcm16"},
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
    }
    arrivals: list[tuple[float, float]] = []
    began = time.perf_counter()
    async with client.stream("POST", "/v1/chat/completions", json=body) as response:
        async for line in response.aiter_lines():
            choices = json.loads(line[6:]).get("choices") if line.startswith("data: {") else None
            data = (choices[0]["delta"].get("audio") or {}).get("data") if choices else None
            if data:
                arrivals.append((time.perf_counter(), len(base64.b64decode(data)) / 2 / SPOKEN_RATE))
    if not arrivals:
        raise SystemExit(f"reply {at} has no sound")
    return Heard("viva voce", cost, together, at, reply.floor_s(cost), arrivals[0][0] - began, *gaps(arrivals))


async def ours(said: list[Reply], rounds: int) -> list[Heard]:
    """Every reply with every voice, alone and with others."""
    with tempfile.TemporaryDirectory() as home:
        Path(home, "vivavoce.toml").write_text(configuration(said))
        with serving(Path(home)) as server:
            limits = httpx2.Limits(max_connections=max(TOGETHER))
            async with httpx2.AsyncClient(base_url=server.url, timeout=120, trust_env=False, limits=limits) as client:
                await asyncio.gather(*(ask(client, at, said[at], 0.03, 1) for at in range(max(TOGETHER))))  # warms
                return [
                    heard
                    for together in TOGETHER
                    for cost in COSTS
                    for heard in await in_lanes(client, said * rounds, cost, together)
                ]


async def in_lanes(client: httpx2.AsyncClient, said: list[Reply], cost: float, together: int) -> list[Heard]:
    """So many conversations at once, each asking one thing after another."""
    count, asked = len(replies()), iter(enumerate(said))

    async def lane() -> list[Heard]:
        return [await ask(client, at % count, reply, cost, together) for at, reply in asked]

    return [heard for lane_heard in await asyncio.gather(*(lane() for _ in range(together))) for heard in lane_heard]


def theirs(said: list[Reply]) -> list[Heard]:
    """Pipecat's aggregators on engines of the same pace, in a process of their own."""

    def make() -> None:
        environments.create(home)
        environments.pip(home, "install", "--no-deps", *PIPECAT)

    home = environments.CACHE / "pipecat"
    environments.kept(home, " ".join(PIPECAT), make)
    given = {
        "token_s": TOKEN_MS / 1000,
        "speech_s": SPEECH_MS / 1000,
        "costs": COSTS,
        "together": TOGETHER,
        "replies": [tokens(reply.text) for reply in said],
    }
    command = [str(environments.python(home)), str(AGGREGATING)]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        raise SystemExit(f"Pipecat: {done.stderr[-2000:]}")
    return [
        Heard(
            each["by"], each["cost"], each["together"], each["reply"], floor, each["first_s"], *gaps(each["arrivals"])
        )
        for each in json.loads(done.stdout)
        for floor in [said[each["reply"]].floor_s(each["cost"])]
    ]


def table(found: list[Heard]) -> None:
    """Ratios first."""
    print(
        f"{'':16} {'voice':>5} {'at once':>7} {'ratio':>6} {'worst':>6} {'first audio':>12} {'gaps':>5} {'seconds':>8}"
    )
    for by, together, cost in dict.fromkeys((each.by, each.together, each.cost) for each in found):
        group = [each for each in found if (each.by, each.together, each.cost) == (by, together, cost)]
        ratios = [each.ratio for each in group]
        first_ms = statistics.median(each.first_s for each in group) * 1000
        silent = sum(each.gaps for each in group), sum(each.gap_s for each in group)
        print(
            f"{by:16} {cost:5} {together:7} {statistics.median(ratios):6.2f} {max(ratios):6.2f} {first_ms:9.0f} ms "
            f"{silent[0]:5} {silent[1]:7.2f} s"
        )


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=1)
    arguments.add_argument("--without-pipecat", action="store_true")
    arguments.add_argument("--json", type=Path)
    given = arguments.parse_args()
    said = replies()
    found = asyncio.run(ours(said, given.rounds))
    mine = {at: [each.ratio for each in found if each.together == at] for at in TOGETHER}
    lost = sum(each.gaps for each in found)
    found += [] if given.without_pipecat else theirs(said)
    print("first audio over the floor of the first clause, and the gaps a player would have heard")
    table(found)
    for at, ratios in mine.items():
        print(f"{at} at once: {statistics.median(ratios):.2f} times the floor (at most {MOST[at]} wanted), {lost} gaps")
    if given.json:
        given.json.write_text(json.dumps([{**asdict(each), "ratio": each.ratio} for each in found], indent=1))


if __name__ == "__main__":
    main()
