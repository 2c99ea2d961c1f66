"""The sizes a reader was promised: modules of at most 300 lines, functions of at most 60, adapters still less."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "src").rglob("*.py"))
ENGINES = ROOT / "src" / "vivavoce" / "engines"
ADAPTER_LINES, EXTRAS_LINES = 200, 120


def adapters() -> dict[Path, int]:
    """The modules that an entry point of ours leads to, with those beside it in a folder; the most lines of each."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"].values()
    mains = [
        ROOT / "src" / f"{target.partition(':')[0].replace('.', '/')}.py" for each in groups for target in each.values()
    ]
    found: dict[Path, int] = {}
    for main in mains:
        if main.is_relative_to(ENGINES):
            modules = [main] if main.parent == ENGINES else sorted(main.parent.glob("*.py"))
            extra = any("from vivavoce.engines.extras import" in each.read_text() for each in modules)
            found |= dict.fromkeys(modules, EXTRAS_LINES if extra else ADAPTER_LINES)
    return found


ADAPTERS = adapters()


@pytest.mark.parametrize("module", MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_it_can_be_read_in_one_sitting(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    assert text.count("\n") <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name


@pytest.mark.parametrize(("module", "most"), [pytest.param(*each, id=f"{each[0].stem}") for each in ADAPTERS.items()])
def test_an_adapter_does_no_more_than_adapt(module: Path, most: int) -> None:
    assert module.read_text(encoding="utf-8").count("\n") <= most


def test_the_adapters_of_extras_are_known_as_such() -> None:
    known = {module.relative_to(ENGINES).parts[0] for module, most in ADAPTERS.items() if most == EXTRAS_LINES}
    assert known == {"omni", "sherpa", "whisper.py"}


def test_the_pictures_are_small() -> None:
    sizes = [picture.stat().st_size for picture in (ROOT / "docs" / "playground").glob("*.png")]
    assert sizes
    assert max(sizes) < 150_000
    assert sum(sizes) < 1_000_000
