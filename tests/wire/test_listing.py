"""Lists of what is kept: the query, and its part of the list."""

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.core.errors import BadRequest
from vivavoce.wire.listing import CompletionsQuery, Query, cut, page
from vivavoce.wire.queries import query

LETTERS = [(letter, json.dumps({"id": letter}).encode()) for letter in "abcde"]


def asked(text: str) -> CompletionsQuery:
    return query(parse_qsl(text, keep_blank_values=True), CompletionsQuery)


def refused(text: str) -> tuple[str, str | None, str | None]:
    with pytest.raises(BadRequest) as error:
        asked(text)
    return error.value.message, error.value.param, error.value.code


def test_without_a_query_it_is_the_first_twenty() -> None:
    found = asked("")
    assert (found.limit, found.newest_first, found.after, found.model, found.metadata) == (20, False, None, None, None)


def test_every_field_is_read() -> None:
    found = asked("model=m&metadata%5Ba%5D=1&metadata[b[c]]=&after=chatcmpl-1&limit=100&order=desc")
    assert (found.limit, found.newest_first, found.after, found.model) == (100, True, "chatcmpl-1", "m")
    assert found.metadata == {"a": "1", "b[c]": ""}


@pytest.mark.parametrize("text", ["limit=&order=&after=&model=", "top_k=3", "metadata[a=1", "metadata"])
def test_what_says_nothing_is_as_if_it_were_not_there(text: str) -> None:
    assert asked(text) == CompletionsQuery()


@pytest.mark.parametrize(
    ("text", "message", "param", "code"),
    [
        (
            "limit=101",
            "Invalid 'limit': integer above maximum value. Expected a value <= 100, but got 101 instead.",
            "limit",
            "integer_above_max_value",
        ),
        (
            "limit=0",
            "Invalid 'limit': integer below minimum value. Expected a value >= 1, but got 0 instead.",
            "limit",
            "integer_below_min_value",
        ),
        (
            "limit=ten",
            "Invalid type for 'limit': expected an integer, but got a string instead.",
            "limit",
            "invalid_type",
        ),
        ("order=up", "Invalid value: 'up'. Supported values are: 'asc' and 'desc'.", "order", "invalid_value"),
        (
            "metadata=x",
            "Invalid type for 'metadata': expected an object, but got a string instead.",
            "metadata",
            "invalid_type",
        ),
    ],
)
def test_what_is_no_value_is_refused_in_the_originals_words(text: str, message: str, param: str, code: str) -> None:
    assert refused(text) == (message, param, code)


def test_as_many_pairs_as_metadata_have_are_taken() -> None:
    pairs = [f"metadata[{number}]=1" for number in range(17)]
    assert len(asked("&".join(pairs[1:])).metadata or {}) == 16
    assert refused("&".join(pairs))[1:] == ("metadata", "object_above_max_properties")
    assert refused(f"metadata[a]={'x' * 513}")[1:] == ("metadata.a", "string_above_max_length")
    assert refused(f"metadata[{'k' * 65}]=1")[1:] == ("metadata", "property_name_above_max_length")


NAMES = ["limit", "order", "after", "model", "metadata", "metadata[", "metadata[]", "metadata[a]", "", "\0"]
VALUES = ["", "1", "-1", "1e9", "9" * 5000, "null", "true", "[]", "{}", "asc", "\ufffd", "\0", "1.5", " 7", "NaN"]


@given(st.lists(st.tuples(st.sampled_from(NAMES) | st.text(), st.sampled_from(VALUES) | st.text()), max_size=4))
def test_whatever_stands_in_a_url_is_read_or_refused(pairs: list[tuple[str, str]]) -> None:
    try:
        found = query(pairs, CompletionsQuery)
    except BadRequest as error:
        assert error.param  # noqa: PT017 - most raise nothing
    else:
        assert 1 <= found.limit <= 100


def test_metadata_are_no_matter_where_there_are_none() -> None:
    assert query([("metadata[a]", "1"), ("limit", "3")], Query) == Query(limit=3)


def test_a_part_says_where_it_begins_and_ends() -> None:
    assert json.loads(page(LETTERS[1:3], more=True)) == {
        "object": "list",
        "data": [{"id": "b"}, {"id": "c"}],
        "first_id": "b",
        "last_id": "c",
        "has_more": True,
    }
    nothing: dict[str, Any] = {"object": "list", "data": [], "first_id": "", "last_id": "", "has_more": False}
    assert json.loads(page([], more=False)) == nothing


@pytest.mark.parametrize(
    ("fields", "letters", "more"),
    [
        ({}, "abcde", False),
        ({"limit": 2}, "ab", True),
        ({"limit": 5}, "abcde", False),
        ({"after": "b", "limit": 2}, "cd", True),
        ({"after": "c", "limit": 2}, "de", False),
        ({"after": "e"}, "", False),
        ({"order": "desc", "limit": 2}, "ed", True),
        ({"order": "desc", "after": "b"}, "a", False),
        ({"order": "asc", "after": "d"}, "e", False),
    ],
)
def test_a_list_is_cut_as_asked(fields: dict[str, Any], letters: str, more: bool) -> None:
    found = json.loads(cut(LETTERS, Query(**fields), "letters"))
    assert ("".join(each["id"] for each in found["data"]), found["has_more"]) == (letters, more)


def test_what_is_not_in_the_list_has_nothing_after_it() -> None:
    with pytest.raises(BadRequest) as error:
        cut(LETTERS, Query(after="f" * 99), "letters")
    assert error.value.message == f"Invalid value for 'after': '{'f' * 64}' is not one of the letters."
    assert (error.value.param, error.value.code) == ("after", "invalid_value")
