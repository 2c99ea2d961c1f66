"""What a model that knows no tools is asked for the arguments of a call, and is told of its result."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

from vivavoce.core.turn import Message, Speech, Text, ToolResult, Turn
from vivavoce.engines.choosing import Choice, choose, closest
from vivavoce.engines.contents import contents, words
from vivavoce.engines.grounding import Grounding
from vivavoce.engines.prompts import THOUGHTLESS
from vivavoce.engines.schemas import OPEN, Shape, closed, listed, properties
from vivavoce.engines.shapes import bad_parameters, parameters_of

MARK = "§"
"""Begins every constrained answer: llama.cpp goes on without constraints where it cannot compile them, and only a
constrained model begins like this."""
LETTERS_MORE = 40
"""How much longer than the request a free text may be: a small model that has no more to say does not stop."""
LETTERS_HEARD = 200
"""The same, where the request is sound that the model hears itself."""
ARGUMENTS = 1024
"""Most tokens of the arguments of a call, where the client set no limit."""
FILL_IN = "Write the arguments of the function as JSON, with the words of the request."
SHOTS = {
    """Function: order_food. Order food.
- dish: What to eat.
- size: One of: small, large.
- guests: How many people eat.
Request: um can i get a large mushroom pizza for six""": '{"dish": "mushroom pizza", "size": "large", "guests": 6}',
    """Function: find_flight. Find a flight.
- from: City of departure.
- to: City of arrival.
Request: is there a plane from rome to new york""": '{"from": "rome", "to": "new york"}',
    """Function: add_note. Write a note.
- text: What to write.
- folder: Where to keep it.
Request: make a note that the car needs oil""": '{"text": "the car needs oil"}',
}
"""A small model is shown rather than told; they are of no tool that `bench/tools.py` has."""
COMPACT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
LENIENT = {"lenient": True, "coerce_one_of": True}


def calls(turn: Turn) -> list[Choice]:
    """The tools to call, each with the words that ask for it; none means a plain answer.

    `none` never calls; `required` always does; in `auto` the request is matched, unless a tool has just answered.
    """
    choice = turn.tool_choice
    if not turn.tools or choice.mode == "none":
        return []
    request = asked(turn)
    if choice.name is not None:
        return [Choice(i, request) for i, tool in enumerate(turn.tools) if tool.name == choice.name][:1]
    if choice.mode == "required":
        return choose(request, turn.tools, several=choice.parallel) or [closest(request, turn.tools)]
    if any(isinstance(part, ToolResult) for part in turn.messages[-1].parts):
        return []
    return choose(request, turn.tools, several=choice.parallel)


def asked(turn: Turn) -> str:
    """The words of the last user message."""
    return " ".join(filter(None, map(words, _request(turn).parts))).strip()


def _request(turn: Turn) -> Message:
    return next((message for message in reversed(turn.messages) if message.role == "user"), Message("user", ()))


def shape_of(turn: Turn, index: int) -> Shape:
    """The JSON Schema of a tool's arguments; empty where it takes none.

    Raises:
        BadRequest: it is not JSON, or not of an object.
    """
    shape = parameters_of(turn, index)
    kind: object = shape.get("type", "object")
    if kind != "object" and not (isinstance(kind, list) and "object" in kind):
        raise bad_parameters(turn, index, f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'")
    free = OPEN & shape.keys() or shape.get("additionalProperties")
    return {**shape, "type": "object"} if shape.get("properties") or free else {}


def arguments_request(turn: Turn, choice: Choice, shape: Shape, *, lenient: bool) -> dict[str, Any]:
    """What llama.cpp is asked for the arguments of one call; `lenient` passes over what it cannot constrain."""
    tool, sampling = turn.tools[choice.tool], turn.sampling
    narrow = shape
    if choose(choice.request, [tool]):  # what was matched is in the words; what was forced need not be
        narrow = Grounding(choice.request, tool.name).narrow(shape) or shape
    sounds = [part for part in contents(_request(turn)) if part["type"] == "input_audio"]
    narrow = closed(narrow, len(choice.request) + (LETTERS_HEARD if sounds else LETTERS_MORE))
    narrow["x-guidance"] = COMPACT | (LENIENT if lenient else {})
    shown = "\n".join([f"Function: {tool.name}. {tool.description}", *_fields(shape), f"Request: {choice.request}"])
    said = [{"type": "text", "text": shown}, *sounds] if sounds else shown
    limit = ARGUMENTS if sampling.max_tokens is None else sampling.max_tokens
    seed = {} if sampling.seed is None else {"seed": sampling.seed}
    return {
        "messages": [{"role": "system", "content": FILL_IN}, *_shots(), {"role": "user", "content": said}],
        "temperature": 0.0 if sampling.temperature is None else sampling.temperature,
        "max_tokens": limit,
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,
        **THOUGHTLESS,
        "grammar": f'%llguidance {{}}\nstart: "{MARK}" %json {json.dumps(narrow)}',
        **seed,
    }


def told(turn: Turn) -> Turn:
    """The turn without calls, their results in plain words: for a model whose template knows neither."""
    messages: list[Message] = []
    for message in turn.messages:
        results = [_plain(part.text) for part in message.parts if isinstance(part, ToolResult)]
        said = tuple(part for part in message.parts if isinstance(part, (Text, Speech)))
        if results and messages and messages[-1].role == "user":
            # beside the question it answers: of six ways tried, the one a model of 135 million weights uses best
            messages[-1] = Message("user", (*messages[-1].parts, *_told(results)))
        elif results:
            messages.append(Message("user", _told(results)))
        elif said or not message.parts:
            messages.append(Message(message.role, said))
    return replace(turn, messages=tuple(messages))


def _told(results: list[str]) -> tuple[Text, ...]:
    return tuple(Text(f"(The result is: {result})") for result in results)


def _plain(result: str) -> str:
    """A result in JSON without its brackets."""
    try:
        known: object = json.loads(result)
    except ValueError:
        return result
    if not isinstance(known, dict):
        return result
    return ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in cast("dict[str, object]", known).items())


def _shots() -> Iterator[dict[str, str]]:
    for shown, answer in SHOTS.items():
        yield {"role": "user", "content": shown}
        yield {"role": "assistant", "content": answer}


def _fields(shape: Shape, inside: str = "") -> Iterator[str]:
    """A line for each parameter: its name, what it is, the values it may have."""
    for name, field in properties(shape).items():
        known = cast("Shape", field) if isinstance(field, dict) else {}
        values = [str(value) for value in listed(known, "enum")]
        one_of = f"One of: {', '.join(values)}." if values else ""
        yield f"- {inside}{name}: {known.get('description', '')} {one_of}".rstrip(" ")
        yield from _fields(known, f"{inside}{name}.")
        if isinstance(known.get("items"), dict):
            yield from _fields(known["items"], f"{inside}{name}.")
