"""Tools: what may be asked for, and how calls come back, whole and streamed, in the newer form and the older."""

import json
from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.wire.recorded import entries, shape
from vivavoce.core.errors import BadRequest
from vivavoce.core.turn import Schema, Tool, ToolCall, ToolCallDelta, ToolChoice, Turn, Usage
from vivavoce.wire import chat
from vivavoce.wire.chunks import DONE, ChunkEncoder, usage_event
from vivavoce.wire.completion import Head, audio_body, choice, encode
from vivavoce.wire.request import JsonSchemaFormat
from vivavoce.wire.tools import FunctionTool

HEAD = Head("chatcmpl-1", 1_780_693_548, "gpt-4o-mini-audio-preview-2024-12-17", "fp_0123456789")
USAGE = Usage(text_in=9, text_out=5)
EXPIRES_AT = 1_780_697_155
SPOKEN: Any = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
CLOSED: Any = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hello"}], **fields}).encode()


def function(name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **fields}}


def allowed(*names: str, mode: str = "auto") -> dict[str, Any]:
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [function(name) for name in names]}}


def turn_of(**fields: Any) -> Turn:
    return chat.to_turn(chat.decode(body(**fields)), {}, {})


def refused(*, strict: bool = False, **fields: Any) -> tuple[str, str | None, str | None]:
    with pytest.raises(BadRequest) as error:
        chat.decode(body(**fields), strict=strict)
    assert (error.value.status, error.value.kind) == (400, "invalid_request_error")
    return error.value.message, error.value.param, error.value.code


F, G = Tool("f"), Tool("g")
TWO = [function("f"), function("g")]
OLD = [{"name": "f"}, {"name": "g"}]


def test_a_tool_reaches_the_turn_with_all_that_is_said_of_it() -> None:
    schema = {"type": "object", "properties": {"é": {"type": "string"}}}
    turn = turn_of(tools=[function("get-it_1", description="Gets it.", parameters=schema, strict=False), function()])
    assert [(tool.name, tool.description, tool.strict) for tool in turn.tools] == [
        ("get-it_1", "Gets it.", False),
        ("f", "", False),
    ]
    assert [json.loads(tool.parameters) for tool in turn.tools] == [schema, {}]


@pytest.mark.parametrize(
    ("fields", "tools", "wanted"),
    [
        ({}, (), ToolChoice()),
        ({"tools": None, "tool_choice": None, "functions": None, "function_call": None}, (), ToolChoice()),
        ({"tools": [], "tool_choice": "auto"}, (), ToolChoice()),
        ({"tool_choice": "none"}, (), ToolChoice("none")),
        ({"tools": TWO}, (F, G), ToolChoice()),
        ({"tools": TWO, "tool_choice": "auto", "parallel_tool_calls": False}, (F, G), ToolChoice(parallel=False)),
        ({"tools": TWO, "tool_choice": "none"}, (F, G), ToolChoice("none")),
        ({"tools": TWO, "tool_choice": "required"}, (F, G), ToolChoice("required")),
        ({"tools": TWO, "tool_choice": function("g")}, (F, G), ToolChoice("required", "g", parallel=False)),
        ({"tools": TWO, "tool_choice": allowed("g")}, (G,), ToolChoice()),
        ({"tools": TWO, "tool_choice": allowed("g", "g", "f")}, (G, F), ToolChoice()),
        (
            {"tools": TWO, "tool_choice": allowed("g", mode="required"), "parallel_tool_calls": False},
            (G,),
            ToolChoice("required", parallel=False),
        ),
        ({"functions": OLD}, (F, G), ToolChoice(parallel=False)),
        ({"functions": OLD, "function_call": "auto", "tools": []}, (F, G), ToolChoice(parallel=False)),
        ({"functions": OLD, "function_call": "none"}, (F, G), ToolChoice("none", parallel=False)),
        ({"functions": OLD, "function_call": {"name": "g"}}, (F, G), ToolChoice("required", "g", parallel=False)),
        ({"functions": OLD, "tool_choice": "required"}, (F, G), ToolChoice(parallel=False)),
        ({"functions": OLD, "function_call": {"name": "g"}, "tools": [function("f")]}, (F,), ToolChoice()),
        ({"functions": [], "function_call": "auto"}, (), ToolChoice()),
    ],
    ids=range(19),
)
def test_every_form_of_choice_reaches_the_turn(
    fields: dict[str, Any], tools: tuple[Tool, ...], wanted: ToolChoice
) -> None:
    turn = turn_of(**fields)
    assert (turn.tools, turn.tool_choice) == (tools, wanted)
    spoken = turn_of(**fields, **SPOKEN)
    assert (spoken.tools, spoken.tool_choice, spoken.voice) == (tools, wanted, "alloy")


