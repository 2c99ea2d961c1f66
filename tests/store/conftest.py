"""A database in a folder of its own, and a clock that the test sets."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.databases import opened
from vivavoce.store.database import Database


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = await opened(tmp_path)
    yield made
    await made.close()


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
