"""All that docs/performance.md tells, measured one after another: `python bench/all.py FOLDER [NAME …]`.

Each benchmark's output goes to a file of its own in the folder, with its command, its exit status, how long it took and
the machine's load before it; `machine.txt` says where, when and of which commit. NAMEs choose some of them. What else
runs on the machine is in the figures: let nothing else run. Exits with 1 if one of them did.
"""

import os
import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from vivavoce.benchmark.machine import here
from vivavoce.core.processes import cores

ROOT = Path(__file__).parents[1]
LIMIT_S = 3600.0
"""Of one benchmark."""
ALL = {
    "bench": "-m vivavoce bench --json {folder}/bench.json --svg {folder}/bench.svg",
    "paced": "bench/paced.py --json {folder}/paced.json",
    "exact": "bench/paced.py --exact",
    "overhead": "bench/overhead.py",
    "first_audio": "bench/first_audio.py",
    "conversation": "bench/conversation.py --json {folder}/conversation.json",
    "slow_readers": "bench/slow_readers.py",
    "endurance": "bench/endurance.py 10",
    "batches": "bench/batches.py",
    "startup": "bench/startup.py",
    "threads": "bench/threads.py",
    "measuring": "bench/measuring.py",
    "pieces": "bench/pieces.py",
}


def main() -> int:
    if len(sys.argv) < 2 or not ALL.keys() >= set(sys.argv[2:]):
        raise SystemExit(f"python bench/all.py FOLDER [{'|'.join(ALL)} …]")
    folder = Path(sys.argv[1]).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout  # noqa: PLW1510, S607
    told = f"{here(cores())}\n{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit.strip() or 'unknown'}\n"
    folder.joinpath("machine.txt").write_text(told)
    print(told, end="", flush=True)
    return max([measure(name, folder) for name in sys.argv[2:] or ALL])


def measure(name: str, folder: Path) -> int:
    """Run one of them; 1 if it failed, or told that something is not as wanted."""
    command = [sys.executable, *shlex.split(ALL[name].format(folder=shlex.quote(str(folder))))]
    load, began = os.getloadavg()[0], time.monotonic()
    with folder.joinpath(f"{name}.txt").open("w") as file:
        file.write(f"$ python {shlex.join(command[1:])}\n")
        file.flush()
        try:
            code = subprocess.run(command, cwd=ROOT, stdout=file, stderr=file, check=False, timeout=LIMIT_S).returncode
        except subprocess.TimeoutExpired:
            code = -1
        ended = f"exit status {code} after {time.monotonic() - began:.0f} s; load before it {load:.2f}"
        file.write(f"[{ended}]\n")
    print(f"{name}: {ended}", flush=True)
    return int(code != 0)


if __name__ == "__main__":
    sys.exit(main())