PATTERN = "string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
CUSTOM = "This model does not support custom tools."
ONLY = "is only allowed when"
BAD: dict[str, tuple[dict[str, Any], str, str | None, str | None]] = {
    "space in the name": (
        {"tools": [function("f"), function("get it")]},
        f"Invalid 'tools[1].function.name': {PATTERN}",
        "tools[1].function.name",
        "invalid_value",
    ),
    "line end in the name": (
        {"tools": [function("f\n")]},
        f"Invalid 'tools[0].function.name': {PATTERN}",
        "tools[0].function.name",
        "invalid_value",
    ),
    "no letter in the name": (
        {"tools": [function("")]},
        f"Invalid 'tools[0].function.name': {PATTERN}",
        "tools[0].function.name",
        "invalid_value",
    ),
    "letters of another script": (
        {"functions": [{"name": "é"}]},
        f"Invalid 'functions[0].name': {PATTERN}",
        "functions[0].name",
        "invalid_value",
    ),
    "long name": (
        {"tools": [function("f" * 65)]},
        (
            "Invalid 'tools[0].function.name': string too long. Expected a string with maximum length 64, "
            "but got a string with length 65 instead."
        ),
        "tools[0].function.name",
        "string_above_max_length",
    ),
    "no name": (
        {"tools": [{"type": "function", "function": {}}]},
        "Missing required parameter: 'tools[0].function.name'.",
        "tools[0].function.name",
        "missing_required_parameter",
    ),
    "no function": (
        {"tools": [{"type": "function"}]},
        "Missing required parameter: 'tools[0].function'.",
        "tools[0].function",
        "missing_required_parameter",
    ),
    "no type": (
        {"tools": [{"function": {"name": "f"}}]},
        "Missing required parameter: 'tools[0].type'.",
        "tools[0].type",
        "missing_required_parameter",
    ),
    "unknown type": (
        {"tools": [{"type": "web_search"}]},
        "Invalid value: 'web_search'. Supported values are: 'function'.",
        "tools[0].type",
        "invalid_value",
    ),
    "custom tool": (
        {"tools": [function("f"), {"type": "custom", "custom": {"name": "x"}}]},
        CUSTOM,
        "tools[1].type",
        "unsupported_value",
    ),
    "too many tools": (
        {"tools": [function(f"f{i}") for i in range(129)]},
        (
            "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length "
            "129 instead."
        ),
        "tools",
        "array_above_max_length",
    ),
    "too many functions": (
        {"functions": [{"name": f"f{i}"} for i in range(129)]},
        (
            "Invalid 'functions': array too long. Expected an array with maximum length 128, but got an array with "
            "length 129 instead."
        ),
        "functions",
        "array_above_max_length",
    ),
    "parameters of the wrong type": (
        {"tools": [function(parameters=[])]},
        "Invalid type for 'tools[0].function.parameters': expected an object, but got an array instead.",
        "tools[0].function.parameters",
        "invalid_type",
    ),
    "parallel of the wrong type": (
        {"tools": TWO, "parallel_tool_calls": "yes"},
        "Invalid type for 'parallel_tool_calls': expected a boolean, but got a string instead.",
        "parallel_tool_calls",
        "invalid_type",
    ),
    "unknown choice": (
        {"tools": TWO, "tool_choice": "any"},
        "Invalid value: 'any'. Supported values are: 'none', 'auto', and 'required'.",
        "tool_choice",
        "invalid_value",
    ),
    "choice of the wrong type": (
        {"tools": TWO, "tool_choice": 3},
        "Invalid type for 'tool_choice': expected a string or an object, but got an integer instead.",
        "tool_choice",
        "invalid_type",
    ),
    "choice of an unknown type": (
        {"tools": TWO, "tool_choice": {"type": "mcp"}},
        "Invalid value: 'mcp'. Supported values are: 'function' and 'allowed_tools'.",
        "tool_choice.type",
        "invalid_value",
    ),
    "custom choice": (
        {"tools": TWO, "tool_choice": {"type": "custom", "custom": {"name": "f"}}},
        CUSTOM,
        "tool_choice",
        "unsupported_value",
    ),
    "choice of none of the tools": (
        {"tools": TWO, "tool_choice": function("h")},
        "Invalid value for 'tool_choice': 'h' is not one of the tools.",
        "tool_choice",
        None,
    ),
    "choice without tools": (
        {"tool_choice": function("h")},
        f"Invalid value for 'tool_choice': 'tool_choice' {ONLY} 'tools' are specified.",
        "tool_choice",
        None,
    ),
    "required without tools": (
        {"tools": [], "tool_choice": "required"},
        f"Invalid value for 'tool_choice': 'tool_choice' {ONLY} 'tools' are specified.",
        "tool_choice",
        None,
    ),
    "none of the tools allowed": (
        {"tools": TWO, "tool_choice": allowed("f", "h")},
        "Invalid value for 'tool_choice': 'h' is not one of the tools.",
        "tool_choice",
        None,
    ),
    "nothing allowed": (
        {"tools": TWO, "tool_choice": allowed()},
        (
            "Invalid 'tool_choice.allowed_tools.tools': empty array. Expected an array with minimum length 1, "
            "but got an empty array instead."
        ),
        "tool_choice.allowed_tools.tools",
        "empty_array",
    ),
    "allowed in no mode": (
        {"tools": TWO, "tool_choice": allowed("f", mode="none")},
        "Invalid value: 'none'. Supported values are: 'auto' and 'required'.",
        "tool_choice.allowed_tools.mode",
        "invalid_value",
    ),
    "allowed of an unknown type": (
        {
            "tools": TWO,
            "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "mcp"}]}},
        },
        "Invalid value: 'mcp'. Supported values are: 'function'.",
        "tool_choice.allowed_tools.tools[0].type",
        "invalid_value",
    ),
    "call of none of the functions": (
        {"functions": OLD, "function_call": {"name": "h"}},
        "Invalid value for 'function_call': 'h' is not one of the functions.",
        "function_call",
        None,
    ),
    "call without functions": (
        {"function_call": {"name": "f"}},
        f"Invalid value for 'function_call': 'function_call' {ONLY} 'functions' are specified.",
        "function_call",
        None,
    ),
    "unknown call": (
        {"functions": OLD, "function_call": "required"},
        "Invalid value: 'required'. Supported values are: 'none' and 'auto'.",
        "function_call",
        "invalid_value",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_tools_are_told_in_the_words_of_the_original(case: str) -> None:
    fields, *words = BAD[case]
    assert refused(**fields) == tuple(words)


def test_a_long_name_is_not_said_back() -> None:
    message, _, _ = refused(tools=TWO, tool_choice=function("secret" * 5000))
    assert message.count("secret") == 10


OPEN = "'additionalProperties' is required to be supplied and to be false."


def lacks(name: str) -> str:
    return (
        f"'required' is required to be supplied and to be an array including every key in properties. Missing '{name}'."
    )


def closed(**properties: Any) -> dict[str, Any]:
    return {**CLOSED, "properties": properties, "required": list(properties)}


NOT_STRICT: dict[str, tuple[dict[str, Any], str, str]] = {
    "empty": ({}, "()", OPEN),
    "open": ({"type": "object", "properties": {"a": {"type": "string"}}}, "()", OPEN),
    "open by word": ({"type": "object", "additionalProperties": True}, "()", OPEN),
    "typeless": ({"properties": {}}, "()", OPEN),
    "or null": ({"type": ["null", "object"]}, "()", OPEN),
    "nothing required": ({**CLOSED, "properties": {"a": {}, "b": {}}}, "()", lacks("a")),
    "one not required": ({**CLOSED, "properties": {"a": {}, "b": {}}, "required": ["a"]}, "()", lacks("b")),
    "required as text": ({**CLOSED, "properties": {"a": {}}, "required": "abc"}, "()", lacks("a")),
    "required as a number": ({**CLOSED, "properties": {"a": {}}, "required": 3}, "()", lacks("a")),
    "required of odd things": ({**CLOSED, "properties": {"a": {}}, "required": [[], 1, None]}, "()", lacks("a")),
    "inner": (closed(a=closed(b={"type": "object"})), "('properties', 'a', 'properties', 'b')", OPEN),
    "item": (closed(a={"type": "array", "items": {"type": "object"}}), "('properties', 'a', 'items')", OPEN),
    "root item": ({**CLOSED, "items": {"type": "object"}}, "('items',)", OPEN),
    "one of several": (
        closed(a={"anyOf": [{"type": "null"}, {"type": "object"}]}),
        "('properties', 'a', 'anyOf', '1')",
        OPEN,
    ),
    "definition": ({**CLOSED, "$defs": {"x": {"type": "object"}}}, "('$defs', 'x')", OPEN),
    "older definition": ({**CLOSED, "definitions": {"x": {"properties": {}}}}, "('definitions', 'x')", OPEN),
    "outermost first": (closed(a=closed(b={"type": "object"}), c={"type": "object"}), "('properties', 'c')", OPEN),
}


@pytest.mark.parametrize("case", NOT_STRICT)
@pytest.mark.parametrize("old", [False, True])
def test_a_strict_tool_with_an_open_schema_is_told_where(case: str, old: bool) -> None:
    schema, context, problem = NOT_STRICT[case]
    asked = {"name": "f", "strict": True, "parameters": schema}
    words = f"Invalid schema for function 'f': In context={context}, {problem}"
    if old:
        expected = (words, "functions[0].parameters", "invalid_function_parameters")
        assert refused(functions=[asked]) == expected
    else:
        expected = (words, "tools[1].function.parameters", "invalid_function_parameters")
        assert refused(tools=[function("g"), {"type": "function", "function": asked}]) == expected
    assert turn_of(functions=[{**asked, "strict": False}]).tools[0].name == "f"


def test_a_strict_tool_must_not_leave_its_parameters_out() -> None:
    """As recorded (StructuredOutputs(WithoutSchema,Strict,FailureExpected)); the AI/ML API's sample has null."""
    words = f"Invalid schema for function 'f': In context=(), {OPEN}"
    assert refused(tools=[function(strict=True)]) == (
        words,
        "tools[0].function.parameters",
        "invalid_function_parameters",
    )
    assert turn_of(tools=[function(strict=True, parameters=None)]).tools == (Tool("f", strict=True),)
    assert turn_of(tools=[function(strict=None)]).tools == (F,)


@pytest.mark.parametrize(
    "schema",
    [
        CLOSED,
        closed(a={"type": ["string", "null"]}, b={"type": "array", "items": closed(c={"enum": ["x"]})}),
        closed(a={"anyOf": [closed(), {"type": "null"}, True]}),
        {**closed(a={"$ref": "#/$defs/x"}), "$defs": {"x": closed(y={"type": "integer"})}},
        {"properties": [], "additionalProperties": False, "$defs": [], "anyOf": {}, "items": True},
    ],
    ids=range(5),
)
def test_a_strict_tool_with_a_closed_schema_is_taken(schema: dict[str, Any]) -> None:
    (tool,) = turn_of(tools=[function(strict=True, parameters=schema)]).tools
    assert tool.strict
    assert json.loads(tool.parameters) == schema


def nested(depth: int, innermost: Any) -> Any:
    for _ in range(depth):
        innermost = {"items": innermost}
    return innermost


def test_a_long_way_to_the_problem_is_not_told_whole() -> None:
    message, _, _ = refused(tools=[function(strict=True, parameters=closed(a=nested(300, {"type": "object"})))])
    assert message == f"Invalid schema for function 'f': In context={('items',) * 8}, {OPEN}"
    message, _, _ = refused(tools=[function(strict=True, parameters=closed(**{"secret" * 99: {"type": "object"}}))])
    assert message.count("secret") == 10
    message, _, _ = refused(tools=[function(strict=True, parameters={**CLOSED, "properties": {"secret" * 99: {}}})])
    assert message.count("secret") == 10


def test_a_schema_of_any_size_is_read_once() -> None:
    """Going through all names for each name would be an hour of work."""
    names = [str(i) for i in range(100_000)]
    parameters = {**CLOSED, "properties": {name: {} for name in names}, "required": names[:-1]}
    assert refused(tools=[function(strict=True, parameters=parameters)])[0].endswith(lacks("99999"))
    wide = closed(a=nested(300, {"anyOf": [{}] * 100_000 + [{"type": "object"}]}))
    assert "'anyOf', '100000')" in refused(tools=[function(strict=True, parameters=wide)])[0]


@pytest.mark.parametrize("depth", [10, 300, 600, 900, 950, 990, 1000, 5000])
def test_a_schema_of_any_depth_is_taken_or_refused(depth: int) -> None:
    schema = (
        b'{"type":"object","additionalProperties":false,"items":' + b'{"items":' * depth + b"1" + b"}" * (depth + 1)
    )
    tool = body(tools=[function(strict=True, parameters="@")]).replace(b'"@"', schema)
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": "@"}}
    for sent in (tool, body(response_format=form).replace(b'"@"', schema)):
        try:
            chat.to_turn(chat.decode(sent), {}, {})
        except BadRequest:
            assert depth > 500


def test_a_schema_that_was_read_but_is_too_deep_to_be_written_is_told_so() -> None:
    """Who writes may stand deeper than who read."""
    tool = chat.decode(body(tools=[function(parameters={})]))
    form = chat.decode(body(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}))
    assert isinstance(form.response_format, JsonSchemaFormat)
    assert tool.tools is not None
    assert isinstance(tool.tools[0], FunctionTool)
    tool.tools[0].function.parameters = form.response_format.json_schema.schema = nested(100_000, 1)
    for request, param in ((tool, "tools[0].function.parameters"), (form, "response_format.json_schema.schema")):
        with pytest.raises(BadRequest) as error:
            chat.to_turn(request, {}, {})
        assert (error.value.message, error.value.param, error.value.code) == (
            f"Invalid '{param}': nested too deeply.",
            param,
            "invalid_value",
        )


@pytest.mark.parametrize(
    ("form", "schema"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, Schema("object", '{"type":"object"}')),
        ({"type": "json_schema", "json_schema": {"name": "a-1"}}, Schema("a-1", "{}")),
        ({"type": "json_schema", "json_schema": {"name": "a", "schema": None, "strict": None}}, Schema("a", "{}")),
        (
            {
                "type": "json_schema",
                "json_schema": {"name": "a", "description": "x", "schema": {"type": "object"}, "strict": True},
            },
            Schema("a", '{"type":"object"}', strict=True),
        ),
    ],
    ids=range(6),
)
def test_the_shape_of_an_answer_reaches_the_turn(form: Any, schema: Schema | None) -> None:
    assert turn_of(response_format=form).schema == schema
    assert turn_of(response_format=form, **SPOKEN).schema == schema


