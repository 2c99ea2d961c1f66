"""`vivavoce` as people run it, with a hub whose brains are one tiny model and whose other models are folders here."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.support.ggufs import Tiny
from tests.support.hub import Repo, serving
from vivavoce.catalogue.recommended import ALL
from vivavoce.catalogue.references import OnHub, parse

ANSWER = "Hello there."


class Pulling:
    """A folder to run it in."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VIVAVOCE_")}
        here = {"VIVAVOCE_HOME": str(folder / "home"), "HF_ENDPOINT": url, "NO_PROXY": "127.0.0.1", "HF_TOKEN": ""}
        self._environment = {**kept, **here}

    def run(self, *arguments: str, code: int = 0) -> str:
        """What it prints."""
        command = [sys.executable, "-m", "vivavoce", *arguments]
        done = subprocess.run(
            command, cwd=self._folder, env=self._environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def natural(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """What it found of the set."""
        self.run("pull", "natural", "--yes", *arguments, code=code)
        report = msgspec.json.decode((self._folder / "vivavoce-selftest.json").read_bytes())
        found = {f"{each['what']} {each.get('language', '')}".strip(): each for each in report["found"]}
        return {"engines": report["engines"], **found}


@contextmanager
def stocked(tmp_path: Path, models: Mapping[str, Path]) -> Iterator[Pulling]:
    """A hub that has every brain on the list, and of each of these engines that folder as each of its models."""
    (tmp_path / "here").mkdir()
    brain = Tiny([["\n", "Hello", " there."]]).write(tmp_path / "tiny.gguf").read_bytes()
    with serving() as hub:
        for each in ALL:
            reference = parse(each.reference)
            if isinstance(reference, OnHub) and each.role == "think":
                hub.repos[reference.repo] = Repo({reference.path: brain})
            elif isinstance(reference, OnHub) and each.use in models:
                files = {path.name: path.read_bytes() for path in models[each.use].iterdir()}
                hub.repos[reference.repo] = Repo(files)
        yield Pulling(tmp_path / "here", hub.url)
