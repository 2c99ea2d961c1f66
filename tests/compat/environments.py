"""Each client's environment: a venv or a folder of Node packages, kept under `.cache/compat`.

It is made on first use from PyPI or npm alone, and made anew when what it should hold changes.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache" / "compat"
INSTALL_S = 400


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody else's client: the script that uses it, and what has to be installed for it."""

    name: str
    script: str
    packages: tuple[str, ...] = ()

    def command(self) -> list[str]:
        """How to run its script, once everything is installed."""
        tool = {".sh": "curl", ".mjs": "npm"}.get(Path(self.script).suffix)
        if tool and not shutil.which(tool):
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{tool} is not installed")
        script = str(HERE / "clients" / self.script)
        if script.endswith(".sh"):
            return ["bash", script]
        # Node looks for packages beside the script
        home = self._installed()
        if script.endswith(".mjs"):
            return [str(home / "node_modules" / ".bin" / "node"), shutil.copy(script, home)]
        return [str(home / "bin" / "python"), script]

    def _installed(self) -> Path:
        """Its environment, made on first use."""
        home = CACHE / self.name
        stamp = home / "installed.txt"
        wanted = "\n".join([sys.version, *self.packages])
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True)
            for step in self._steps(home):
                done = subprocess.run(step, cwd=home, timeout=INSTALL_S, capture_output=True, text=True, check=False)
                assert done.returncode == 0, f"{' '.join(step)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            stamp.write_text(wanted)
        return home

    def _steps(self, home: Path) -> list[list[str]]:
        if self.script.endswith(".mjs"):
            (home / "package.json").write_text('{"private": true, "type": "module"}')
            return [["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *self.packages]]
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        return [[sys.executable, "-m", "venv", str(home)], [*pip, *self.packages]]
