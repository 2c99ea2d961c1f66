"""The query of a URL."""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from vivavoce.wire.invalid import explain
from vivavoce.wire.speech import SUPPORTED as SPEECH

T = TypeVar("T", bound=Struct)

SUPPORTED = {"order": "Supported values are: 'asc' and 'desc'.", "format": SPEECH["response_format"]}


def query(pairs: Iterable[tuple[str, str]], kind: type[T]) -> T:
    """Read the query of a URL; metadata come as `metadata[key]=value`, unknown and empty fields are passed over.

    Raises:
        BadRequest: a value is not one that its field takes.
    """
    found: dict[str, Any] = {}
    metadata: dict[str, str] = {}
    for name, value in pairs:
        if name.startswith("metadata[") and name.endswith("]"):
            metadata[name[len("metadata[") : -1]] = value
        elif value:
            found[name] = value
    if metadata:
        found["metadata"] = metadata
    try:
        return msgspec.convert(found, kind, strict=False)
    except msgspec.ValidationError as error:
        raise explain(error, msgspec.json.encode(found), SUPPORTED) from None
