"""People who read nothing beside people who read: the same engines, the same kind of answer."""

import base64
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.e2e.conftest import Serve
from tests.e2e.processes import cpu_s, server_pid, until_quiet
from tests.e2e.sound import MODEL
from vivavoce.engines import libflite

TIMES, SLOW, BUFFER = 7, 8, 2048
LONG = "The quick brown fox jumps over the lazy dog near the river bank. " * 22
"""80 s of speech, 5 MB as it is streamed: more than all buffers on the way hold."""
SLOWER = 2.0
"""How many times as late the first sound may be: none in a quiet place, the rest is for a busy machine."""
ASKED: dict[str, Any] = {
    "model": MODEL,
    "stream": True,
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "pcm16"},
    "messages": [{"role": "user", "content": "Go on."}],
}
CONFIG = f"""
[engines.brain]
use = "scripted"
options = {{ says = "{LONG.strip()}", token_ms = 10 }}
[engines.voice]
use = "{"flite" if libflite.installed() else "espeak"}"
[models."{MODEL}"]
think = "brain"
speak = "voice"
"""
"""The real voice, which all of them share; a brain whose answers are longer than the embedded one's ever are."""


def ask(address: str, *, buffer: int | None = None) -> socket.socket:
    """Send the request; the answer is not read yet."""
    host, port = address.removeprefix("http://").split(":")
    body = json.dumps(ASKED).encode()
    connection = socket.socket()
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.settimeout(20)
    connection.connect((host, int(port)))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    return connection


def events(connection: socket.socket) -> Iterator[str]:
    with connection.makefile("rb") as lines:
        assert next(lines).split()[1] == b"200"
        for line in lines:
            if line.startswith(b"data: "):
                yield line[6:].decode().strip()


def first_sound_s(address: str) -> float:
    """Seconds until the first sound of an answer that nobody waits for any longer then."""
    began = time.monotonic()
    with ask(address) as connection:
        next(event for event in events(connection) if '"data":' in event)
        return time.monotonic() - began


def sound_a_character(connection: socket.socket) -> float:
    """Milliseconds of sound for each character of an answer, which must be whole."""
    told = list(events(connection))
    assert told[-1] == "[DONE]"
    choices: list[dict[str, Any]] = [choice for event in told[:-1] for choice in json.loads(event)["choices"]]
    assert sum(1 for choice in choices if choice["finish_reason"]) == 1
    pieces: list[dict[str, Any]] = [choice["delta"].get("audio") or {} for choice in choices]
    characters = sum(len(piece.get("transcript") or "") for piece in pieces)
    assert characters == len(LONG.strip())
    return sum(len(base64.b64decode(piece.get("data") or "")) for piece in pieces) / 48 / characters


@pytest.mark.alone
def test_who_reads_nothing_holds_nobody_up(serve: Serve, tmp_path: Path) -> None:
    config = tmp_path / "voice.toml"
    config.write_text(CONFIG)
    with serve("--config", str(config)) as address, ExitStack() as opened, ThreadPoolExecutor(SLOW) as readers:
        pid = server_pid(address)
        first_sound_s(address)
        alone = median(first_sound_s(address) for _ in range(TIMES))
        slow = [opened.enter_context(ask(address, buffer=BUFFER)) for _ in range(SLOW)]
        until_quiet(pid)  # all that fits into the buffers of those who read nothing is made
        beside = median(first_sound_s(address) for _ in range(TIMES))
        before = cpu_s(pid)
        paces = list(readers.map(sound_a_character, slow))
        waited = cpu_s(pid) - before
    assert waited > 0.1  # there was more to say to each: their voices had waited for them
    assert 40 < min(paces) <= max(paces) < 120  # all that they read is said
    assert beside <= alone * SLOWER, (alone, beside)
