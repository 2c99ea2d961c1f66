"""A turn as the chat request llama.cpp reads, and what a client is told of one it refuses."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from vivavoce.core.context import too_long
from vivavoce.core.errors import BadRequest, EngineFailed, Overloaded, PublicError
from vivavoce.core.turn import Message, Sampling, ToolCall, ToolResult, Turn
from vivavoce.engines.contents import contents, unheard, words
from vivavoce.engines.logprobs import candidates
from vivavoce.engines.schemas import parsed

SCHEMA_ANSWER = 1024
"""Most tokens of an answer in JSON, where the client set no limit: half a document is of no use to anyone."""
THOUGHTLESS = {"chat_template_kwargs": {"enable_thinking": False}}
"""Has the model not think to itself, where its template knows this word. Source: Qwen 3's template."""
NO_OBJECT = "it is not a JSON Schema object"


class Refusal(msgspec.Struct):
    """What llama.cpp says of a request it does not serve."""

    type: str = ""
    message: str = ""
    n_prompt_tokens: int = 0
    n_ctx: int = 0


SMALL_OBJECT = r"""root   ::= object
object ::= "{" (pair (", " pair){0,7})? "}"
pair   ::= string ": " (scalar | list | inner)
inner  ::= "{" (flat (", " flat){0,7})? "}"
flat   ::= string ": " (scalar | list)
list   ::= "[" (scalar (", " scalar){0,7})? "]"
scalar ::= string | number | "true" | "false" | "null"
number ::= "-"? ("0" | [1-9] [0-9]{0,11}) ("." [0-9]{1,6})?
string ::= "\"" ([^"\\\x00-\x1F\x7F] | "\\" ["\\/bfnrt]){0,160} "\""
"""
"""Any JSON object that ends: in one without bounds a small model loses itself until the last token it may write."""


def chat_request(turn: Turn, instruction: str, temperature: float, most: int) -> dict[str, Any]:
    """The whole request for words: `most` tokens of them, and no more than the client allows.

    `instruction` and `temperature` are for where the client said nothing of them.

    Raises:
        BadRequest: the turn's schema is not JSON.
    """
    chosen = turn.sampling
    limit = most if turn.schema is None else SCHEMA_ANSWER
    if chosen.max_tokens is not None:
        limit = min(limit, chosen.max_tokens) if turn.schema is None else chosen.max_tokens
    asked = {
        "top_p": chosen.top_p,
        "seed": chosen.seed,
        "stop": list(chosen.stop) or None,
        "n_probs": candidates(chosen) or None,
        "logit_bias": biases(chosen) or None,
    }
    return {
        "messages": chat_messages(turn, instruction),
        "temperature": temperature if chosen.temperature is None else chosen.temperature,
        "presence_penalty": chosen.presence_penalty,
        "frequency_penalty": chosen.frequency_penalty,
        "max_tokens": limit,
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,
        "timings_per_token": True,
        **{name: value for name, value in asked.items() if value is not None},
        **_shape(turn),
    }


def biases(sampling: Sampling) -> dict[str, int]:
    """What is added to the logits of tokens, by their ids."""
    return {str(token): bias for token, bias in sampling.logit_bias}


def ending(request: dict[str, Any]) -> dict[str, Any]:
    """The request, for a small model: where any JSON object is asked for, one of a few fields."""
    if request.get("response_format") != {"type": "json_object"}:
        return request
    return {name: value for name, value in request.items() if name != "response_format"} | {"grammar": SMALL_OBJECT}


def with_tools(turn: Turn) -> dict[str, Any]:
    """What is added to the request for a model whose template knows tools; it calls them in its own format.

    Raises:
        BadRequest: the parameters of a tool are not JSON.
    """
    tools = [{"type": "function", "function": _function(turn, index)} for index in range(len(turn.tools))]
    return {"tools": tools, "tool_choice": "auto", "parallel_tool_calls": turn.tool_choice.parallel} if tools else {}


def _function(turn: Turn, index: int) -> dict[str, Any]:
    tool = turn.tools[index]
    shape = parsed(tool.parameters)
    if shape is None:
        raise bad_parameters(turn, index, NO_OBJECT)
    parameters = shape or {"type": "object", "properties": {}}
    return {"name": tool.name, "description": tool.description, "parameters": parameters}


def bad_parameters(turn: Turn, index: int, why: str) -> BadRequest:
    """The schema of a tool's arguments cannot be followed."""
    message = f"Invalid schema for function '{turn.tools[index].name}': {why}."
    return BadRequest(message, param=f"tools[{index}].function.parameters", code="invalid_function_parameters")


def chat_messages(turn: Turn, instruction: str) -> list[dict[str, Any]]:
    """The conversation in OpenAI's form; `instruction` leads it where the client sent no system message."""
    led = not instruction or any(message.role == "system" for message in turn.messages)
    lead = [] if led else [{"role": "system", "content": instruction}]
    return lead + [said for message in turn.messages for said in _said(message)]


def refused(turn: Turn, why: Refusal) -> PublicError:
    """What the client is told."""
    if why.type == "exceed_context_size_error":
        return too_long(why.n_ctx, why.n_prompt_tokens)
    if "context size" in why.message.lower():  # the answers in work have filled what they share
        return Overloaded()
    return _bad_schema(turn.schema.name) if turn.schema and why.type == "invalid_request_error" else EngineFailed()


def _shape(turn: Turn) -> dict[str, Any]:
    if turn.schema is None:
        return {}
    try:
        shape = json.loads(turn.schema.json)
    except ValueError as error:
        raise _bad_schema(turn.schema.name) from error
    if shape in ({}, {"type": "object"}):
        return {"response_format": {"type": "json_object"}}
    schema = {"name": turn.schema.name, "strict": turn.schema.strict, "schema": shape}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _bad_schema(name: str) -> BadRequest:
    message = f"Invalid schema for response_format '{name}': it is not JSON Schema that this model can follow."
    return BadRequest(message, param="response_format", code="invalid_json_schema")


def _said(message: Message) -> Iterator[dict[str, Any]]:
    for part in message.parts:
        if isinstance(part, ToolResult):
            yield {"role": "tool", "tool_call_id": part.call_id, "content": part.text}
    said = "\n".join(filter(None, map(words, message.parts)))
    calls = [_call(part) for part in message.parts if isinstance(part, ToolCall)]
    if calls:
        yield {"role": "assistant", "content": said, "tool_calls": calls}
    elif message.role == "user" and unheard(message):
        yield {"role": "user", "content": contents(message)}
    elif said or message.role != "tool":
        yield {"role": message.role, "content": said}


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
