"""A batch of which each line asks a number, written as clients write them, and what came of it."""

import json
from pathlib import Path
from typing import Any

from vivavoce.store.batch_files import BatchFiles
from vivavoce.store.batch_rows import Batch
from vivavoce.store.batch_states import BatchStates, Line

ENDPOINT = "/v1/chat/completions"
MODEL = "model-2024"
DAY_S = 86_400


def written(numbers: int) -> list[bytes]:
    return [
        json.dumps({"custom_id": f"c{n}", "method": "POST", "url": ENDPOINT, "body": {"n": n}}).encode() + b"\n"
        for n in range(1, numbers + 1)
    ]


async def begun(states: BatchStates, folder: Path, name: str, numbers: int, now: float, project: str = "mine") -> str:
    """A batch of which lines can be leased; its id."""
    made = f"batch_{name}"
    asked = written(numbers)
    source = folder / f"{name}.jsonl"
    source.write_bytes(b"".join(asked))
    await states.create(
        Batch(made, project, "key_1", ENDPOINT, "file-1", None, None, "validating", int(now), int(now) + DAY_S),
        source,
        100,
    )
    source.unlink()
    starts = [sum(map(len, asked[:at])) for at in range(numbers)]
    lines = [Line(n, f"c{n}", at, len(line), 7) for n, (at, line) in enumerate(zip(starts, asked, strict=True), 1)]
    assert await states.begin(made, MODEL, MODEL, lines)
    return made


def results(files: BatchFiles, batch: str, sizes: dict[Any, int]) -> dict[str, list[dict[str, Any]]]:
    """The results that count, by kind."""
    found: dict[str, list[dict[str, Any]]] = {}
    for kind, size in sizes.items():
        data = files.results(batch, kind).read_bytes()[:size] if size else b""
        found[kind] = [json.loads(line) for line in data.splitlines()]
    return found
