"""Reads a JSON Schema as clients send it, and closes what a small model would only lose itself in."""

import json
from typing import Any, TypeAlias, cast

Shape: TypeAlias = dict[str, Any]
ITEMS = 8
"""Most items of a list that names no number."""
BOUND = ("enum", "const", "pattern", "format", "minLength", "maxLength")
"""What already says how a text is to be."""
OPEN = frozenset(("allOf", "anyOf", "oneOf", "$ref", "patternProperties"))
"""What may add properties that are not listed."""


def parsed(text: str) -> Shape | None:
    """A schema, empty for an empty text or `null`; None where the text is not a JSON object."""
    try:
        shape: object = json.loads(text or "{}")
    except ValueError:
        return None
    if shape is None:
        return {}
    return cast("Shape", shape) if isinstance(shape, dict) else None


def properties(shape: Shape) -> dict[str, object]:
    """The schema of each property."""
    fields: object = shape.get("properties")
    return cast("dict[str, object]", fields) if isinstance(fields, dict) else {}


def listed(shape: Shape, key: str) -> list[object]:
    """What stands in a list such as `enum` or `required`; nothing where it is no list."""
    values: object = shape.get(key)
    return cast("list[object]", values) if isinstance(values, list) else []


def count(shape: Shape, key: str, otherwise: int) -> int:
    """A number such as `maxItems`."""
    value: object = shape.get(key)
    return value if isinstance(value, int) else otherwise


def closed(shape: Shape, letters: int) -> Shape:
    """The schema without properties that no one named, and with an end to every text (`letters` at most) and list.

    Anything that fits the closed schema fits the schema.
    """
    node = dict(shape)
    if properties(shape) and not OPEN & node.keys():
        node.setdefault("additionalProperties", False)
    for key in ("properties", "$defs", "definitions"):
        if isinstance(node.get(key), dict):
            node[key] = {name: _closed(inner, letters) for name, inner in node[key].items()}
    for key in ("anyOf", "oneOf"):
        if isinstance(node.get(key), list):
            node[key] = [_closed(branch, letters) for branch in node[key]]
    if "items" in node:
        node["items"] = _closed(node["items"], letters)
    if node.get("type") == "string" and not any(bound in node for bound in BOUND):
        node["maxLength"] = letters
    if node.get("type") == "array":
        node.setdefault("maxItems", max(ITEMS, count(node, "minItems", 0)))
    return node


def _closed(shape: object, letters: int) -> object:
    return closed(cast("Shape", shape), letters) if isinstance(shape, dict) else shape
