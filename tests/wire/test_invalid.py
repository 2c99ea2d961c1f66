"""The shapes of msgspec's messages that no chat request meets yet, and those nobody knows yet."""

from typing import Annotated, TypeAlias

import msgspec
import pytest
from msgspec import Meta, Struct

from vivavoce.core.errors import BadRequest
from vivavoce.wire.invalid import explain

Key: TypeAlias = Annotated[str, Meta(max_length=5)]
Labels: TypeAlias = Annotated[dict[Key, Annotated[int, Meta(ge=0, le=100)]], Meta(max_length=3)]


class Speech(Struct):
    """Another request."""

    text: Annotated[str, Meta(min_length=1, max_length=4)]
    speed: Annotated[float, Meta(gt=0)] = 1.0
    labels: Labels = msgspec.field(default_factory=dict)
    raw: bytes = b""


def told(body: bytes) -> BadRequest:
    with pytest.raises(msgspec.ValidationError) as found:
        msgspec.json.decode(body, type=Speech)
    return explain(found.value, body, {})


def test_text_that_is_too_long_is_told_in_the_words_of_the_original() -> None:
    error = told(b'{"text":"12345"}')
    assert (error.message, error.param, error.code) == (
        (
            "Invalid 'text': string too long. Expected a string with maximum length 4, "
            "but got a string with length 5 instead."
        ),
        "text",
        "string_above_max_length",
    )


def test_text_that_is_empty_is_told_so() -> None:
    error = told(b'{"text":""}')
    assert (error.message, error.code) == (
        "Invalid 'text': empty string. Expected a string with minimum length 1, but got an empty string instead.",
        "empty_string",
    )


def test_a_mapping_is_named_with_the_key_that_is_to_blame() -> None:
    for wrong in (b'"y"', b"null", b"1.5", b"true", b"[]", b"{}", b"101", b"-1"):
        assert told(b'{"text":"a","labels":{"fine":1,"x":%b,"y":"z"}}' % wrong).param == "labels.x"


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (
            b'{"text":"12345","text":1}',
            "Invalid 'text': string too long. Expected a string with maximum length 4.",
        ),
        (
            b'{"text":"12345","x":1e999}',
            "Invalid 'text': string too long. Expected a string with maximum length 4.",
        ),
        (
            b'{"text":"a","labels":{"x":101},"labels":{"x":1}}',
            "Invalid 'labels': integer above maximum value. Expected a value <= 100.",
        ),
        (
            b'{"text":"a","labels":{"x":101},"labels":{"x":"secret"}}',
            "Invalid 'labels': integer above maximum value. Expected a value <= 100.",
        ),
        (
            b'{"text":"a","labels":{"x":101},"labels":["secret"]}',
            "Invalid 'labels': integer above maximum value. Expected a value <= 100.",
        ),
        (
            b'{"text":"a","labels":{"long key":1},"labels":7}',
            "Invalid property name in 'labels': it is too long. Expected a string with maximum length 5.",
        ),
        (
            b'{"text":"a","labels":{"a":1,"b":2,"c":3,"d":4},"labels":7}',
            "Invalid 'labels': too many properties. Expected an object with at most 3 properties.",
        ),
    ],
    ids=range(7),
)
def test_what_was_sent_is_not_told_where_it_cannot_be_found_again(sent: bytes, message: str) -> None:
    assert told(sent).message == message


def test_a_shape_nobody_knows_yet_names_the_field_alone() -> None:
    error = told(b'{"text":"a","raw":"*secret*"}')
    assert (error.message, error.param, error.code) == ("Invalid value for 'raw'.", "raw", "invalid_value")
    error = explain(msgspec.ValidationError("Something new"), b"{}", {})
    assert (error.message, error.param, error.code) == (
        "Invalid value for the request's body.",
        None,
        "invalid_value",
    )


def test_a_place_the_body_does_not_have_is_no_fault() -> None:
    error = explain(msgspec.ValidationError("Expected `int` >= 1 - at `$.a[3].b`"), b'{"a":[]}', {})
    assert error.param == "a[3].b"
