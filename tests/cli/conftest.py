"""Commands run as people run them, in a process of their own, on scripted engines."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

SCRIPTED = """
[engines.script]
use = "scripted"
options = { says = "Hello there. Bye.", hears = "what time is it", speech_ms = 10 }

[models.talker]
hear = "script"
think = "script"
speak = "script"
aliases = ["chatty"]
voices = { sam = "echo" }

[models.writer]
think = "script"
"""


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()


Run = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `vivavoce` in a process of its own, in an empty folder that has only a scripted configuration."""
    (tmp_path / "vivavoce.toml").write_text(SCRIPTED)

    def go(*arguments: str, stdin: bytes = b"", stdout: int = subprocess.PIPE, **variables: str) -> Ran:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VIVAVOCE_")}
        environment = {**kept, "VIVAVOCE_HOME": str(tmp_path / "home"), **variables}
        command = [sys.executable, "-W", "error", "-m", "vivavoce", *arguments]
        done = subprocess.run(
            command, input=stdin, stdout=stdout, stderr=subprocess.PIPE, env=environment, cwd=tmp_path, check=False,
            timeout=60,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout or b"", done.stderr.decode())

    return go


Serve = Callable[[dict[str, tuple[int, bytes]]], int]


@pytest.fixture
def answering() -> Iterator[Serve]:
    """Start servers on free ports of this machine that answer what they are told, by path."""
    servers: list[ThreadingHTTPServer] = []

    def serve(pages: dict[str, tuple[int, bytes]]) -> int:
        class Page(BaseHTTPRequestHandler):
            known: ClassVar = pages

            def do_GET(self) -> None:
                status, body = self.known.get(self.path, (404, b"{}"))
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return server.server_address[1]

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()
