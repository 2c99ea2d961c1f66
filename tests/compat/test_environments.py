"""A client's environment is whole or not used at all."""

from pathlib import Path

import pytest

from tests.compat import environments as clients
from tests.compat.environments import Client
from tests.support import environments

SOMEBODY = Client("somebody", "some.py", ("something==1",))


def test_one_that_was_not_finished_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    def run(home: Path, *command: str) -> None:
        steps.append(command[-1])
        (home / f"step {len(steps)}").touch()
        if len(steps) == 2:
            raise AssertionError("no network")

    monkeypatch.setattr(clients, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(environments, "run", run)
    with pytest.raises(AssertionError, match="no network"):
        SOMEBODY.installed()
    home = SOMEBODY.installed()
    assert steps == [str(home), "something==1"] * 2
    assert sorted(file.name for file in home.iterdir()) == ["installed.txt", "step 3", "step 4"]
    assert SOMEBODY.installed() == home
    assert len(steps) == 4


def test_it_is_made_anew_when_it_should_hold_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    monkeypatch.setattr(clients, "CACHE", tmp_path)
    monkeypatch.setattr(environments, "run", lambda _home, *command: steps.append(command[-1]))
    SOMEBODY.installed()
    Client("somebody", "some.py", ("something==2",)).installed()
    assert steps[1::2] == ["something==1", "something==2"]
