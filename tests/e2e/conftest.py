"""The real server with the real embedded engines, in a process of its own, as people run it."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx2
import pytest
from openai import OpenAI

from tests.support.weights import link_weights
from vivavoce.engines import libflite
from vivavoce.testing.serving import serving

if os.environ.get("CI"):
    # What may be missing on a person's machine must not be missing, and skipped in silence, where we decide.
    assert libflite.installed(), libflite.MISSING
    assert shutil.which("curl")
Serve = Callable[..., AbstractContextManager[str]]


@contextmanager
def _serving(home: Path, *arguments: str) -> Iterator[str]:
    """Start a server with the embedded engines; its address."""
    home.mkdir(exist_ok=True)
    link_weights(home)
    with serving(home, *arguments) as server:
        yield server.url


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
