"""A value held against what it should be: every mistake in it, not the first only."""

import difflib
from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

T = TypeVar("T")
Steps: TypeAlias = tuple[str, ...]
"""The keys that lead to a value."""
Mistake: TypeAlias = tuple[Steps, str]
"""Where it is, and what is said of it."""


def wrong(value: Any, kind: Any, steps: Steps = ()) -> list[Mistake]:
    """What is wrong with a value that should be of some kind; for an unknown key the nearest known one.

    `steps` are the keys that lead to it.
    """
    found = list(_wrong_keys(value, _fitting(value, kind), steps))
    for key, item, of in inside(value, kind):
        found += wrong(item, of, (*steps, key))
    if found:
        return found
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return [(steps, f"{'.'.join(steps)}: {_in_words(error, kind)}")]
    return []


def readable(value: dict[str, Any], kind: type[T]) -> T:
    """What of a table can be read: a key with a mistake is as one that is not there."""
    while mistakes := wrong(value, kind):
        for steps, _ in mistakes:
            value = _without(value, steps)
    return msgspec.convert(value, kind)


def inside(value: Any, kind: Any) -> Iterator[tuple[str, Any, Any]]:
    """The values in a table or a list: the key of each, itself, and what it should be."""
    kind = _fitting(value, kind)
    if isinstance(value, dict) and _is_struct(kind):
        kinds = get_type_hints(kind, include_extras=True)
        for key, item in cast("dict[str, Any]", value).items():
            if key in _keys(kind):
                yield key, item, kinds[_keys(kind)[key]]
    elif isinstance(value, dict) and get_origin(kind) is dict:
        for key, item in cast("dict[str, Any]", value).items():
            yield key, item, get_args(kind)[1]
    elif isinstance(value, list) and get_origin(kind) is list:
        for index, item in enumerate(cast("list[Any]", value)):
            yield str(index), item, get_args(kind)[0]


def said_of(kind: Any) -> Iterator[Meta]:
    """What a kind says beyond its type."""
    if get_origin(kind) is Annotated:
        yield from (each for each in kind.__metadata__ if isinstance(each, Meta))
    elif _is_union(kind):
        for each in get_args(kind):
            yield from said_of(each)


def meant(name: str, known: Iterable[str]) -> str:
    """Which of the known names a wrong one may have been meant to be."""
    found = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean '{found[0]}'?" if found else ""


def _wrong_keys(value: Any, kind: Any, steps: Steps) -> Iterator[Mistake]:
    """Keys that a struct does not know, and those that it needs."""
    if not (_is_struct(kind) and isinstance(value, dict)):
        return
    known, table = _keys(kind), f"[{'.'.join(steps)}]"
    for key in cast("dict[str, Any]", value):
        if key not in known and kind.__struct_config__.forbid_unknown_fields:
            hint = meant(key, known) or f"; known: {', '.join(known) or 'none'}"
            yield (*steps, key), f"unknown key '{key}'{f' in {table}' if steps else ''}{hint}"
    for field in msgspec.structs.fields(kind):
        if field.required and field.encode_name not in value:
            yield steps, f"{table} lacks '{field.encode_name}'"


def _in_words(error: msgspec.ValidationError, kind: Any) -> str:
    described = [meta.description for meta in said_of(kind) if meta.description]
    if described:
        return f"expected {described[0]}"
    what, plain = str(error).partition(" - at `")[0], _fitting(None, kind)
    known = f"; known: {', '.join(get_args(plain))}" if get_origin(plain) is Literal else ""
    return f"{what[0].lower()}{what[1:]}{known}"


def _without(value: dict[str, Any], steps: Steps) -> dict[str, Any]:
    """A table without what some keys lead to; without a list where they lead into it."""
    first, *rest = steps
    item = value.get(first)
    kept = {key: each for key, each in value.items() if key != first}
    if rest and isinstance(item, dict):
        kept[first] = _without(cast("dict[str, Any]", item), tuple(rest))
    return kept


def _fitting(value: Any, kind: Any) -> Any:
    """A kind by itself; of several, the table for a table, and the list for a list."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if not _is_union(kind):
        return kind
    plain = [_fitting(value, each) for each in get_args(kind)]
    if isinstance(value, dict):
        return next((each for each in plain if _is_struct(each) or get_origin(each) is dict), kind)
    return next((each for each in plain if isinstance(value, list) and get_origin(each) is list), kind)


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _keys(kind: type[Struct]) -> dict[str, str]:
    """The keys of a struct's table, and the fields they are."""
    return dict(zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True))