@pytest.mark.parametrize(
    ("form", "words", "param", "code"),
    [
        (
            {"type": "xml"},
            "Invalid value: 'xml'. Supported values are: 'text', 'json_object', and 'json_schema'.",
            "response_format.type",
            "invalid_value",
        ),
        (
            {},
            "Missing required parameter: 'response_format.type'.",
            "response_format.type",
            "missing_required_parameter",
        ),
        (
            "json",
            "Invalid type for 'response_format': expected an object, but got a string instead.",
            "response_format",
            "invalid_type",
        ),
        (
            {"type": "json_schema"},
            "Missing required parameter: 'response_format.json_schema'.",
            "response_format.json_schema",
            "missing_required_parameter",
        ),
        (
            {"type": "json_schema", "json_schema": {"schema": {}}},
            "Missing required parameter: 'response_format.json_schema.name'.",
            "response_format.json_schema.name",
            "missing_required_parameter",
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "a b"}},
            f"Invalid 'response_format.json_schema.name': {PATTERN}",
            "response_format.json_schema.name",
            "invalid_value",
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "a", "schema": []}},
            "Invalid type for 'response_format.json_schema.schema': expected an object, but got an array instead.",
            "response_format.json_schema.schema",
            "invalid_type",
        ),
    ],
    ids=range(7),
)
def test_a_bad_shape_is_told_in_the_words_of_the_original(form: Any, words: str, param: str, code: str) -> None:
    assert refused(response_format=form) == (words, param, code)


