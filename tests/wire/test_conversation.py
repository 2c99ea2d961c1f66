"""What may follow what in a conversation: every call its result, every result its call."""

import json
from typing import Any

import pytest

from tests.wire.recorded import entries
from vivavoce.core.errors import BadRequest
from vivavoce.wire import chat

HELLO: Any = {"role": "user", "content": "Hello"}
UNANSWERED = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
    "The following tool_call_ids did not have response messages: "
)
NO_CALL = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."


def calls(*ids: str, **fields: Any) -> dict[str, Any]:
    function = {"name": "f", "arguments": "{}"}
    made = [{"id": call, "type": "function", "function": function} for call in ids]
    return {"role": "assistant", "tool_calls": made, **fields}


def result(call: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call, "content": "yes"}


def body(*messages: Any) -> bytes:
    return json.dumps({"model": "m", "messages": messages}).encode()


def refused(*messages: Any) -> tuple[str, str | None, str | None]:
    with pytest.raises(BadRequest) as error:
        chat.decode(body(*messages))
    return error.value.message, error.value.param, error.value.code


@pytest.mark.parametrize(
    "messages",
    [
        [HELLO, calls("a"), result("a")],
        [HELLO, calls("a"), result("a"), HELLO],
        [calls("a", "b"), result("b"), result("a"), calls("a"), result("a")],
        [calls("a", "a"), result("a"), result("a")],
        [calls("a", content="One moment."), result("a")],
        [calls(content="Nothing called.")],
        [{"role": "assistant", "content": "x", "tool_calls": None}, HELLO],
        [{"role": "assistant", "audio": {"id": "audio_1"}, **calls("a")}, result("a")],
        [{"role": "assistant", "function_call": {"name": "f", "arguments": ""}}, HELLO],
        [{"role": "function", "name": "f", "content": "x"}],
        [{"role": "assistant", "content": ""}],
        [{"role": "assistant", "refusal": None, "content": [{"type": "refusal", "refusal": "No."}]}],
    ],
    ids=range(12),
)
def test_a_call_with_its_result_is_a_conversation(messages: list[Any]) -> None:
    assert len(chat.to_turn(chat.decode(body(*messages)), {}, {0: chat.Speech(None, "x")}).messages) == len(messages)


@pytest.mark.parametrize(
    ("messages", "missing"),
    [
        ([HELLO, calls("call_1")], "call_1"),
        ([calls("call_1"), HELLO, result("call_1")], "call_1"),
        ([calls("call_1"), {"role": "system", "content": "x"}, result("call_1")], "call_1"),
        ([calls("a", "b", "c"), result("b")], "a, c"),
        ([calls("a", "b"), result("a"), HELLO], "b"),
        ([calls("a", "a"), result("a")], "a"),
        ([calls("a"), calls("b"), result("b"), result("a")], "a"),
        ([calls("a"), {"role": "function", "name": "f", "content": "x"}], "a"),
    ],
    ids=range(8),
)
def test_a_call_without_its_result_is_told_by_its_id(messages: list[Any], missing: str) -> None:
    assert refused(*messages) == (UNANSWERED + missing, "messages", None)


@pytest.mark.parametrize(
    ("messages", "at"),
    [
        ([result("a")], 0),
        ([HELLO, result("a")], 1),
        ([calls("a"), result("b")], 1),
        ([calls("a"), result("a"), result("a")], 2),
        ([calls("a"), result("a"), HELLO, result("a")], 3),
        ([{"role": "assistant", "function_call": {"name": "f", "arguments": ""}}, result("f")], 1),
    ],
    ids=range(6),
)
def test_a_result_without_its_call_is_told_by_its_place(messages: list[Any], at: int) -> None:
    assert refused(*messages) == (NO_CALL, f"messages.[{at}].role", None)


def test_ids_are_not_said_back_at_any_length() -> None:
    message, _, _ = refused(calls(*[f"{i}{'x' * 10_000}" for i in range(100)]))
    assert len(message) < 1000
    assert message.endswith("7" + "x" * 63)


def test_twenty_thousand_calls_answered_from_the_last_to_the_first_are_no_work() -> None:
    """A search through those still waiting for each would be minutes of it."""
    ids = [str(i) for i in range(20_000)]
    assert chat.decode(body(calls(*ids), *[result(call) for call in reversed(ids)]))


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"role": "assistant", "tool_calls": [{}]}, "messages[0].tool_calls[0].id"),
        ({"role": "assistant", "tool_calls": [{"id": "a"}]}, "messages[0].tool_calls[0].function"),
        (
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f"}}]},
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"role": "assistant", "function_call": {"arguments": ""}}, "messages[0].function_call.name"),
        ({"role": "function", "content": "x"}, "messages[0].name"),
        ({"role": "tool", "tool_call_id": "a"}, "messages[0].content"),
    ],
)
def test_what_a_message_lacks_is_told(message: Any, words: str) -> None:
    assert refused(message) == (f"Missing required parameter: '{words}'.", words, "missing_required_parameter")


def test_a_tool_answers_in_text_alone() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}
    assert refused(calls("a"), {**result("a"), "content": [sound]}) == (
        "Invalid value: 'input_audio'. Supported values are: 'text'.",
        "messages[1].content[0].type",
        "invalid_value",
    )


@pytest.mark.parametrize(
    "name",
    [
        "ConsecutiveToolCalls",
        "ConstraintsWork",
        "FunctionsWork",
        "NoParameterToolWorks",
        "ParallelToolCalls",
        "ParametersWork",
    ],
)
def test_every_recorded_conversation_with_tools_is_taken(name: str) -> None:
    for entry in entries(f"ChatToolTests-{name}"):
        sent = entry["RequestBody"]
        turn = chat.to_turn(chat.decode(json.dumps(sent).encode()), {}, {})
        assert len(turn.messages) == len(sent["messages"])
        assert len(turn.tools) == len(sent.get("tools") or sent["functions"])
