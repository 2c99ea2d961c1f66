"""Spoken help: its page is served, and the server allows it. What it does in a browser: tests/playground."""

import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.e2e.conftest import Serve
from tests.examples.conftest import LIMIT_S, ROOT, commands

HELP = ROOT / "examples" / "spoken_help"
SERVE, PAGES = (shlex.split(command) for command in commands("Spoken help in an application"))


def test_the_servers_of_the_page_know_each_other(serve: Serve) -> None:
    assert SERVE[:2] == ["vivavoce", "serve"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [sys.executable, *[port if word == "8080" else word for word in PAGES[1:]]]
    with (
        serve("--config", str(ROOT / SERVE[-1])) as address,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as pages,
    ):
        try:
            page = fetched(f"http://127.0.0.1:{port}/settings.html")
            assert fetched(f"http://127.0.0.1:{port}/spoken-help.js") == (HELP / "spoken-help.js").read_text()
        finally:
            pages.terminate()
        asks = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
        answers = [
            httpx2.options(f"{address}/v1/chat/completions", headers={**asks, "origin": f"http://{origin}"})
            for origin in ("127.0.0.1:8080", "elsewhere.test")
        ]
    assert [answer.headers.get("access-control-allow-origin") for answer in answers] == ["http://127.0.0.1:8080", None]
    assert [answer.status_code for answer in answers] == [200, 400]
    assert '<script\n      src="spoken-help.js"' in page


def fetched(url: str) -> str:
    """A page of a server that may only be starting."""
    ends = time.monotonic() + LIMIT_S
    while True:
        try:
            return httpx2.get(url).raise_for_status().text
        except httpx2.ConnectError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.05)


@pytest.mark.parametrize("file", sorted(HELP.iterdir()), ids=lambda file: file.name)
def test_it_is_short_and_has_nothing_inline(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count("\n") <= 200
    assert "onclick" not in text
    assert "style=" not in text
    assert "innerHTML" not in text
    assert "<script>" not in text