def test_a_schema_for_the_answer_is_refused_only_if_we_are_strict() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}
    assert refused(strict=True, response_format=form, **SPOKEN) == (
        (
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model. Learn more "
            "about supported models at the Structured Outputs guide: "
            "https://platform.openai.com/docs/guides/structured-outputs"
        ),
        None,
        None,
    )
    assert chat.decode(body(response_format={"type": "json_object"}, **SPOKEN), strict=True)


ONE = (ToolCall("call_1", "weather", '{"city":"Osaka"}'),)
BOTH = (*ONE, ToolCall("call_2", "wind", "{}"))


def whole(text: str = "", *, calls: tuple[ToolCall, ...] = ONE, **options: Any) -> Any:
    read = json.loads(
        encode(HEAD, [choice(0, text, options.pop("reason", "tool_calls"), calls=calls, **options)], USAGE)
    )
    assert not ChatCompletion.model_validate(read, strict=True).model_extra
    return read["choices"][0]["message"]


def test_calls_come_whole_each_with_its_own_id() -> None:
    assert whole(calls=BOTH) == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Osaka"}'}},
            {"id": "call_2", "type": "function", "function": {"name": "wind", "arguments": "{}"}},
        ],
        "refusal": None,
        "annotations": [],
    }


def test_words_beside_a_call_are_content_or_sound() -> None:
    assert whole("One moment.")["content"] == "One moment."
    message = whole("One moment.", audio=audio_body("audio_1", b"RIFF", EXPIRES_AT, "One moment."))
    assert message["content"] is None
    assert message["audio"]["transcript"] == "One moment."
    assert message["tool_calls"][0]["id"] == "call_1"


