"""Things to feed to a parser: what it wants, what it wants with something changed, and noise."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]

ANY_TEXT = st.text(max_size=30)
"""Halves of characters too."""
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT


def anything(names: list[str]) -> st.SearchStrategy[Any]:
    """Any JSON, and what is none; objects have some of these names."""
    keys = st.sampled_from(names) | ANY_TEXT
    return st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4))


def paths(document: Any, before: Path = ()) -> Iterator[Path]:
    """Every place in a document."""
    yield before
    steps: Any = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for step, inner in steps:
        yield from paths(inner, (*before, step))


def put(document: Any, path: Path, value: Any) -> Any:
    """A copy with another value in one place."""
    if not path:
        return value
    copy = document.copy()
    copy[path[0]] = put(copy[path[0]], path[1:], value)
    return copy


@st.composite
def changed(draw: st.DrawFn, document: Any) -> Any:
    """A document with up to three of its values exchanged: for anything, or for another of its own."""
    places = list(paths(document))
    names = sorted({step for path in places for step in path if isinstance(step, str)})
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(list(paths(document))))
        document = put(document, path, draw(anything(names)))
    return document


@st.composite
def cut_up(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes with some of them lost, doubled, or exchanged for others."""
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        middle = draw(st.binary(max_size=8) | st.just(data[start:end] * 2) | st.sampled_from(TOKENS))
        data = data[:start] + middle + data[end:]
    return data


TOKENS = [
    b"", b"{", b"}", b"[", b"]", b'"', b"\\", b"\\u", b"\\ud800", b"null", b"NaN", b"-", b"1e999", b"-0", b"\0",
    b"\xff",
    b"\xed\xa0\x80", b"\r\n", b"\r\n\r\n", b"--", b"\r\n--x", b"\r\n--x--\r\n", b"RIFF", b"data", b"\xff\xff\xff\xff",
    b"[" * 1200, b'{"a":' * 1200,
]  # fmt: skip


def as_json(document: Any) -> bytes:
    """As JSON, or what Python makes of what cannot be."""
    return json.dumps(document).encode()


@st.composite
def bodies(draw: st.DrawFn, document: Any) -> bytes:
    """A request's body, good or less so."""
    return draw(cut_up(as_json(draw(changed(document)))) if draw(st.booleans()) else changed(document).map(as_json))


@st.composite
def in_pieces(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Bytes as they may come in."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
