"""`GET /openapi.json`: every operation in OpenAPI 3.1, made from the structs that read and write the JSON."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast, get_args, get_type_hints

import msgspec
from msgspec import Struct, UnsetType

from vivavoce.wire.errors import Envelope
from vivavoce.wire.ignored import IGNORED
from vivavoce.wire.operation import EVENTS, FORM, JSON, PREFIXES, Content, Kinds, Operation
from vivavoce.wire.request import ImagePart
from vivavoce.wire.routes import OPERATIONS
from vivavoce.wire.tools import CustomChoice, CustomTool

ABOUT = (
    "The audio chat API of OpenAI's gpt-4o-audio-preview, and the audio endpoints beside it. Fields that no schema "
    "names are let through. What a schema takes may still be refused for what it says: sound that is none, a voice "
    "that is not there, a tool's result without its call. A server that was told to be strict refuses more."
)
CHANGES_NOTHING = "Checked, and changes nothing."
NULL = {"type": "null"}
REF = "#/components/schemas/{name}"
REFUSED = (
    *(REF.format(name=kind.__name__) for kind in (ImagePart, CustomTool, CustomChoice)),
    "diarized_json",
    "file_id",
)
"""Read so that they can be refused in the original's words: no request with them is served."""
HEADERS: dict[str, dict[str, Any]] = {
    "x-request-id": {
        "description": "Another one for each answer.",
        "required": True,
        "schema": {"type": "string", "pattern": "^req_[0-9a-f]{32}$"},
    },
    "openai-processing-ms": {
        "description": "Milliseconds until the answer began.",
        "required": True,
        "schema": {"type": "integer"},
    },
    "openai-version": {"description": "Of the API.", "required": True, "schema": {"type": "string"}},
    "x-client-request-id": {"description": "As it was sent.", "schema": {"type": "string"}},
    **{
        f"x-ratelimit-{what}-{counted}": {"description": f"Of a key with a tier: {said}.", "schema": {"type": kind}}
        for counted in ("requests", "tokens")
        for what, said, kind in (
            ("limit", "the most", "integer"),
            ("remaining", "what is left", "integer"),
            ("reset", "until all is left again, such as `120ms` or `6m0s`", "string"),
        )
    },
}
"""Of every answer."""
RETRY = {"description": "Seconds to wait.", "required": True, "schema": {"type": "integer"}}
SAYS_WHEN: dict[int, dict[str, Any]] = {
    409: {"retry-after": RETRY},
    503: {"retry-after": RETRY},
    429: {
        "retry-after": {**RETRY, "required": False},
        "retry-after-ms": {"description": "Milliseconds to wait.", "schema": {"type": "integer"}},
        "x-should-retry": {"description": "Asking again is no use.", "schema": {"const": "false"}},
    },
}
"""The statuses that say when to come back. 429 may be that of a server behind this one, which may not know."""
REPLAYED = {"idempotent-replayed": {"description": "Answered before.", "schema": {"const": "true"}}}
CLIENTS_ID = {
    "name": "X-Client-Request-Id",
    "in": "header",
    "description": "The client's own name for its request, said back: 1 to 128 letters, digits and `._:-`, or ignored.",
    "schema": {"type": "string"},
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Of the client's choice: a request that is sent again with it is worked on once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
CREATES = "createChatCompletion"
SIMPLE: dict[type[Any], dict[str, Any]] = {dict: {"type": "object"}, str: {"type": "string"}, bytes: {}}
PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")


@dataclass(frozen=True, slots=True)
class Ways:
    """What a server was told to be like, as far as the description says it."""

    locked: bool = False
    """Whether it asks for a key."""
    repeats: bool = True
    """Whether it answers a request with an `Idempotency-Key` once."""
    aiml: bool = False
    """Whether a chat is answered with the AI/ML API's status 201."""


def document(version: str, ways: Ways) -> bytes:
    """The description of a server of that `version`, as JSON."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        path = paths.setdefault(PARAMETER.sub(r"{\1}", operation.path), {})
        path[operation.method.lower()] = _operation(operation, ways)
    taken = [kind for each in OPERATIONS for kinds in each.takes.values() for kind in kinds]
    given = [kind for each in OPERATIONS for content in _answers(each, ways).values() for kind in _kinds(content)]
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Viva Voce",
                "version": version,
                "description": ABOUT,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": prefix or "/"} for prefix in PREFIXES],
            "security": [{"bearer": []}] if ways.locked else [{}, {"bearer": []}],
            "paths": paths,
            "components": {
                "schemas": _taken(taken) | _given(given),
                "headers": HEADERS,
                "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            },
        }
    )


def _operation(operation: Operation, ways: Ways) -> dict[str, Any]:
    found: dict[str, Any] = {"operationId": operation.id, "summary": operation.what}
    if operation.open:
        found["security"] = []
    elif operation.administers:
        found["security"] = [{"bearer": []}]
    found["parameters"] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in PARAMETER.findall(operation.path)
    ]
    found["parameters"] += [*_query(operation), CLIENTS_ID, *([IDEMPOTENCY_KEY] if _repeats(operation, ways) else [])]
    if operation.takes:
        found["requestBody"] = {"required": True, "content": _content(operation.takes)}
    answers = _answers(operation, ways)
    found["responses"] = {str(status): _answer(status, answers[status]) for status in sorted(answers)}
    return found


def _query(operation: Operation) -> Iterator[dict[str, Any]]:
    """What may stand in the URL. A mapping stands there as `name[key]=value`."""
    for _, schema in _components([operation.query] if operation.query else []):
        for name, inner in schema["properties"].items():
            known = _not_null(inner)
            deep = {"style": "deepObject", "explode": True} if known.get("type") == "object" else {}
            yield {"name": name, "in": "query", "allowEmptyValue": True, "schema": known, **deep}


def _repeats(operation: Operation, ways: Ways) -> bool:
    return ways.repeats and operation.method == "POST" and not operation.administers


def _answers(operation: Operation, ways: Ways) -> dict[int, Content]:
    """What it answers, by status. Without keys, pages from elsewhere are kept out instead (`server.edge`)."""
    without_keys = (403, 415) if operation.takes else (403,)
    kept_out = without_keys if not ways.locked else () if operation.open else (401, 403)
    repeated = (400, 409, 422) if _repeats(operation, ways) else ()
    fails: Mapping[int, Kinds] = {**dict.fromkeys((*kept_out, *repeated), (Envelope,)), **operation.fails}
    good = HTTPStatus.CREATED if ways.aiml and operation.id == CREATES else HTTPStatus.OK
    gives: dict[int, Content] = {good.value: operation.gives} if operation.gives else {}
    return gives | {status: {JSON: kinds} for status, kinds in fails.items()}


def _answer(status: int, content: Content) -> dict[str, Any]:
    headers: dict[str, Any] = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS}
    headers |= SAYS_WHEN.get(status, {})
    return {"description": HTTPStatus(status).phrase, "headers": headers, "content": _content(content)}


def _content(content: Content) -> dict[str, Any]:
    return {kind: {"schema": _event(kinds) if kind == EVENTS else _one_of(kinds)} for kind, kinds in content.items()}


def _event(kinds: Kinds) -> dict[str, Any]:
    """One event of a stream, as OpenAPI 3.2 describes it."""
    body = {"type": "string", "contentMediaType": JSON, "contentSchema": _one_of(kinds)}
    data = {"anyOf": [body, {"const": "[DONE]"}]}
    return {"description": "One event.", "type": "object", "properties": {"data": data}, "required": ["data"]}


def _one_of(kinds: Kinds) -> dict[str, Any]:
    found = [SIMPLE.get(kind) or {"$ref": REF.format(name=kind.__name__)} for kind in kinds if kind is not bytes]
    return {"anyOf": found} if len(found) > 1 else found[0] if found else {}


def _kinds(content: Content) -> list[type[Any]]:
    return [kind for kinds in content.values() for kind in kinds if kind not in SIMPLE]


def _components(kinds: Iterable[type[Any]]) -> Iterator[tuple[type[Struct], dict[str, Any]]]:
    """Every struct there is in some, and its schema."""
    roots = list(dict.fromkeys(kinds))
    _, schemas = msgspec.json.schema_components(roots, ref_template=REF)
    structs = {struct.__name__: struct for kind in roots for struct in _structs(kind)}
    yield from ((structs[name], schema) for name, schema in schemas.items())


def _structs(kind: Any) -> Iterator[type[Struct]]:
    if isinstance(kind, type) and issubclass(kind, Struct):
        yield kind
        kinds: Iterable[Any] = get_type_hints(kind).values()
    else:
        kinds = get_args(kind)
    for inner in kinds:
        yield from _structs(inner)


def _taken(kinds: Iterable[type[Any]]) -> dict[str, Any]:
    """The schemas of what is read. A `type` or `role` must be there only where it decides which of several it is."""
    forms = [kind for each in OPERATIONS for kind in each.takes.get(FORM, ())]
    found: dict[str, Any] = {}
    for struct, schema in _components(kinds):
        properties = schema["properties"]
        for name in IGNORED.get(struct.__name__, ()):
            properties[name] = {"description": CHANGES_NOTHING, **properties[name]}
        if struct.__struct_config__.tag_field:
            schema["required"].remove(struct.__struct_config__.tag_field)
        if struct in forms:
            schema["properties"] = {name: _not_null(inner) for name, inner in properties.items()}
        found[struct.__name__] = _without_refused(schema)
    return {name: schema for name, schema in found.items() if REF.format(name=name) not in REFUSED}


def _given(kinds: Iterable[type[Any]]) -> dict[str, Any]:
    """The schemas of what is written: whatever is never left out is always there."""
    found: dict[str, Any] = {}
    for struct, schema in _components(kinds):
        tag = struct.__struct_config__.tag_field
        fields = [each.encode_name for each in msgspec.structs.fields(struct) if UnsetType not in get_args(each.type)]
        schema["required"] = [*([tag] if tag else []), *fields]
        for inner in schema["properties"].values():
            inner.pop("default", None)
        found[struct.__name__] = schema
    return found


def _without_refused(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_refused(each) for each in cast("list[Any]", node) if not _is_refused(each)]
    if not isinstance(node, dict):
        return node
    inside = cast("dict[str, Any]", node)
    found = {key: _without_refused(each) for key, each in inside.items() if not (_is_refused(key) or _is_refused(each))}
    if "discriminator" in found:
        found["required"] = [found["discriminator"]["propertyName"]]
    return found


def _is_refused(node: Any) -> bool:
    return node in REFUSED or node in [{"$ref": reference} for reference in REFUSED]


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A form has no null: what is not there is left out."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != NULL]
    rest = {key: value for key, value in schema.items() if key != "anyOf" and (key, value) != ("default", None)}
    return {**(kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {}), **rest}