def test_a_call_in_the_older_form_is_one_without_an_id() -> None:
    assert whole(calls=BOTH, legacy=True, reason="function_call") == {
        "role": "assistant",
        "content": None,
        "function_call": {"name": "weather", "arguments": '{"city":"Osaka"}'},
        "refusal": None,
        "annotations": [],
    }
    assert list(whole("No.", calls=(), legacy=True, reason="stop")) == ["role", "content", "refusal", "annotations"]


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        *[("ConsecutiveToolCalls", i) for i in range(3)],
        *[("ConstraintsWork", i) for i in range(4)],
        *[("FunctionsWork", i) for i in range(2)],
        *[("NoParameterToolWorks", i) for i in range(2)],
        *[("ParallelToolCalls", i) for i in range(2)],
        *[("ParametersWork", i) for i in range(2)],
    ],
)
def test_an_answer_has_the_keys_order_and_reason_of_the_recorded_one(name: str, entry: int) -> None:
    """Ours differs in one thing: usage tells text and images apart, as the audio models do."""
    recorded = entries(f"ChatToolTests-{name}")[entry]
    request = chat.decode(json.dumps(recorded["RequestBody"]).encode())
    theirs = recorded["ResponseBody"]
    message = theirs["choices"][0]["message"]
    made = [(call["id"], call["function"]) for call in message.get("tool_calls", ())]
    made += [("", message["function_call"])] if "function_call" in message else []
    calls = [ToolCall(call, function["name"], function["arguments"]) for call, function in made]
    reason = chat.finish_reason(request, "tool_calls" if calls else "stop")
    answer = choice(0, message["content"] or "", reason, calls=calls, legacy=request.about_tools.legacy)
    ours = json.loads(encode(HEAD, [answer], USAGE))
    assert ours["choices"] == theirs["choices"]
    assert json.dumps(ours["choices"]) == json.dumps(theirs["choices"])
    found = shape(ours)
    for path in ("prompt_tokens_details.text_tokens", "prompt_tokens_details.image_tokens"):
        assert found.pop(f".usage.{path}") == "int"
    assert found.pop(".usage.completion_tokens_details.text_tokens") == "int"
    assert list(found.items()) == list(shape(theirs).items())


