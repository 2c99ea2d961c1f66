"""The real server with the real embedded engines, in a process of its own, as people run it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx2
import pytest
from openai import OpenAI

from vivavoce.catalogue import embedded
from vivavoce.engines import libflite

START_S = 60
if os.environ.get("CI"):
    # What may be missing on a person's machine must not be missing, and skipped in silence, where we decide.
    assert libflite.installed(), libflite.MISSING
    assert shutil.which("curl")
Serve = Callable[..., AbstractContextManager[str]]


@contextmanager
def _serving(home: Path, *arguments: str) -> Iterator[str]:
    """Start `vivavoce serve` on a free port; its address."""
    weights = embedded.fetched()
    if weights is None:
        reason = "the embedded weights are not here; `make test` fetches them"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    home.mkdir(exist_ok=True)
    if not (home / "weights").exists():
        (home / "weights").symlink_to(weights.parent)
    command = [sys.executable, "-m", "vivavoce", "serve", "--port", "0", *arguments]
    environment = {**os.environ, "VIVAVOCE_HOME": str(home)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True, cwd=home) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            found = re.search(r"http://\S+:\d+", line)
            assert found, f"the server said: {line!r}"
            yield found[0]
        finally:
            server.terminate()
            server.wait(START_S)


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """Start a server with the given arguments, in a folder of its own or a given one."""

    def start(*arguments: str, home: Path | None = None) -> AbstractContextManager[str]:
        return _serving(home or tmp_path_factory.mktemp("home"), *arguments)

    return start


@pytest.fixture(scope="session")
def address(serve: Serve) -> Iterator[str]:
    """One server with the embedded default, for all tests that do not change it."""
    with serve() as url:
        yield url


@pytest.fixture(scope="session")
def client(address: str) -> Iterator[OpenAI]:
    """The official client, which refuses any answer that is not what OpenAI's schema says."""
    with OpenAI(base_url=address, api_key="anything", _strict_response_validation=True, max_retries=0) as official:
        yield official


@pytest.fixture(scope="session")
def http(address: str) -> Iterator[httpx2.Client]:
    """Plain HTTP."""
    with httpx2.Client(base_url=address, timeout=120, trust_env=False) as plain:
        yield plain
