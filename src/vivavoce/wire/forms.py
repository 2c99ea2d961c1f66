"""The fields of a form whose values are objects."""

from typing import Any, cast

import msgspec


def nested(before: Any, key: str, value: str) -> Any:
    """An object in either encoding: a word or JSON, or a field `name[key]` for each of its keys.

    Args:
        before: what the fields before this one made.
        key: as in `name[key]`; empty where the field has the name alone.
        value: of the field.
    """
    if key:
        return {**(cast("dict[str, Any]", before) if isinstance(before, dict) else {}), key: value}
    if value.lstrip().startswith(("{", '"')):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return value
    return value or None