@pytest.mark.parametrize(
    ("fields", "ended"),
    [
        ({"tools": TWO}, "tool_calls"),
        ({"tools": TWO, "tool_choice": "required"}, "tool_calls"),
        ({"tools": TWO, "tool_choice": allowed("f", mode="required")}, "tool_calls"),
        ({"tools": TWO, "tool_choice": function("f")}, "stop"),
        ({"functions": OLD}, "function_call"),
        ({"functions": OLD, "tool_choice": None, "tools": []}, "function_call"),
        ({"functions": OLD, "tools": TWO}, "tool_calls"),
    ],
    ids=range(7),
)
def test_a_call_ends_an_answer_in_the_word_of_its_form(fields: dict[str, Any], ended: str) -> None:
    request = chat.decode(body(**fields))
    assert chat.finish_reason(request, "tool_calls") == ended
    assert chat.finish_reason(request, "length") == "length"
    assert chat.finish_reason(request, "content_filter") == "content_filter"
    assert chat.finish_reason(request, "stop") == "stop"


DELTAS = [
    ToolCallDelta(0, "", "call_1", "weather"),
    ToolCallDelta(0, '{"city":'),
    ToolCallDelta(0, '"Osaka"}'),
    ToolCallDelta(1, "{}", "call_2", "wind"),
]
BEGIN = {"role": "assistant", "content": None}


