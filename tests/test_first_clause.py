"""What is wanted of the first piece, on the replies of `bench/paced` and a clock that jumps: the same everywhere."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_first_clause_is_said_first_and_nobody_hears_a_gap() -> None:
    command = [sys.executable, str(ROOT / "bench" / "paced.py"), "--exact"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "(at most 1.3), 0 gaps; " in done.stdout
