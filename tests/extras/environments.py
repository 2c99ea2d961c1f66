"""Each extra's environment: the project's own with what the extra brings on top, kept under `.cache/extras`.

It has the versions of `constraints-engines.txt`.
"""

import sys
import sysconfig
import tomllib
from pathlib import Path

from tests.support.environments import CACHE, ROOT, create, kept, pip, python

HERE = Path(__file__).parent
MAKING = {"sherpa": ["onnx"]}
"""What an extra's tests make their models with, where the extra does not bring it."""


def extras() -> list[str]:
    """Those with tests: each has a folder here."""
    return sorted(path.name for path in HERE.iterdir() if any(path.glob("test_*.py")))


def python_of(extra: str) -> Path:
    """The interpreter of an extra's environment, made on first use."""
    constraints = [ROOT / "constraints.txt", ROOT / "constraints-engines.txt"]
    packages = [*_brings(extra), *MAKING.get(extra, [])]
    home = CACHE / "extras" / extra

    def make() -> None:
        create(home)
        # Not a copy of what the project's environment has, but the same: `addsitedir` reads its .pth files as well.
        ours = sysconfig.get_path("purelib")
        (_site_packages(home) / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
        pip(home, "install", *(part for each in constraints for part in ("-c", str(each))), *packages)

    wanted = "\n".join([sys.version, sys.prefix, *packages, *(each.read_text() for each in constraints)])
    return python(kept(home, wanted, make))


def _brings(extra: str) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return list(project["optional-dependencies"][extra])


def _site_packages(home: Path) -> Path:
    return next(home.glob("lib/python*/site-packages"))