def encoder(*, audio_id: str | None = None, legacy: bool = False) -> ChunkEncoder:
    return ChunkEncoder(HEAD, include_usage=True, audio_id=audio_id, legacy=legacy)


def deltas(stream: bytes) -> list[tuple[dict[str, Any], str | None]]:
    """What the events add, and why the answer ended; the official client must read every one."""
    events = [json.loads(line.removeprefix(b"data: ")) for line in stream.split(b"\n\n") if line]
    for event in events:
        read = ChatCompletionChunk.model_validate(event, strict=True)
        assert not read.model_extra
        assert all(not each.model_extra and not each.delta.model_extra for each in read.choices)
        assert event["usage"] is None
    return [(event["choices"][0]["delta"], event["choices"][0]["finish_reason"]) for event in events]


def began(name: str, call: str, index: int = 0, arguments: str = "") -> dict[str, Any]:
    return {"index": index, "id": call, "type": "function", "function": {"name": name, "arguments": arguments}}


def more(arguments: str, index: int = 0) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}


@pytest.mark.parametrize("audio_id", [None, "audio_1"])
def test_a_single_call_streams_in_the_original_order(audio_id: str | None) -> None:
    """Its first event has everything but arguments; a turn that only calls says nothing, however it was to speak."""
    one = encoder(audio_id=audio_id)
    stream = b"".join(map(one.call, DELTAS[:3])) + one.end("tool_calls", EXPIRES_AT, calls=True)
    assert deltas(stream) == [
        ({**BEGIN, "tool_calls": [began("weather", "call_1")], "refusal": None}, None),
        (more('{"city":'), None),
        (more('"Osaka"}'), None),
        ({}, "tool_calls"),
    ]
    first = json.loads(stream.split(b"\n\n")[0].removeprefix(b"data: "))
    assert list(first["choices"][0]["delta"]) == ["role", "content", "tool_calls", "refusal"]


