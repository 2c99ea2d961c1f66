"""The query of a URL."""

from collections.abc import Iterable
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from vivavoce.wire.invalid import explain
from vivavoce.wire.speech import SUPPORTED as SPEECH

T = TypeVar("T", bound=Struct)

SUPPORTED = {
    "order": "Supported values are: 'asc' and 'desc'.",
    "format": SPEECH["response_format"],
    "bucket_width": "Supported values are: '1m', '1h', and '1d'; of costs '1d' alone.",
}


def query(pairs: Iterable[tuple[str, str]], kind: type[T]) -> T:
    """Read the query of a URL; unknown and empty fields are passed over.

    Metadata come as `metadata[key]=value`, each value of a list as `name[]=value` or `name=value`.

    Raises:
        BadRequest: a value is not one that its field takes.
    """
    found: dict[str, Any] = {}
    lists = {name for name, hint in get_type_hints(kind).items() if _is_list(hint)}
    metadata: dict[str, str] = {}
    for name, value in pairs:
        if name.startswith("metadata[") and name.endswith("]"):
            metadata[name[len("metadata[") : -1]] = value
        elif value and name.removesuffix("[]") in lists:
            found.setdefault(name.removesuffix("[]"), []).append(value)
        elif value:
            found[name] = value
    if metadata:
        found["metadata"] = metadata
    try:
        return msgspec.convert(found, kind, strict=False)
    except msgspec.ValidationError as error:
        raise explain(error, msgspec.json.encode(found), SUPPORTED) from None


def _is_list(hint: Any) -> bool:
    return get_origin(hint) is list or any(_is_list(inner) for inner in get_args(hint))
