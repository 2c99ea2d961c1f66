"""The original's recorded traffic, where it is at hand, and the shape of JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).parents[3] / "shared" / "openai"
FILLING = {"obfuscation"}


def shared(name: str) -> Path:
    """A file of the shared facts; the test is skipped where they are not there."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is not there: the recorded facts are not part of the repository")
    return path


def entries(name: str) -> list[dict[str, Any]]:
    """The requests and answers of one recording."""
    return json.loads(shared(f"recorded/{name}.json").read_text())["Entries"]


def whole(name: str, entry: int = 0) -> dict[str, Any]:
    """A recorded whole answer."""
    return entries(name)[entry]["ResponseBody"]


def chunks(name: str, entry: int = 0) -> list[dict[str, Any]]:
    """The recorded chunks of a stream, without its filling: empty chunks, and characters that even out sizes."""
    lines = "".join(entries(name)[entry]["ResponseBody"]).split("\n\n")
    found = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    return [{key: value for key, value in chunk.items() if key not in FILLING} for chunk in found if "choices" in chunk]


def shape(value: Any, path: str = "") -> dict[str, str]:
    """Every path in a JSON value, in order, and the type of what is there. The items of a list count as one."""
    found = {path: type(value).__name__}
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= shape(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            found |= shape(inner, f"{path}[]")
    return found
