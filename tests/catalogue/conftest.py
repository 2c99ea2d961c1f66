"""A hub of this machine, and a home for weights of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.hub import Hub, serving
from vivavoce.catalogue import asking


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "weights"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield running


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with asking.client() as client:
        client.timeout = httpx2.Timeout(0.5)
        yield client
