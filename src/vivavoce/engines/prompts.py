"""A turn as the chat request llama.cpp reads, and the stream it answers with as events of ours."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from vivavoce.core.errors import BadRequest, EngineFailed, Overloaded, PublicError
from vivavoce.core.turn import (
    Message,
    Reason,
    Speech,
    Text,
    TextDelta,
    ToolCall,
    ToolResult,
    Turn,
    TurnDone,
    Usage,
)

SCHEMA_ANSWER = 1024
"""Most tokens of an answer in JSON, where the client set no limit: half a document is of no use to anyone."""


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta
    finish_reason: str | None = None


class _Cached(msgspec.Struct):
    cached_tokens: int = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _Cached = msgspec.field(default_factory=_Cached)


class _Timings(msgspec.Struct):
    predicted_n: int = 0


class Refusal(msgspec.Struct):
    """What llama.cpp says of a request it does not serve."""

    type: str = ""
    message: str = ""
    n_prompt_tokens: int = 0
    n_ctx: int = 0


class _Chunk(msgspec.Struct):
    """One event of its stream: progress, words, usage or a refusal."""

    choices: list[_Choice] = []
    usage: _Usage | None = None
    timings: _Timings | None = None
    error: Refusal | None = None


def chat_request(turn: Turn, instruction: str, temperature: float, max_answer: int) -> dict[str, Any]:
    """The whole request; the last three are for where the client said nothing of them.

    Raises:
        BadRequest: the turn's schema is not JSON.
    """
    chosen = turn.sampling
    limit = max_answer if turn.schema is None else SCHEMA_ANSWER
    asked = {"top_p": chosen.top_p, "seed": chosen.seed, "stop": list(chosen.stop) or None}
    return {
        "messages": chat_messages(turn, instruction),
        "temperature": temperature if chosen.temperature is None else chosen.temperature,
        "presence_penalty": chosen.presence_penalty,
        "frequency_penalty": chosen.frequency_penalty,
        "max_tokens": limit if chosen.max_tokens is None else chosen.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,
        "timings_per_token": True,
        **{name: value for name, value in asked.items() if value is not None},
        **_shape(turn),
    }


def chat_messages(turn: Turn, instruction: str) -> list[dict[str, Any]]:
    """The conversation in OpenAI's form; `instruction` leads it where the client sent no system message."""
    led = not instruction or any(message.role == "system" for message in turn.messages)
    lead = [] if led else [{"role": "system", "content": instruction}]
    return lead + [said for message in turn.messages for said in _said(message)]


def read_answer(turn: Turn, events: Iterable[str]) -> Iterator[TextDelta | TurnDone | None]:
    """The events of one answer; an empty event, or one without words, is a None.

    Raises:
        PublicError: llama.cpp refused, or broke off.
    """
    reason: Reason = "stop"
    usage: _Usage | None = None
    begun, held, told, made = False, "", 0, 0
    for event in events:
        chunk = msgspec.json.decode(event, type=_Chunk) if event else _Chunk()
        if chunk.error:
            raise refused(turn, chunk.error)
        usage = chunk.usage or usage
        made = chunk.timings.predicted_n if chunk.timings else made
        held += "".join(choice.delta.content or "" for choice in chunk.choices)
        if any(choice.finish_reason == "length" for choice in chunk.choices):
            reason = "length"
        # white space goes out only between words: none leads an answer, none ends it
        text = held.rstrip() if begun else held.strip()
        if not text:
            yield None
            continue
        held = held[len(held.rstrip()) :]
        yield TextDelta(text, made - told)
        begun, told = True, made
    if usage is None:
        raise EngineFailed
    cached = usage.prompt_tokens_details.cached_tokens
    yield TurnDone(reason, Usage(text_in=usage.prompt_tokens, text_out=usage.completion_tokens, cached=cached))


def refused(turn: Turn, why: Refusal) -> PublicError:
    """What the client is told."""
    if why.type == "exceed_context_size_error":
        return too_long(why.n_prompt_tokens, why.n_ctx)
    if "context size" in why.message.lower():  # the answers in work have filled what they share
        return Overloaded()
    return _bad_schema(turn.schema.name) if turn.schema and why.type == "invalid_request_error" else EngineFailed()


def too_long(tokens: int, context: int) -> BadRequest:
    """The prompt does not fit."""
    message = (
        f"This model's maximum context length is {context} tokens. However, your messages resulted in "
        f"{tokens} tokens. Please reduce the length of the messages."
    )
    return BadRequest(message, param="messages", code="context_length_exceeded")


def _shape(turn: Turn) -> dict[str, Any]:
    if turn.schema is None:
        return {}
    try:
        shape = json.loads(turn.schema.json)
    except ValueError as error:
        raise _bad_schema(turn.schema.name) from error
    schema = {"name": turn.schema.name, "strict": turn.schema.strict, "schema": shape}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _bad_schema(name: str) -> BadRequest:
    message = f"Invalid schema for response_format '{name}': it is not JSON Schema that this model can follow."
    return BadRequest(message, param="response_format", code="invalid_json_schema")


def _said(message: Message) -> Iterator[dict[str, Any]]:
    for part in message.parts:
        if isinstance(part, ToolResult):
            yield {"role": "tool", "tool_call_id": part.call_id, "content": part.text}
    words = "\n".join(filter(None, map(_words, message.parts)))
    calls = [_call(part) for part in message.parts if isinstance(part, ToolCall)]
    if calls:
        yield {"role": "assistant", "content": words, "tool_calls": calls}
    elif words or message.role != "tool":
        yield {"role": message.role, "content": words}


def _words(part: object) -> str:
    if isinstance(part, Text):
        return part.text
    return (part.transcript or "") if isinstance(part, Speech) else ""


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
