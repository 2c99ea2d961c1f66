"""What the server itself costs: `python bench/overhead.py [--rounds N] [--seconds S]`.

Its engines cost nothing: they are scripted and live in the server. For each kind of request a mock (`bench/mock.py`)
writes the very bytes that the server answered, in the same pieces, and so does an application of the same framework
with nothing behind it: the ceiling. `bench/load.py` asks them by turns, from a process of its own: noise hits all, and
only ratios of medians count. Beside it LiteLLM's proxy and our server with the
`openai` engine, each in front of the same mock.
"""

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.compat.proxy import KEY, proxying
from vivavoce.audio.wav import write_wav
from vivavoce.testing.scripted import tone
from vivavoce.testing.serving import serving

HERE = Path(__file__).parent
MODEL = "gpt-4o-mini-audio-preview"
BEHIND = "gpt-4o-audio-preview"
"""The model that the mock answers for."""
SAYS = "Hello there, my friend. It is a fine day in the city today. Would you like to hear what is going on?"
"""22 words in three sentences."""
SCRIPTED = f"""
[engines.script]
use = "scripted"
options = {{ says = "{SAYS}", speech_ms = 20 }}
[models.{MODEL}]
hear = "script"
think = "script"
speak = "script"
"""
BEFORE = f"""
[engines.elsewhere]
use = "openai"
options = {{ base_url = "%s/v1", model = "{BEHIND}" }}
[models.{BEHIND}]
respond = "elsewhere"
"""
MANY = 32
START_S = 20.0
PROXY_S = 6.0
"""Of a round with the proxy at the least: its streams take seconds where many ask."""


class Kind(NamedTuple):
    """A kind of request."""

    name: str
    clients: int
    speech: bool = False
    stream: bool = True
    spoken: bool = True
    reading: bool = False
    """Whether the clients read what comes, as any real one does."""

    def body(self, model: str = MODEL) -> bytes:
        """Its body."""
        sound = {"data": b64encode(write_wav(tone(1.3))).decode(), "format": "wav"}
        parts = [{"type": "input_audio", "input_audio": sound}]
        asked: dict[str, Any] = {"model": model, "stream": self.stream}
        if self.spoken:
            form = "pcm16" if self.stream else "wav"
            asked |= {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": form}}
        asked["messages"] = [{"role": "user", "content": parts if self.speech else "How are you today?"}]
        return json.dumps(asked).encode()


TEXT = Kind(f"streamed, text in, {MANY} clients", MANY)
SPEECH = Kind(f"streamed, 1.3 s WAV in, {MANY} clients", MANY, speech=True)
WRITTEN = Kind("whole, text in, text out, 1 client", 1, stream=False, spoken=False)
SPOKEN = Kind("whole, text in, speech out, 1 client", 1, stream=False)
TEXT_READ = TEXT._replace(name=f"{TEXT.name} that read it", reading=True)
SPEECH_READ = SPEECH._replace(name=f"{SPEECH.name} that read it", reading=True)
ALONE = Kind("streamed, text in, 1 client", 1)


class Found(NamedTuple):
    """What the clients found in one round. Times are in milliseconds, and medians."""

    rate: float
    first: float
    whole: float
    cpu: float
    """Of the server's process, for each request."""


class Target:
    """A server, asked one kind of request, and what was found each time."""

    def __init__(self, url: str, pid: int, body: bytes, folder: Path, key: str = "any") -> None:
        self.url, self._pid = url, pid
        self._request = folder / f"request-{os.urandom(4).hex()}"
        head = [
            "POST /v1/chat/completions HTTP/1.1",
            f"host: {urlsplit(url).netloc}",
            f"authorization: Bearer {key}",
            "content-type: application/json",
            f"content-length: {len(body)}",
        ]
        self._request.write_bytes("\r\n".join([*head, "", ""]).encode() + body)
        self.found: list[Found] = []

    def ask(self, kind: Kind, seconds: float, *, counts: bool) -> None:
        """One round."""
        before = cpu_s(self._pid)
        command = [sys.executable, str(HERE / "load.py"), self.url, str(self._request)]
        command += [str(kind.clients), str(seconds), *(["reading"] if kind.reading else [])]
        told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=seconds + 60).stdout)
        cpu = (cpu_s(self._pid) - before) / (told["rate"] * seconds)
        first, whole = (statistics.median(told[name]) * 1000 for name in ("first_s", "whole_s"))
        if counts:
            self.found.append(Found(told["rate"], first, whole, cpu * 1000))

    def median(self, name: str) -> float:
        """Of all rounds."""
        return statistics.median(getattr(each, name) for each in self.found)


def cpu_s(pid: int) -> float:
    """What a process has used of the machine."""
    used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")


