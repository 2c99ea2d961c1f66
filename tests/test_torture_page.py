"""`docs/torture.md` and `docs/reliability.md` name tests that are there, and leave out nothing that was promised."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "torture.md").read_text(encoding="utf-8")
RELIABILITY = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
PROMISED = {*range(1, 6), *range(7, 10), *range(11, 15), *range(16, 31), *range(32, 39), *range(40, 50)}


def functions(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_test_they_name_is_there() -> None:
    named = re.findall(r"`(tests/[^:`]+)::([^`]+)`", PAGE + RELIABILITY)
    assert len(named) > 40
    assert {(file, name) for file, name in named if name not in functions(ROOT / file)} == set()


def test_every_row_names_a_test_and_every_promise_has_a_row() -> None:
    rows = [line.strip("|").split("|") for line in PAGE.splitlines() if re.match(r"\| (\d+ )?\| ", line)]
    rows = [cells for cells in rows if cells[1].strip() != "what is done"]
    assert all("::" in cells[3] for cells in rows)
    numbers = {int(cells[0]) for cells in rows if cells[0].strip()}
    assert numbers >= PROMISED
    head = RELIABILITY.split("\n## ")[1]
    promises = [line.strip("|").split("|") for line in head.splitlines() if line.startswith("|")]
    tried = [{int(number) for number in re.findall(r"\b\d+\b(?=,| |$)", cells[3].split("`")[0])} for cells in promises]
    assert len(tried) > 10
    assert set[int]().union(*tried) <= numbers
    assert all(found or "::" in cells[3] for found, cells in zip(tried[2:], promises[2:], strict=True))
