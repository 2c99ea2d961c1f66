"""A request finds the tool it asks for by the words they share, and none where it asks for none."""

import json
from typing import Any

import pytest

from vivavoce.core.turn import Tool
from vivavoce.engines.choosing import Choice, choose, closest
from vivavoce.engines.stems import stem, stems


def tool(name: str, description: str = "", required: tuple[str, ...] = (), **properties: Any) -> Tool:
    return Tool(
        name,
        description,
        json.dumps({"type": "object", "properties": properties, "required": required}),
    )


WEATHER = tool(
    "get_forecast", "Get the weather for a place.", ("place",), place={"type": "string", "description": "A place."}
)
DOOR = tool("open_door", "Opens one of the doors.", ("door",), door={"enum": ["front", "garage"]})
PIZZA = tool("orderPizza", "Order a pizza.", ("size",), size={"enum": ["small", "large"]}, topping={"type": "string"})
TOOLS = (WEATHER, DOOR, PIZZA)


def chosen(request: str, *, several: bool = False) -> list[str]:
    return [TOOLS[choice.tool].name for choice in choose(request, TOOLS, several=several)]


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        ("um open the garage door please", "open_door"),
        ("what's the weather in lima", "get_forecast"),
        ("I'd like to order two large pizzas", "orderPizza"),
        ("can you open the front one", "open_door"),
    ],
)
def test_the_words_of_a_tool_choose_it(request_: str, name: str) -> None:
    assert chosen(request_) == [name]


@pytest.mark.parametrize(
    "request_",
    ["", "hello there", "who invented pizza", "what is a door", "how do ovens work", "i think pizza is nice", "the"],
)
def test_small_talk_and_questions_about_the_world_choose_none(request_: str) -> None:
    assert chosen(request_) == []


def test_a_word_that_every_tool_has_tells_none_apart() -> None:
    rooms = [tool(f"clean_{room}", f"Clean the {room}.") for room in ("kitchen", "hall", "cellar")]
    assert choose("clean the cellar", rooms) == [Choice(2, "clean the cellar")]


def test_a_question_is_for_a_tool_that_answers_and_an_order_for_one_that_acts() -> None:
    lamp, state = tool("switch_lamp", "Switch the lamp."), tool("get_lamp", "Get the state of the lamp.")
    assert choose("is the lamp on", [lamp, state]) == [Choice(1, "is the lamp on")]
    assert choose("switch the lamp on", [lamp, state]) == [Choice(0, "switch the lamp on")]


def test_each_clause_may_ask_for_a_tool_of_its_own() -> None:
    request = "order a large pizza and open the front door"
    assert choose(request, TOOLS, several=True) == [Choice(2, "order a large pizza"), Choice(1, "open the front door")]
    assert len(choose(request, TOOLS)) == 1
    assert chosen("order a large pizza and a salad", several=True) == ["orderPizza"]


def test_the_closest_is_the_first_where_none_is_close() -> None:
    assert closest("hello", TOOLS).tool == 0
    assert closest("hello pizza", TOOLS).tool == 2


@pytest.mark.parametrize("parameters", ["", "null", "{", "[]", '{"properties": 3}', '{"properties": {"a": 1}}'])
def test_any_parameters_will_do_to_choose(parameters: str) -> None:
    assert choose("play it", [Tool("play", "Play something.", parameters)]) == [Choice(0, "play it")]


def test_no_tools_choose_none() -> None:
    assert choose("play it", []) == []


def test_forms_of_a_word_have_one_stem() -> None:
    assert len({stem(word) for word in ("play", "plays", "played", "playing")}) == 1
    assert stem("cities") == stem("city")
    assert stem("colour") == stem("color")
    assert stem("stopped") == stem("stop")
    assert stems("getUser_name of the day") == [stem("user"), stem("name"), "day"]