def record(url: str, body: bytes) -> dict[str, Any]:
    """What a server answers, in the pieces in which it sends it."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    headers = [(name.lower(), value) for name, value in answer.getheaders()]
    assert answer.status == 200, answer.read()
    pieces: list[bytes] = []
    if answer.chunked:
        assert answer.fp is not None
        while size := int(answer.fp.readline(), 16):
            pieces.append(answer.fp.read(size))
            answer.fp.readline()
    else:
        pieces.append(answer.read())
    connection.close()
    kept = [header for header in headers if header[0] not in ("date", "transfer-encoding")]
    return {"headers": kept, "pieces": [b64encode(piece).decode() for piece in pieces]}


@contextmanager
def mocking(recorded: dict[str, Any], folder: Path, *how: str) -> Iterator[tuple[str, int]]:
    """A mock's address and process; `how`: see `bench/mock.py`."""
    file = folder / f"recorded-{os.urandom(4).hex()}.json"
    file.write_text(json.dumps(recorded))
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        command = [sys.executable, str(HERE / "mock.py"), str(file), str(listener.fileno()), *how]
        with subprocess.Popen(command, pass_fds=[listener.fileno()]) as process:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            try:
                until = time.monotonic() + START_S
                while True:
                    try:
                        record(url, b"{}")
                    except OSError:
                        if time.monotonic() > until:
                            raise
                    else:
                        break
                yield url, process.pid
            finally:
                process.terminate()


def compare(kind: Kind, targets: list[Target], rounds: int, seconds: float) -> None:
    """Ask the targets by turns, each round in the other direction; the first round only warms them."""
    for round_ in range(rounds + 1):
        for target in targets[:: 1 if round_ % 2 else -1]:
            target.ask(kind, seconds, counts=round_ > 0)


def row(name: str, mock: Target, ceiling: Target, ours: Target) -> None:
    """One line of the first table."""
    three = (mock, ceiling, ours)
    rates, cpus = ([each.median(what) for each in three] for what in ("rate", "cpu"))
    added = ours.median("whole") - mock.median("whole")
    print(
        f"| {name} | **{rates[2] / rates[0]:.2f}** | {rates[1] / rates[0]:.2f} | {added:+.2f} ms "
        f"| {' → '.join(f'{rate:.0f}' for rate in rates)} | {' → '.join(f'{cpu:.2f}' for cpu in cpus)} ms |",
        flush=True,
    )


def against_mock(server: tuple[str, int], rounds: int, seconds: float, folder: Path, only: str) -> None:
    """Our server over the mock."""
    print("| request | requests/s over the mock's | ceiling: the same framework, nothing behind it ", end="")
    print("| added to each | requests/s, mock → ceiling → ours | CPU each, mock → ceiling → ours |")
    print("|---|---|---|---|---|---|", flush=True)
    for kind in (TEXT, TEXT_READ, SPEECH, SPEECH_READ, WRITTEN, SPOKEN):
        if only in kind.name:
            body = kind.body()
            recorded = record(server[0], body)
            with mocking(recorded, folder) as mock, mocking(recorded, folder, "framework") as ceiling:
                three = [Target(*each, body, folder) for each in (mock, ceiling, server)]
                compare(kind, three, rounds, seconds)
                row(kind.name, *three)


def against_proxy(server: tuple[str, int], rounds: int, seconds: float, folder: Path) -> None:
    """Our server with its `openai` engine over LiteLLM's proxy, both before one mock."""
    with ExitStack() as stack:
        mock = stack.enter_context(mocking(record(server[0], TEXT.body()), folder))
        home = folder / "before"
        home.mkdir()
        (home / "vivavoce.toml").write_text(BEFORE % mock[0])
        ours = stack.enter_context(serving(home))
        proxy = stack.enter_context(proxying(folder, [(BEHIND, mock[0])]))
        print("\n| streamed, text in | mock | ours before it | LiteLLM before it | ours over LiteLLM |")
        print("|---|---|---|---|---|", flush=True)
        for kind in (TEXT, ALONE):
            body = kind.body(BEHIND)
            three = [
                Target(*mock, body, folder),
                Target(ours.url, ours.pid, body, folder),
                Target(*proxy, body, folder, KEY),
            ]
            compare(kind, three, rounds, max(seconds, PROXY_S))
            rates, firsts = ([each.median(name) for each in three] for name in ("rate", "first"))
            listed = " | ".join(f"{rate:.0f}/s" for rate in rates)
            print(f"| streams/s, {kind.clients} clients | {listed} | **{rates[1] / rates[2]:.1f}** |")
            listed = " | ".join(f"{first:.1f} ms" for first in firsts)
            added = (firsts[1] - firsts[0]) / (firsts[2] - firsts[0])
            print(f"| first audio, {kind.clients} clients | {listed} | added: **{added:.2f}** |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="What the server itself costs, as ratios.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each round, for each server")
    parser.add_argument("--only", default="", help="rows of the first table whose name has this in it")
    parser.add_argument("--without-proxy", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as home:
        Path(home, "vivavoce.toml").write_text(SCRIPTED)
        with serving(Path(home)) as ours:
            server = ours.url, ours.pid
            against_mock(server, asked.rounds, asked.seconds, Path(folder), asked.only)
            if not asked.without_proxy:
                against_proxy(server, asked.rounds, asked.seconds, Path(folder))


if __name__ == "__main__":
    main()
