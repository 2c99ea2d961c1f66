"""First audio over the arithmetic floor of a first clause, on engines of known pace: `python bench/paced.py`.

A model that thinks a token in 30 ms and voices that take 0.03, 0.3 and 0.7 s for a second of sound, behind the real
server, over HTTP, streamed, with 1 and 16 conversations at once. The floor is what nobody can be faster than who says
the first clause first: its tokens, and its sound. The replies and their first clauses are those of `bench/paced`:
`replies.txt`, written before the cutter, and `blind.txt`, written after it by one who had not tried it on them. Beside
it, in a process of an environment of its own, what Pipecat's aggregators do with the same engines.

Wanted is 1.3 at most for one conversation, 1.8 among 16; told is how many replies are within that. It fails where the
median over the replies of a set is more, with any voice, or where anybody hears a gap. A clause of one to three words
is not said by itself, so that nobody hears a gap after it: such replies are over, by choice, whatever the machine.

`--exact` asks no server: what cuts the words is given the same engines and a clock that jumps, so that the machine adds
nothing, and every run is the same. `--set NAME` has one set said, `--rounds N` every reply N times, `--without-pipecat`
leaves that out, `--json FILE` keeps every answer.
"""

import argparse
import asyncio
import base64
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx2

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support import environments
from tests.support.jumping import timed
from vivavoce.core.audio import SPOKEN_RATE
from vivavoce.core.engines import Speaking
from vivavoce.core.speaking import Phrased
from vivavoce.testing.scripted import Scripted, tokens
from vivavoce.testing.serving import serving

HERE = Path(__file__).parent
SETS = ("replies", "blind")
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

    of: str
    text: str
    clause: str

    def floor_s(self, cost: float) -> float:
        """Seconds to the sound of the first clause."""
        return (len(tokens(self.clause)) * TOKEN_MS + len(self.clause) * SPEECH_MS * cost) / 1000


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer, as somebody heard it."""

    by: str
    of: str
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


def replies(of: str = SETS[0]) -> list[Reply]:
    """Those of a set; a paragraph each."""
    paragraphs = (HERE / "paced" / f"{of}.txt").read_text().split("\n\n")[1:]
    marked = [" ".join(paragraph.split()) for paragraph in paragraphs]
    return [Reply(of, each.replace("|", ""), each.partition("|")[0]) for each in marked]


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
    first_s = arrivals[0][0] - began
    return Heard("viva voce", reply.of, cost, together, at, reply.floor_s(cost), first_s, *gaps(arrivals))


async def exactly(at: int, reply: Reply, cost: float) -> Heard:
    """One conversation without a server, by the loop's own clock."""

    async def thought() -> AsyncIterator[str]:
        for token in tokens(reply.text):
            await asyncio.sleep(TOKEN_MS / 1000)
            yield token

    voice, now = (
        Scripted(Scripted.Options(char_ms=SPEECH_MS * cost, speech_ms=SPEECH_MS)),
        asyncio.get_running_loop().time,
    )
    sounds = Phrased(voice, clock=now).speak(thought(), Speaking("alloy"))
    arrivals = [(now(), sound.pcm.seconds) async for sound in sounds if sound.pcm.samples]
    return Heard("exactly", reply.of, cost, 1, at, reply.floor_s(cost), arrivals[0][0], *gaps(arrivals))


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
                    for heard in await in_lanes(client, said, rounds, cost, together)
                ]


async def in_lanes(
    client: httpx2.AsyncClient, said: list[Reply], rounds: int, cost: float, together: int
) -> list[Heard]:
    """So many conversations at once, each asking one thing after another."""
    asked = iter([*enumerate(said)] * rounds)

    async def lane() -> list[Heard]:
        return [await ask(client, at, reply, cost, together) for at, reply in asked]

    return [heard for lane_heard in await asyncio.gather(*(lane() for _ in range(together))) for heard in lane_heard]


