"""The embedded brain calls functions: the right one, with arguments that fit, and speaks of what came back."""

import json
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from vivavoce.catalogue import embedded
from vivavoce.core.errors import BadRequest
from vivavoce.core.turn import (
    Message,
    Sampling,
    Schema,
    Speech,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    ToolResult,
    Turn,
    TurnDone,
)
from vivavoce.engines.llama import Llama
from vivavoce.engines.prompts import chat_messages, with_tools
from vivavoce.engines.toolcalls import calls, told

TIMER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "duration": {"type": "integer", "minimum": 1},
        "unit": {"type": "string", "enum": ["seconds", "minutes"]},
        "label": {"type": "string"},
    },
    "required": ["duration", "unit"],
}
LIGHTS: dict[str, Any] = {
    "type": "object",
    "properties": {"state": {"enum": ["on", "off"]}, "room": {"type": "string"}},
    "required": ["state"],
}
TOOLS = (
    Tool("set_timer", "Set a countdown timer.", json.dumps(TIMER)),
    Tool("switch_lights", "Switch the lights on or off.", json.dumps(LIGHTS)),
    Tool("get_favorite_color", "gets the favorite color of the caller", ""),
)
TEMPLATE = """{% if tools %}<|im_start|>system
You have tools: {{ tools | tojson }}
Call one with <tool_call>{"name": ..., "arguments": ...}</tool_call><|im_end|>
{% endif %}{% for message in messages %}{% if message.role == "tool" %}<|im_start|>user
<tool_response>{{ message.content }}</tool_response><|im_end|>
{% elif message.tool_calls %}<|im_start|>assistant
{% for call in message.tool_calls %}<tool_call>{"name": "{{ call.function.name }}", "arguments": \
{{ call.function.arguments | tojson }}}</tool_call>{% endfor %}<|im_end|>
{% else %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def fetched() -> str:
    path = embedded.fetched()
    if path is None:
        pytest.skip("the embedded model is not fetched here: python -m vivavoce.catalogue")
    return str(path)


@pytest.fixture(scope="module")
def brain() -> Iterator[Llama]:
    brain = Llama(Llama.Options(model=fetched()))
    yield brain
    brain.close()


def turn(says: str, *tools: Tool, **more: Any) -> Turn:
    return Turn((Message("user", (Text(says),)),), tools or TOOLS, **more)


def named(name: str, parameters: dict[str, Any] | str, says: str = "I am John and I am thirty.", **more: Any) -> Turn:
    text = parameters if isinstance(parameters, str) else json.dumps(parameters)
    tools = (TOOLS[0], Tool(name, "Save it.", text, **more))
    return turn(says, *tools, tool_choice=ToolChoice("required", name))


def whole(brain: Llama, asked: Turn) -> tuple[list[tuple[str, str]], TurnDone]:
    """The name and arguments of each call, and how it ended. Checks the form of the stream."""
    events = [event for event in brain.generate(asked) if event is not None]
    done = events.pop()
    assert isinstance(done, TurnDone)
    made: list[tuple[str, str]] = []
    for event in events:
        assert isinstance(event, ToolCallDelta)  # a turn that calls says nothing
        if event.id is not None:
            assert re.fullmatch(r"call_[A-Za-z0-9]{24}", event.id)
            assert (event.index, event.arguments) == (len(made), "")
            made.append((event.name or "", ""))
        else:
            assert (event.index, event.name) == (len(made) - 1, None)
            made[-1] = (made[-1][0], made[-1][1] + event.arguments)
    return made, done


def test_a_request_is_called_for(brain: Llama) -> None:
    made, done = whole(brain, turn("um set a timer for forty five minutes"))
    assert [(name, json.loads(arguments)) for name, arguments in made] == [
        ("set_timer", {"duration": 45, "unit": "minutes"})
    ]
    assert done.reason == "tool_calls"
    assert done.usage.text_in > 50
    assert 5 < done.usage.text_out < 40


def test_what_is_spoken_calls_too(brain: Llama) -> None:
    spoken = Turn((Message("user", (Speech(transcript="switch the lights off"),)),), TOOLS)
    made, _ = whole(brain, spoken)
    assert made[0][0] == "switch_lights"
    assert json.loads(made[0][1])["state"] == "off"


def test_two_things_at_once_where_that_is_allowed(brain: Llama) -> None:
    says = "set a timer for ten minutes and switch on the lights"
    made, _ = whole(brain, turn(says))
    assert [(name, json.loads(arguments)) for name, arguments in made] == [
        ("set_timer", {"duration": 10, "unit": "minutes"}),
        ("switch_lights", {"state": "on"}),
    ]
    assert len(calls(turn(says, tool_choice=ToolChoice(parallel=False)))) == 1


def test_small_talk_is_answered_in_words(brain: Llama) -> None:
    events = [event for event in brain.generate(turn("What is the capital of France?")) if event]
    assert "Paris" in "".join(event.text for event in events if isinstance(event, TextDelta))
    assert not any(isinstance(event, ToolCallDelta) for event in events)


def test_none_never_calls_and_required_always_does(brain: Llama) -> None:
    says = "set a timer for ten minutes"
    assert calls(turn(says, tool_choice=ToolChoice("none"))) == []
    assert calls(turn("hello", tool_choice=ToolChoice("required")))[0].tool == 0
    assert calls(turn("the lights", tool_choice=ToolChoice("required")))[0].tool == 1
    made, done = whole(brain, turn(says, tool_choice=ToolChoice("required", "get_favorite_color")))
    assert made == [("get_favorite_color", "{}")]
    assert done.reason == "tool_calls"


@pytest.mark.parametrize("parameters", ["", "null", "{}", '{"type": "object", "properties": {}}'])
def test_a_function_without_parameters_is_called_with_none(brain: Llama, parameters: str) -> None:
    assert whole(brain, named("f", parameters))[0] == [("f", "{}")]


KINDS: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def fits(value: Any, shape: dict[str, Any]) -> bool:
    """The part of JSON Schema that the tests below use."""
    if "anyOf" in shape or "enum" in shape:
        return any(fits(value, branch) for branch in shape.get("anyOf", ())) or value in shape.get("enum", ())
    if not isinstance(value, KINDS[shape["type"]]) or (isinstance(value, bool) and shape["type"] != "boolean"):
        return False
    if isinstance(value, dict):
        fields, known = cast("dict[str, Any]", value), shape["properties"]
        return set(shape.get("required", ())) <= set(fields) and all(fits(fields[name], known[name]) for name in fields)
    if isinstance(value, list):
        return len(cast("list[Any]", value)) >= shape.get("minItems", 0) and all(fits(v, shape["items"]) for v in value)
    if isinstance(value, str):
        return re.search(shape.get("pattern", ""), value) is not None
    return value is None or shape.get("minimum", value) <= value <= shape.get("maximum", value)


SHAPES: list[dict[str, Any]] = [
    {"n": {"type": "number", "minimum": 0, "maximum": 1}, "b": {"type": "boolean"}},
    {"k": {"enum": ["x", 1, None]}, "code": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{2}$"}},
    {"l": {"type": "array", "minItems": 3, "items": {"type": "integer", "minimum": -5, "maximum": -2}}},
    {"p": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
    {"maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "東": {"type": "string"}},
]


@pytest.mark.parametrize("temperature", [None, 1.5])
@pytest.mark.parametrize("fields", SHAPES)
def test_arguments_fit_the_schema(brain: Llama, fields: dict[str, Any], temperature: float | None) -> None:
    shape = {"type": "object", "properties": fields, "required": list(fields)}
    asked = named("save", shape)
    asked = Turn(asked.messages, asked.tools, asked.tool_choice, sampling=Sampling(temperature=temperature, seed=4))
    [(name, arguments)], done = whole(brain, asked)
    assert (name, done.reason) == ("save", "tool_calls")
    assert fits(json.loads(arguments), shape), arguments


def test_a_schema_may_refer_to_itself_and_leave_its_type_out(brain: Llama) -> None:
    person = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
    shape = {"$ref": "#/$defs/P", "$defs": {"P": {**person, "required": ["name", "age"]}}}
    assert fits(json.loads(whole(brain, named("save", shape))[0][0][1]), person)


@pytest.mark.parametrize(
    "parameters",
    [
        "{",
        "[]",
        '{"type": "string"}',
        '{"properties": {"a": {"type": "no such type"}}}',
        '{"properties": {"a": {"$ref": "#/nowhere"}}}',
        '{"properties": {"a": {"type": "string", "pattern": "("}}, "required": ["a"]}',
        '{"properties": {"a": {"type": "integer", "minimum": 5, "maximum": 3}}, "required": ["a"]}',
    ],
)
def test_a_schema_that_cannot_be_followed_is_refused(
    brain: Llama, parameters: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadRequest) as refused:
        whole(brain, named("mine", parameters))
    assert (refused.value.param, refused.value.code) == ("tools[1].function.parameters", "invalid_function_parameters")
    assert refused.value.message.startswith("Invalid schema for function 'mine': ")
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_constrained_is_passed_over_unless_strict(brain: Llama) -> None:
    shape = {"properties": {"a": {"type": "array", "uniqueItems": True, "items": {"type": "integer"}}}}
    assert whole(brain, named("save", shape))[1].reason == "tool_calls"
    with pytest.raises(BadRequest):
        whole(brain, named("save", shape, strict=True))


def test_max_tokens_cuts_the_arguments(brain: Llama) -> None:
    asked = named("save", {"properties": {"name": {"type": "string"}}, "required": ["name"]})
    made, done = whole(brain, Turn(asked.messages, asked.tools, asked.tool_choice, sampling=Sampling(max_tokens=3)))
    assert (done.reason, done.usage.text_out) == ("length", 3)
    assert made[0][1].startswith('{"name')


def test_closing_stops_a_call(brain: Llama) -> None:
    endless = {"properties": {"a": {"type": "array", "minItems": 500, "items": {"type": "integer"}}}, "required": ["a"]}
    call = cast("Generator[object]", brain.generate(named("save", endless)))
    assert any(isinstance(event, ToolCallDelta) for event in call)
    call.close()
    assert whole(brain, named("f", ""))[0] == [("f", "{}")]


def results(*texts: str) -> Turn:
    asked = (ToolCall("c1", "get_weather", '{"city": "Rome"}'), ToolCall("c2", "get_news", "{}"))
    return Turn(
        (
            Message("user", (Text("what is the weather like in rome"),)),
            Message("assistant", asked[: len(texts)]),
            *(Message("tool", (ToolResult(call.id, text),)) for call, text in zip(asked, texts, strict=False)),
        ),
        (Tool("get_weather", "Get the weather."),),
    )


def test_a_result_is_told_beside_its_question() -> None:
    assert chat_messages(told(results('{"temp_c": 21, "sky": "sunny"}', "rain")), "") == [
        {
            "role": "user",
            "content": "what is the weather like in rome\n"
            "(The result is: temp c: 21, sky: sunny)\n(The result is: rain)",
        }
    ]
    orphan = Turn((Message("assistant", (Text("One moment."),)), Message("tool", (ToolResult("c", "[1]"),))))
    assert [message["content"] for message in chat_messages(told(orphan), "")] == [
        "One moment.",
        "(The result is: [1])",
    ]


def test_a_result_is_answered_in_words(brain: Llama) -> None:
    events = [event for event in brain.generate(results('{"temp_c": 21, "sky": "sunny"}')) if event]
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert "21" in text or "sunny" in text
    assert not any(isinstance(event, ToolCallDelta) for event in events)


@pytest.mark.parametrize("shape", ["{}", '{"type":"object"}'])
def test_any_json_object_has_an_end(brain: Llama, shape: str) -> None:
    asked = Turn((Message("user", (Text("My name is Ann. Give it as JSON."),)),), schema=Schema("any", shape))
    *said, done = [event for event in brain.generate(asked) if event]
    text = "".join(event.text for event in said if isinstance(event, TextDelta))
    assert isinstance(json.loads(text), dict)
    assert isinstance(done, TurnDone)
    assert done.reason == "stop"


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Llama]:
    """A model whose template knows tools; its weights do not, but do what they have seen done."""
    template = tmp_path_factory.mktemp("template") / "tools.jinja"
    template.write_text(TEMPLATE)
    brain = Llama(Llama.Options(model=fetched(), template=str(template)))
    yield brain
    brain.close()


def seen(city: str) -> tuple[Message, ...]:
    return (
        Message("user", (Text(f"weather in {city}"),)),
        Message("assistant", (ToolCall("c", "get_weather", json.dumps({"city": city})),)),
        Message("tool", (ToolResult("c", "sunny"),)),
        Message("assistant", (Text("Sunny."),)),
    )


CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("get_weather", "Get weather", json.dumps(CITY))


def test_a_model_that_knows_tools_calls_them_itself(knowing: Llama) -> None:
    last = Message("user", (Text("weather in Madrid"),))
    made, done = whole(knowing, Turn((*seen("Rome"), *seen("Paris"), *seen("Oslo"), last), (WEATHER,)))
    assert [(name, json.loads(arguments)) for name, arguments in made] == [("get_weather", {"city": "Madrid"})]
    assert done.reason == "tool_calls"


def test_a_model_that_knows_tools_tells_the_tokens_of_its_words(knowing: Llama) -> None:
    asked = Turn((*seen("Rome"), Message("user", (Text("Thanks!"),))), (WEATHER,), sampling=Sampling(logprobs=True))
    events = [event for event in knowing.generate(asked) if isinstance(event, TextDelta)]
    text = "".join(event.text for event in events)
    assert text
    assert b"".join(token.data for event in events for token in event.logprobs).strip() == text.encode()


def test_a_model_that_knows_tools_is_made_to_call(knowing: Llama) -> None:
    asked = turn("is it nice in Madrid", WEATHER, tool_choice=ToolChoice("required"))
    [(name, arguments)], _ = whole(knowing, asked)
    assert name == "get_weather"
    assert fits(json.loads(arguments), CITY)


def test_a_model_that_knows_tools_takes_one_without_a_description(knowing: Llama) -> None:
    *_, done = [event for event in knowing.generate(turn("hi", Tool("look"))) if event]
    assert isinstance(done, TurnDone)


def test_what_a_model_that_knows_tools_is_given() -> None:
    asked = turn("hi", *TOOLS[1:], tool_choice=ToolChoice(parallel=False))
    given = with_tools(asked)
    assert (given["tool_choice"], given["parallel_tool_calls"]) == ("auto", False)
    assert [tool["function"]["name"] for tool in given["tools"]] == ["switch_lights", "get_favorite_color"]
    assert given["tools"][1]["function"]["parameters"] == {"type": "object", "properties": {}}
    with pytest.raises(BadRequest):
        with_tools(turn("hi", Tool("f", "", "[")))


def test_a_template_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="template"):
        Llama(Llama.Options(model=fetched(), template=str(tmp_path / "none.jinja")))
