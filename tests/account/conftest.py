"""A key ring in a folder of its own, and clocks that the test sets."""

from pathlib import Path

import pytest

from tests.store.conftest import Clock, clock, database
from vivavoce.account.keys import KeyRing
from vivavoce.store.database import Database
from vivavoce.store.keys import Keys
from vivavoce.store.secret import secret_in

__all__ = ["clock", "database"]


@pytest.fixture
def running() -> Clock:
    return Clock()


@pytest.fixture
def ring(database: Database, tmp_path: Path, clock: Clock, running: Clock) -> KeyRing:
    return KeyRing(Keys(database, clock), secret_in(tmp_path / "keys.secret"), clock, running)