def theirs(said: list[Reply]) -> list[Heard]:
    """Pipecat's aggregators on engines of the same pace, in a process of their own, as many at once as of ours."""

    def make() -> None:
        environments.create(home)
        environments.pip(home, "install", "--no-deps", *PIPECAT)

    home = environments.CACHE / "pipecat"
    environments.kept(home, " ".join(PIPECAT), make)
    given = {
        "token_s": TOKEN_MS / 1000,
        "speech_s": SPEECH_MS / 1000,
        "costs": COSTS,
        "together": max(TOGETHER),
        "replies": [tokens(reply.text) for reply in said],
    }
    command = [str(environments.python(home)), str(AGGREGATING)]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        raise SystemExit(f"Pipecat: {done.stderr[-2000:]}")
    return [_theirs(each, said[each["reply"]]) for each in json.loads(done.stdout)]


def _theirs(told: dict[str, Any], reply: Reply) -> Heard:
    cost, floor_s = told["cost"], reply.floor_s(told["cost"])
    of = reply.of, cost, max(TOGETHER), told["reply"]
    return Heard(told["by"], *of, floor_s, told["first_s"], *gaps(told["arrivals"]))


def table(found: list[Heard]) -> None:
    """Ratios first; where there are several sets, a figure for each."""
    sets = " / ".join(dict.fromkeys(each.of for each in found))
    print(f"| who | at once | voice | median ratio, {sets} | p95 | within | first audio | gaps, in all |")
    print("|---|---|---|---|---|---|---|---|")
    for by, together, cost in dict.fromkeys((each.by, each.together, each.cost) for each in found):
        group = [each for each in found if (each.by, each.together, each.cost) == (by, together, cost)]
        parts = [[each for each in group if each.of == of] for of in dict.fromkeys(each.of for each in group)]
        ratios = [sorted(each.ratio for each in part) for part in parts]
        within = sum(each.ratio <= MOST[together] for each in group)
        columns = [
            " / ".join(f"{statistics.median(part):.2f}" for part in ratios),
            " / ".join(f"{part[math.ceil(0.95 * len(part)) - 1]:.2f}" for part in ratios),
            f"{within} of {len(group)}",
            " / ".join(f"{1000 * statistics.median(each.first_s for each in part):.0f}" for part in parts) + " ms",
            f"{sum(each.gaps for each in group)}, {sum(each.gap_s for each in group):.2f} s",
        ]
        print(f"| {by} | {together} | {cost} | {' | '.join(columns)} |")


def verdict(found: list[Heard]) -> bool:
    """Whether what is wanted holds, in a line for each number of conversations."""
    held = True
    for together, most in ((each, MOST[each]) for each in sorted({each.together for each in found})):
        group = [each for each in found if each.together == together]
        keys = {(each.of, each.cost) for each in group}
        medians = [statistics.median(each.ratio for each in group if (each.of, each.cost) == key) for key in keys]
        silent = sum(each.gaps for each in group)
        held &= max(medians) <= most and not silent
        over = {(each.of, each.reply) for each in group if each.ratio > most}
        replies_ = {(each.of, each.reply) for each in group}
        print(
            f"{together} at once: worst median {max(medians):.2f} (at most {most}), {silent} gaps; "
            f"{len(replies_) - len(over)} of {len(replies_)} replies within {most} with every voice"
        )
    return held


def main() -> int:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--set", choices=SETS)
    arguments.add_argument("--exact", action="store_true")
    arguments.add_argument("--rounds", type=int, default=1)
    arguments.add_argument("--without-pipecat", action="store_true")
    arguments.add_argument("--json", type=Path)
    given = arguments.parse_args()
    said = [reply for of in ([given.set] if given.set else SETS) for reply in replies(of)]
    if given.exact:
        found = [timed(exactly(at, reply, cost)) for cost in COSTS for at, reply in enumerate(said)]
    else:
        found = asyncio.run(ours(said, given.rounds))
    beside = [] if given.exact or given.without_pipecat else theirs(said)
    print("First audio over the floor of the first clause, and the gaps that a player would have heard:\n")
    table(found + beside)
    print()
    held = verdict(found)
    if given.json:
        kept = [{**asdict(each), "ratio": each.ratio} for each in found + beside]
        given.json.write_text(json.dumps(kept, indent=1))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
