"""Virtual environments that tests make on first use and keep under `.cache`.

One is made anew when what it should hold changes. One that was not finished is never used: its stamp is written last.
"""

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache"
STEP_S = 500


def kept(home: Path, wanted: str, make: Callable[[], None]) -> Path:
    """A folder that `make` has filled with what is wanted; by one process at a time."""
    stamp = home / "installed.txt"
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_name(f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever has it is done in a few steps of `STEP_S`
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            make()
            stamp.write_text(wanted)
    return home


def create(home: Path) -> None:
    """Make a virtual environment without packages."""
    run(home, sys.executable, "-m", "venv", "--without-pip", str(home))  # half of the time is for a pip of its own


def pip(home: Path, command: str, *arguments: str) -> None:
    """Run this environment's pip for that one."""
    theirs = [sys.executable, "-m", "pip", "--python", str(python(home)), "--disable-pip-version-check"]
    run(home, *theirs, command, "--quiet", "--no-input", *arguments)


def python(home: Path) -> Path:
    """The interpreter of a virtual environment."""
    return home / "bin" / "python"


def run(home: Path, *command: str) -> None:
    """Run one step of making an environment in its folder; it must succeed."""
    done = subprocess.run(command, cwd=home, timeout=STEP_S, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
