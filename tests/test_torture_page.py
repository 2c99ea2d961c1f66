"""`docs/torture.md` names tests that are there, and leaves out nothing that was promised."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "torture.md").read_text(encoding="utf-8")
PROMISED = {
    *range(1, 4),
    *range(11, 15),
    *range(16, 20),
    *range(21, 25),
    *range(26, 31),
    32,
    33,
    35,
    37,
    38,
    *range(40, 45),
}


def functions(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_test_it_names_is_there() -> None:
    named = re.findall(r"`(tests/[^:`]+)::([^`]+)`", PAGE)
    assert len(named) > 40
    assert {(file, name) for file, name in named if name not in functions(ROOT / file)} == set()


def test_every_row_names_a_test_and_every_promise_has_a_row() -> None:
    rows = [line.strip("|").split("|") for line in PAGE.splitlines() if re.match(r"\| (\d+ )?\| ", line)]
    rows = [cells for cells in rows if cells[1].strip() != "what is done"]
    assert all("::" in cells[3] for cells in rows)
    assert {int(cells[0]) for cells in rows if cells[0].strip()} >= PROMISED
