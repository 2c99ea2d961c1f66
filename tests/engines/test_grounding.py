"""A schema is narrowed to what a request says, and never to what the schema itself refuses."""

from typing import Any

import pytest

from vivavoce.engines.grounding import Grounding, numbers
from vivavoce.engines.schemas import closed, parsed


def narrow(request: str, required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    shape = {"type": "object", "properties": properties, "required": list(required)}
    return Grounding(request, "set_thing").narrow(shape).get("properties", {})


ROOM = {"type": "string", "enum": ["living_room", "hall"]}


def test_listed_values_are_those_that_are_said() -> None:
    assert narrow("light in the living room", room=ROOM)["room"]["enum"] == ["living_room"]
    assert narrow("light", ("room", "n"), room=ROOM, n={"type": "integer"}) == {}
    assert narrow("five lights", ("room",), room=ROOM, n={"type": "integer"})["room"] == ROOM
    assert "room" not in narrow("five lights", room=ROOM, n={"type": "integer"})
    assert narrow("check my credit card", a={"enum": ["checking", "credit_card"]})["a"]["enum"] == ["credit_card"]
    assert narrow("five", a={"enum": [4, 5, True, None]})["a"]["enum"] == [5]


def test_numbers_are_those_that_are_said_and_fit() -> None:
    percent = {"type": "integer", "minimum": 0, "maximum": 100}
    assert narrow("dim it to forty five percent", n=percent)["n"] == {"enum": [45]}
    assert narrow("make it 400", n=percent) == {}
    assert narrow("take five", n={"type": "number", "multipleOf": 2}) == {}
    assert narrow("take five", n={"type": "number", "minimum": "odd"})["n"] == {"enum": [5]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("forty five and two hundred", [45, 200]),
        ("at 10 or twelve", [10, 12]),
        ("two", [2]),
        ("a hundred", []),
        ("none", []),
    ],
)
def test_spoken_numbers(words: str, said: list[int]) -> None:
    assert list(numbers(words.split())) == said


def test_free_text_is_a_run_of_the_words() -> None:
    spans = narrow("send a note to anna that it's late", to={"type": "string"})["to"]["enum"]
    assert {"anna", "it's late", "a note"} <= set(spans)
    assert not {"send", "to anna", "that", "anna that"} & set(spans)
    assert narrow("paris", to={"type": "string"})["to"]["enum"] == ["paris"]
    assert narrow("send it", to={"type": "string", "format": "date"})["to"] == {"type": "string", "format": "date"}


def test_listed_values_are_no_ones_name() -> None:
    found = narrow("book the dentist for emma", what={"enum": ["dentist"]}, who={"type": "string"})
    assert found["who"]["enum"] == ["emma"]


def test_lists_and_objects_are_narrowed_inside() -> None:
    slots = {"type": "array", "items": {"type": "object", "properties": {"room": ROOM}, "required": ["room"]}}
    found = narrow("the hall", slots=slots)["slots"]
    assert found["maxItems"] == 1
    assert found["items"]["properties"]["room"]["enum"] == ["hall"]
    assert narrow("in the hall and the living room", rooms={"type": "array", "items": ROOM})["rooms"]["maxItems"] == 2
    assert narrow("nothing", slots=slots) == {}


@pytest.mark.parametrize(
    "odd",
    [
        {"enum": 3},
        {"enum": None},
        {"type": "array", "items": 3},
        {"properties": []},
        {"type": ["string"]},
        True,
        None,
        1,
    ],
)
def test_a_schema_of_any_kind_is_left_to_llama_cpp(odd: Any) -> None:
    narrow("the hall", ("a",), a=odd, room=ROOM)
    closed({"properties": {"a": odd}}, 10)
    Grounding("five", "f").narrow({"required": 3, "properties": {"n": {"type": "integer"}}})


def test_closing_bounds_what_has_no_end() -> None:
    shape = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "array", "minItems": 20}}}
    found = closed(shape, 30)
    assert found["additionalProperties"] is False
    assert found["properties"]["a"]["maxLength"] == 30
    assert found["properties"]["b"]["maxItems"] == 20
    assert closed({"properties": {"a": {}}, "allOf": [{}]}, 1) == {"properties": {"a": {}}, "allOf": [{}]}
    assert closed({"type": "string", "maxLength": 3}, 1) == {"type": "string", "maxLength": 3}
    assert closed({"anyOf": [{"type": "string"}, True]}, 2)["anyOf"] == [{"type": "string", "maxLength": 2}, True]


def test_texts_that_are_no_schema() -> None:
    assert [parsed(text) for text in ("", "null", "{}", "{", "[]", "3")] == [{}, {}, {}, None, None, None]
