"""The original's recorded traffic and its schema, where they are at hand, and the shape of JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).parents[3] / "shared" / "openai"
FILLING = {"obfuscation"}
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


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


def misfits(value: Any, name: str) -> list[str]:
    """Where a JSON value is not as the original's schema of that name says."""
    schemas = json.loads(shared("openapi.json").read_text())["components"]["schemas"]

    def check(value: Any, schema: Any, path: str) -> list[str]:
        if "$ref" in schema:
            return check(value, schemas[schema["$ref"].rpartition("/")[2]], path)
        found = [each for part in schema.get("allOf", ()) for each in check(value, part, path)]
        either = schema.get("anyOf") or schema.get("oneOf")
        if either and all(check(value, part, path) for part in either):
            found.append(f"{path} is none of {len(either)} kinds")
        if "enum" in schema and value not in schema["enum"]:
            found.append(f"{path} is {value!r}")
        if "type" in schema and type(value) not in TYPES[schema["type"]]:
            return [*found, f"{path} is no {schema['type']}"]
        if isinstance(value, dict):
            found += [f"{path}.{key} is missing" for key in schema.get("required", ()) if key not in value]
            for key, inner in value.items():
                known = schema.get("properties", {}).get(key) or schema.get("additionalProperties")
                found += check(inner, known, f"{path}.{key}") if isinstance(known, dict) else []
        for number, inner in enumerate(value if isinstance(value, list) and "items" in schema else ()):
            found += check(inner, schema["items"], f"{path}[{number}]")
        return found

    return check(value, schemas[name], name)
