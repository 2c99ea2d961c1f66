"""Each extra's environment: the project's own with what the extra brings on top, kept under `.cache/extras`.

It is made on first use, with the versions of `constraints-engines.txt`, and made anew when what it should hold changes.
"""

import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache" / "extras"
INSTALL_S = 500
MAKING = {"sherpa": ["onnx"]}
"""What an extra's tests make their models with, where the extra does not bring it."""


def extras() -> list[str]:
    """Those with tests: each has a folder here."""
    return sorted(path.name for path in HERE.iterdir() if any(path.glob("test_*.py")))


def python_of(extra: str) -> Path:
    """The interpreter of an extra's environment, made on first use."""
    home = CACHE / extra
    stamp = home / "installed.txt"
    constraints = [ROOT / "constraints.txt", ROOT / "constraints-engines.txt"]
    packages = [*_brings(extra), *MAKING.get(extra, [])]
    wanted = "\n".join([sys.version, sys.prefix, *packages, *(each.read_text() for each in constraints)])
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(home, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(home))
        # Not a copy of what the project's environment has, but the same: `addsitedir` reads its .pth files as well.
        ours = sysconfig.get_path("purelib")
        (_site_packages(home) / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
        limits = [part for each in constraints for part in ("-c", str(each))]
        _run(str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", *limits, *packages)
        stamp.write_text(wanted)
    return home / "bin" / "python"


def _brings(extra: str) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return list(project["optional-dependencies"][extra])


def _site_packages(home: Path) -> Path:
    return next(home.glob("lib/python*/site-packages"))


def _run(*command: str) -> None:
    done = subprocess.run(command, timeout=INSTALL_S, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
