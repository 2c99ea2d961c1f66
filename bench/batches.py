"""How much a backlog of batches slows people who talk: `python bench/batches.py [--rounds N] [--scripted]`.

Two servers alike: one has nothing else to do, the other a backlog of spoken answers in a batch, sent with OpenAI's own
client. The same written questions are asked of both by turns, streamed, until the first sound; while one is asked, the
other is stopped. Before each question the backlog has been worked on for a while. What is wanted is the 95th percentile
of the one with a backlog over that of the other.

`--scripted`: with engines that cost nothing, behind the same server: what is left is what the server does by itself.
"""

import argparse
import json
import math
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from openai import OpenAI

from first_audio import QUESTIONS
from vivavoce.catalogue import embedded
from vivavoce.testing.serving import Server, children, serving

MODEL = "gpt-4o-mini-audio-preview"
MOST = 1.2
LINES = 5000
WORKED_S = 2.5
"""How long the backlog is worked on before each question: longer than it waits for people to be gone."""
SCRIPTED = f"""
[engines.all]
use = "scripted"
options = {{ says = "Well, here is one. It is short.", token_ms = 20, char_ms = 2, speech_ms = 20 }}
[models."{MODEL}"]
hear = "all"
think = "all"
speak = "all"
"""
SPOKEN: dict[str, Any] = {"model": MODEL, "modalities": ["text", "audio"]}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=4, help="how often each question is asked of each server")
    parser.add_argument("--scripted", action="store_true")
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        _server(folder, "idle", chosen) as idle,
        _server(folder, "backlog", chosen) as busy,
    ):
        batch = _backlog(busy.url)
        times = _ask(idle, busy, chosen.rounds)
        counts = OpenAI(base_url=f"{busy.url}/v1", api_key="-").batches.retrieve(batch).request_counts
    p95s = [_percentile(each, 0.95) for each in times]
    for name, each, p95 in zip(("idle", "backlog"), times, p95s, strict=True):
        print(f"{name}: first sound after {statistics.median(each):.3f} s, 95th percentile {p95:.3f} s, {len(each)}")
    print(f"lines done meanwhile: {counts.completed if counts else 0}")
    print(f"ratio of medians {statistics.median(times[1]) / statistics.median(times[0]):.3f}")
    print(f"ratio of 95th percentiles {p95s[1] / p95s[0]:.3f}, wanted at most {MOST}")
    sys.exit(p95s[1] / p95s[0] > MOST)


@contextmanager
def _server(folder: str, name: str, chosen: argparse.Namespace) -> Iterator[Server]:
    home = Path(folder, name)
    home.mkdir()
    if chosen.scripted:
        (home / "vivavoce.toml").write_text(SCRIPTED)
    else:
        (home / "weights").symlink_to(embedded.fetch().parent)
    with serving(home) as server:
        try:
            yield server
        finally:
            _tell(server, signal.SIGCONT)


def _backlog(url: str) -> str:
    """A batch that is worked on; its id."""
    client = OpenAI(base_url=f"{url}/v1", api_key="-")
    data = "\n".join(json.dumps(_line(number)) for number in range(LINES)).encode()
    file = client.files.create(file=("asked.jsonl", data), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    while client.batches.retrieve(batch.id).status != "in_progress":
        time.sleep(0.1)
    return batch.id


def _line(number: int) -> dict[str, Any]:
    said = f"{QUESTIONS[number % len(QUESTIONS)]} Tell me {number} things about it."
    body = SPOKEN | {"audio": {"voice": "alloy", "format": "wav"}, "messages": [{"role": "user", "content": said}]}
    return {"custom_id": f"line-{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}


def _ask(idle: Server, busy: Server, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds to the first sound, of each server."""
    times: tuple[list[float], list[float]] = ([], [])
    chance = random.Random(1)  # noqa: S311 - the same moments each time
    with httpx2.Client(trust_env=False, timeout=120) as http:
        for number in range(-1, rounds * len(QUESTIONS)):
            said = f"{QUESTIONS[number % len(QUESTIONS)]} I ask you {number + 2} times."
            waited_s = WORKED_S + chance.random()
            turns = [(0, idle, busy), (1, busy, idle)]
            for at, asked, other in turns[:: 1 if number % 2 else -1]:
                _tell(other, signal.SIGSTOP)
                time.sleep(waited_s)
                took_s = _first_s(http, asked.url, said)
                _tell(other, signal.SIGCONT)
                if number >= 0:
                    times[at].append(took_s)
    return times


def _first_s(http: httpx2.Client, url: str, said: str) -> float:
    body = SPOKEN | {"audio": {"voice": "alloy", "format": "pcm16"}, "stream": True}
    began, first = time.perf_counter(), math.inf
    with http.stream(
        "POST", f"{url}/v1/chat/completions", json=body | {"messages": [{"role": "user", "content": said}]}
    ) as answer:
        assert answer.status_code == 200, answer.read()
        for line in answer.iter_lines():
            if first == math.inf and line.startswith("data: {"):
                delta = json.loads(line[6:])["choices"][0]["delta"]
                first = time.perf_counter() - began if (delta.get("audio") or {}).get("data") else first
    return first


def _tell(server: Server, what: signal.Signals) -> None:
    """The server, and each of its engines."""
    for process in (server.pid, *children(server.pid)):
        os.kill(process, what)


def _percentile(values: list[float], part: float) -> float:
    return sorted(values)[math.ceil(part * len(values)) - 1]


if __name__ == "__main__":
    main()
