"""The examples, run as people run them, beside the real server with the embedded engines."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import address, serve

__all__ = ["address", "serve"]

ROOT = Path(__file__).parents[2]
DEVICES = Path(__file__).parent / "devices"
PAGE = ROOT / "examples" / "README.md"
LIMIT_S = 240
Run = Callable[..., subprocess.CompletedProcess[str]]


def commands(title: str) -> list[str]:
    """The commands on the examples' page, below one title."""
    section = PAGE.read_text(encoding="utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
    return [line for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) for line in block.splitlines()]


@pytest.fixture
def run(address: str, tmp_path: Path) -> Run:
    """Run a command in a folder with the examples in it, beside the server; it must go well unless `fails`."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")

    def start(
        command: str, *, stdin: str = "", fails: bool = False, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "OPENAI_BASE_URL": f"{address}/v1",
            "COLUMNS": "200",
            **variables,
        }
        done = subprocess.run(
            shlex.split(command),
            cwd=tmp_path,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stderr
        return done

    return start
