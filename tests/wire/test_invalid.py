"""The shapes of msgspec's messages that no chat request meets yet, and those nobody knows yet."""

from typing import Annotated

import msgspec
import pytest
from msgspec import Meta, Struct

from vivavoce.core.errors import BadRequest
from vivavoce.wire.invalid import explain


class Speech(Struct):
    """Another request."""

    text: Annotated[str, Meta(min_length=1, max_length=4)]
    speed: Annotated[float, Meta(gt=0)] = 1.0
    labels: dict[str, int] = msgspec.field(default_factory=dict)
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


def test_a_mapping_of_which_no_key_can_be_blamed_is_named_itself() -> None:
    assert told(b'{"text":"a","labels":{"x":"y"}}').param == "labels"


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
