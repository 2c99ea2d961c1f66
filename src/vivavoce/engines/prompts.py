"""A turn as the chat request llama.cpp reads, and what a client is told of one it refuses."""

from typing import Any

import msgspec

from vivavoce.core.context import too_long
from vivavoce.core.errors import EngineFailed, Overloaded, PublicError
from vivavoce.core.turn import Turn
from vivavoce.engines.contents import said, unheard
from vivavoce.engines.logprobs import biases, candidates
from vivavoce.engines.schemas import parsed
from vivavoce.engines.shapes import answer_format, bad_schema, tools_of

INSTRUCTION = """You are a helpful voice assistant. Give short, direct answers.

User: What is the capital of Spain?
Assistant: The capital of Spain is Madrid.
User: How do you spell fish?
Assistant: F, I, S, H.
User: My name is Sam. What is my name?
Assistant: Your name is Sam."""
"""A small model is shown what a short spoken answer is: see `bench/questions.py`. Others are told the first line."""
SMALL = 1_000_000_000
"""Parameters; a model with fewer is shown rather than told, and rambles where nothing ends its answer."""
SHORT = 96
"""Tokens after which its answer ends with its sentence."""
SCHEMA_ANSWER = 1024
"""Most tokens of an answer in JSON, where the client set no limit: half a document is of no use to anyone."""
THOUGHTLESS = {"chat_template_kwargs": {"enable_thinking": False}}
"""Has the model not think to itself, where its template knows this word. Source: Qwen 3's template."""


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


def usual(*, small: bool) -> tuple[str, int]:
    """What a model is told, and after how many tokens its answer ends with its sentence (0: when it likes), where
    nothing else is configured.
    """
    return (INSTRUCTION, SHORT) if small else (INSTRUCTION.partition("\n")[0], 0)


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
        **answer_format(turn),
    }


def ending(turn: Turn, request: dict[str, Any]) -> dict[str, Any]:
    """The request, for a small model: where any JSON object is asked for, one of a few fields."""
    if turn.schema is None or parsed(turn.schema.json) not in ({}, {"type": "object"}):
        return request
    return {name: value for name, value in request.items() if name != "response_format"} | {"grammar": SMALL_OBJECT}


def with_tools(turn: Turn) -> dict[str, Any]:
    """What is added to the request for a model whose template knows tools; it calls them in its own format.

    Raises:
        BadRequest: the parameters of a tool are not JSON.
    """
    tools = tools_of(turn)
    return {"tools": tools, "tool_choice": "auto", "parallel_tool_calls": turn.tool_choice.parallel} if tools else {}


def chat_messages(turn: Turn, instruction: str) -> list[dict[str, Any]]:
    """The conversation in OpenAI's form; `instruction` leads it where the client sent no system message."""
    led = not instruction or any(message.role == "system" for message in turn.messages)
    lead = [] if led else [{"role": "system", "content": instruction}]
    return lead + [each for message in turn.messages for each in said(message, aloud=unheard(message))]


def refused(turn: Turn, why: Refusal) -> PublicError:
    """What the client is told."""
    if why.type == "exceed_context_size_error":
        return too_long(why.n_ctx, why.n_prompt_tokens)
    if "context size" in why.message.lower():  # the answers in work have filled what they share
        return Overloaded()
    return bad_schema(turn.schema.name) if turn.schema and why.type == "invalid_request_error" else EngineFailed()