def test_parallel_calls_stream_one_after_another() -> None:
    two = encoder()
    assert deltas(b"".join(map(two.call, DELTAS)) + two.end("tool_calls", EXPIRES_AT, calls=True))[3:] == [
        ({"tool_calls": [began("wind", "call_2", 1, "{}")]}, None),
        ({}, "tool_calls"),
    ]


def test_words_before_a_call_stream_as_words() -> None:
    written = encoder()
    stream = written.text("One moment.") + written.call(DELTAS[0]) + written.end("tool_calls", EXPIRES_AT)
    assert deltas(stream) == [
        ({"role": "assistant", "content": "", "refusal": None}, None),
        ({"content": "One moment."}, None),
        ({"tool_calls": [began("weather", "call_1")]}, None),
        ({}, "tool_calls"),
    ]


def test_sound_beside_a_call_streams_whole() -> None:
    spoken = encoder(audio_id="audio_1")
    stream = spoken.call(DELTAS[0]) + spoken.text("One moment.") + spoken.sound(b"1234567")
    assert deltas(stream + spoken.end("tool_calls", EXPIRES_AT)) == [
        ({**BEGIN, "tool_calls": [began("weather", "call_1")], "refusal": None}, None),
        ({"audio": {"id": "audio_1", "transcript": ""}}, None),
        ({"audio": {"transcript": "One moment."}}, None),
        ({"audio": {"data": "MTIzNDU2"}}, None),
        ({"audio": {"data": "Nw=="}}, None),
        ({}, "tool_calls"),
        ({"audio": {"expires_at": EXPIRES_AT}}, None),
    ]


def test_a_call_in_the_older_form_streams_alone() -> None:
    old = encoder(legacy=True)
    stream = b"".join(map(old.call, DELTAS)) + old.end("function_call", EXPIRES_AT, calls=True)
    assert deltas(stream) == [
        ({**BEGIN, "function_call": {"name": "weather", "arguments": ""}, "refusal": None}, None),
        ({"function_call": {"arguments": '{"city":'}}, None),
        ({"function_call": {"arguments": '"Osaka"}'}}, None),
        ({}, "function_call"),
    ]


@pytest.mark.parametrize("legacy", [False, True])
def test_the_official_client_puts_calls_together_as_they_come_whole(legacy: bool) -> None:
    reason = "function_call" if legacy else "tool_calls"
    encoders = [ChunkEncoder(HEAD, include_usage=True, audio_id=None, legacy=legacy)]
    encoders.append(ChunkEncoder(HEAD, 1, include_usage=True, audio_id=None, legacy=legacy, before=encoders[0]))
    stream = b"".join(each.call(delta) for delta in DELTAS for each in reversed(encoders))
    stream += b"".join(each.end(reason, EXPIRES_AT, calls=True) for each in encoders)
    stream += usage_event(HEAD, USAGE) + DONE
    state = ChatCompletionStreamState()
    for line in stream.split(b"\n\n")[:-2]:
        state.handle_chunk(ChatCompletionChunk.model_validate_json(line.removeprefix(b"data: "), strict=True))
    together: Any = state.get_final_completion().to_dict()
    assert [each["index"] for each in together["choices"]] == [0, 1]
    for each in together["choices"]:
        assert each["finish_reason"] == reason
        message = each["message"]
        expected = whole(calls=BOTH, legacy=legacy, reason=reason)
        assert message["content"] is None
        if legacy:
            assert message["function_call"] == expected["function_call"]
            continue
        calls = [{key: call[key] for key in ("id", "type")} for call in message["tool_calls"]]
        assert calls == [{key: call[key] for key in ("id", "type")} for call in expected["tool_calls"]]
        assert [(call["function"]["name"], call["function"]["arguments"]) for call in message["tool_calls"]] == [
            (call["function"]["name"], call["function"]["arguments"]) for call in expected["tool_calls"]
        ]
