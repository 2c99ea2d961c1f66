"""What llama.cpp streams is read as words or calls, as they come."""

import json
import re
from typing import Any

import pytest

from vivavoce.core.errors import EngineFailed
from vivavoce.core.turn import Message, Text, TextDelta, ToolCallDelta, Turn, TurnDone, Usage
from vivavoce.engines.reading import Unconstrained, first_delta, read_answer, read_arguments

TURN = Turn((Message("user", (Text("Hi"),)),))
USAGE = json.dumps({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 4}})


def chunk(reason: str | None = None, **delta: Any) -> str:
    return json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})


def call(index: int, **function: str) -> dict[str, Any]:
    return {"index": index, "id": "its own", "function": function}


def test_calls_in_the_models_own_format_are_ours() -> None:
    events = [
        chunk(tool_calls=[call(0, name="a", arguments="{")]),
        "",
        chunk(tool_calls=[call(0, arguments='"x": 1}')]),
        chunk(tool_calls=[call(1, name="b", arguments="{}")]),
        chunk("tool_calls"),
        USAGE,
    ]
    made = [event for event in read_answer(TURN, events) if event]
    heads = [event for event in made if isinstance(event, ToolCallDelta) and event.id]
    assert [(head.index, head.name, head.arguments) for head in heads] == [(0, "a", ""), (1, "b", "")]
    assert all(re.fullmatch(r"call_[A-Za-z0-9]{24}", head.id or "") for head in heads)
    pieces = [(event.index, event.arguments) for event in made if isinstance(event, ToolCallDelta) and not event.id]
    assert pieces == [(0, "{"), (0, '"x": 1}'), (1, "{}")]
    assert made[-1] == TurnDone("tool_calls", Usage(text_in=5, text_out=4))
    assert not any(isinstance(event, TextDelta) for event in made)


def arguments(*words: str) -> list[Any]:
    events = [*(chunk(content=word) for word in words), chunk("stop"), USAGE]
    return [event for event in read_arguments(TURN, events, first_delta(2, "f"), "§!") if event]


@pytest.mark.parametrize("words", [("§!{}",), ("§", "!", "{}"), ("§", "!{", "}")])
def test_the_mark_is_not_told(words: tuple[str, ...]) -> None:
    head, *rest, done = arguments(*words)
    assert (head.index, head.name, head.arguments) == (2, "f", "")
    assert "".join(piece.arguments for piece in rest) == "{}"
    assert isinstance(done, TurnDone)


@pytest.mark.parametrize("words", [("Hello",), ("§", "?"), (), ("§",)])
def test_an_answer_without_the_mark_is_no_call(words: tuple[str, ...]) -> None:
    with pytest.raises(Unconstrained):
        arguments(*words)


def test_a_stream_that_breaks_off_is_said() -> None:
    with pytest.raises(EngineFailed):
        list(read_arguments(TURN, [chunk(content="§!{")], first_delta(0, "f"), "§!"))
