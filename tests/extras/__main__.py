"""Run the tests of extras, each in its environment: of all that have any, or of those named."""

import subprocess
import sys

from tests.extras.environments import HERE, extras, python_of
from tests.support.environments import ROOT


def main() -> int:
    """How many extras' tests failed."""
    failed = 0
    for extra in sys.argv[1:] or extras():
        print(f"{extra}:", flush=True)  # noqa: T201 - for whoever reads CI's log
        command = [str(python_of(extra)), "-m", "pytest", "-q", str(HERE / extra)]
        failed += subprocess.run(command, cwd=ROOT, check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
