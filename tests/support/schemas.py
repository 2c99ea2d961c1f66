"""JSON Schema at work: what a schema takes, examples of it, and answers held against `/openapi.json`."""

import copy
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from itertools import chain
from typing import Any

import httpx2
from jsonschema_rs import Draft202012Validator

from vivavoce import __version__
from vivavoce.wire import openapi
from vivavoce.wire.openapi import Ways
from vivavoce.wire.operation import EVENTS, JSON, PREFIXES

PLAIN = Ways()
DATA = re.compile(r"^data: (.*?)\r?\n\r?\n", re.MULTILINE | re.DOTALL)


@cache
def document(ways: Ways = PLAIN) -> dict[str, Any]:
    """Our own description."""
    return json.loads(openapi.document(__version__, ways))


def validator(schema: dict[str, Any], root: dict[str, Any] | None = None) -> Draft202012Validator:
    """Of a schema within a description, ours where no other is given."""
    return Draft202012Validator({**schema, "components": (root or document())["components"]})


@cache
def of_struct(name: str) -> Draft202012Validator:
    """Of one of our structs."""
    return validator({"$ref": f"#/components/schemas/{name}"})


def events(body: str) -> list[str]:
    """The data of each event of a stream."""
    return DATA.findall(body)


def as_described(ways: Ways = PLAIN) -> Callable[[httpx2.Response], Awaitable[None]]:
    """What a client does with every answer: fail where it is not what our description says of it.

    Streams are left to whoever reads them: see `check_events`.
    """

    async def check(response: httpx2.Response) -> None:
        kind = response.headers["content-type"].partition(";")[0]
        described = _described(response.request.method, response.url.path, response.status_code, kind, ways)
        if described is not None and kind == JSON:
            described.validate(json.loads(await response.aread()))

    return check


def check_events(path: str, body: str) -> list[Any]:
    """Fail where an event of a stream is not what our description says of it; give them, without the end."""
    found = [json.loads(data) for data in events(body) if data != "[DONE]"]
    described = _described("POST", path, 200, EVENTS)
    assert found
    assert described is not None
    for event in found:
        described.validate(event)
    return found


def examples(schema: dict[str, Any], root: dict[str, Any] | None = None) -> list[Any]:
    """Values that a schema takes: each of its alternatives, and each end of its ranges, at least once."""
    root = root or document()
    if "$ref" in schema:
        return examples(root["components"]["schemas"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        return list(chain.from_iterable(_tagged(schema, inner, root) for inner in schema["anyOf"]))
    if "enum" in schema:
        return schema["enum"]
    kind = schema.get("type")
    if kind == "object":
        return _objects(schema, root)
    if kind == "array":
        few = [[item] for item in examples(schema.get("items", {}), root)]
        return [*few, few[0] * schema.get("maxItems", 2), *([] if schema.get("minItems") else [[]])]
    return _plain(kind, schema)


def paths(value: Any) -> Iterator[tuple[Any, ...]]:
    """The way to everything in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (key,)
        yield from ((key, *path) for path in paths(item))


def replaced(value: Any, path: tuple[Any, ...], *instead: Any) -> Any:
    """A copy with something else at a place, or with nothing there."""
    found = copy.deepcopy(value)
    around = found
    for key in path[:-1]:
        around = around[key]
    if instead:
        around[path[-1]] = instead[0]
    else:
        del around[path[-1]]
    return found


def _tagged(schema: dict[str, Any], inner: dict[str, Any], root: dict[str, Any]) -> list[Any]:
    """Examples of one of several, with what tells which of them it is."""
    needed = schema.get("required", ())
    return [each for each in examples(inner, root) if all(name in each for name in needed)]


def _objects(schema: dict[str, Any], root: dict[str, Any]) -> list[Any]:
    known = {name: examples(inner, root) for name, inner in schema.get("properties", {}).items()}
    whole = {name: values[0] for name, values in known.items()}
    found = [whole]
    for name, values in known.items():
        found += [{**whole, name: value} for value in values[1:]]
        if name not in schema.get("required", ()):
            found.append({key: value for key, value in whole.items() if key != name})
    if "additionalProperties" in schema:
        return [*found, *({"key": value} for value in examples(schema["additionalProperties"], root))]
    return [*found, {**whole, "unheard of": 1}]


def _plain(kind: str | None, schema: dict[str, Any]) -> list[Any]:
    if kind == "string":
        return [
            "x",
            "x" * schema.get("maxLength", 2),
            *([] if schema.get("minLength") or "pattern" in schema else [""]),
        ]
    if kind in ("integer", "number"):
        return [schema.get("minimum", -1), schema.get("maximum", 1)]
    return [True, False] if kind == "boolean" else [None] if kind == "null" else ["anything"]


@cache
def _described(method: str, path: str, status: int, kind: str, ways: Ways = PLAIN) -> Draft202012Validator | None:
    """What the description says of an answer, or of each of its events; None where it does not know the operation."""
    operation = _operation(method, path, ways)
    if operation is None:
        return None
    what = f"{method} {path} answers {status} with {kind}, which is not described"
    assert kind in operation["responses"].get(str(status), {"content": ()})["content"], what
    schema = operation["responses"][str(status)]["content"][kind]["schema"]
    return validator(schema["properties"]["data"]["anyOf"][0]["contentSchema"] if kind == EVENTS else schema)


def _operation(method: str, path: str, ways: Ways) -> dict[str, Any] | None:
    prefix = next(each for each in PREFIXES if path.startswith(f"{each}/") or path == each)
    for template, methods in document(ways)["paths"].items():
        here = re.sub(r"{\w+}", "[^/]+", template.replace("{model}", ".+"))  # a model's name may hold slashes
        if re.fullmatch(here, path.removeprefix(prefix) or "/") and method.lower() in methods:
            return methods[method.lower()]
    return None
