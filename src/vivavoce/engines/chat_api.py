"""The chat API of another server: what a turn asks of it, in the dialect it speaks of sound."""

import json
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from vivavoce.core.audio import FRAME_SAMPLES
from vivavoce.core.turn import Message, Sampling, Speech, Tool, Turn, Usage
from vivavoce.core.usage import audio_tokens_in, fixed_tokens_in, texts_in
from vivavoce.engines.contents import contents
from vivavoce.engines.logprobs import candidates
from vivavoce.engines.prompts import biases, chat_messages
from vivavoce.engines.telling import tokens

Dialect: TypeAlias = Literal["openai", "vllm-omni", "sglang-omni", "dashscope"]


def spoken(turn: Turn, dialect: Dialect, *, stream: bool) -> dict[str, Any]:
    """What a request says of the answer's sound: nothing where it is to be written."""
    if turn.voice is None:
        return {"modalities": ["text"]}
    # what has no end yet has no header either, but for DashScope, which knows one word for both
    form = "pcm16" if stream and dialect != "dashscope" else "wav"
    asked: dict[str, Any] = {"modalities": ["text", "audio"], "audio": {"voice": turn.voice, "format": form}}
    return asked | ({"voice": turn.voice} if dialect == "vllm-omni" else {})


def references(turn: Turn, dialect: Dialect) -> bool:
    """Whether the turn has earlier spoken answers that the other server may still have."""
    return dialect == "openai" and any(_origin(message) for message in turn.messages)


def request(turn: Turn, model: str, dialect: Dialect, *, by_id: bool = False, stream: bool = True) -> dict[str, Any]:
    """The body, but for what it says of the answer's sound.

    `by_id`: earlier spoken answers go by their ids, else by what was said.
    """
    sampling = {name: value for name, value in _sampling(turn.sampling).items() if value is not None}
    streamed = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    messages = [said for message in turn.messages for said in _said(message, dialect, by_id=by_id)]
    return {"model": model, "messages": messages, **streamed, **sampling, **_tools(turn)}


def estimated(turn: Turn, text: str, samples: int) -> Usage:
    """What a turn cost, where the other server does not say."""
    read = fixed_tokens_in(turn) + sum(tokens(each) for each in texts_in(turn))
    return Usage(read, audio_tokens_in(turn), tokens(text), -(-samples // FRAME_SAMPLES))


def _said(message: Message, dialect: Dialect, *, by_id: bool) -> Iterator[dict[str, Any]]:
    origin = _origin(message) if by_id else None
    sounds = [part for part in message.parts if isinstance(part, Speech) and part.pcm is not None]
    if origin:
        yield {"role": "assistant", "audio": {"id": origin}}
    elif sounds and message.role == "user":
        yield {"role": "user", "content": contents(message, "data:;base64," if dialect == "dashscope" else "")}
    else:
        yield from chat_messages(Turn((message,)), "")


def _origin(message: Message) -> str | None:
    found = [part.origin for part in message.parts if isinstance(part, Speech)]
    return found[0] if message.role == "assistant" and len(found) == len(message.parts) == 1 else None


def _tools(turn: Turn) -> dict[str, Any]:
    """The tools of a request, and the shape its answer must have."""
    asked: dict[str, Any] = {}
    if turn.schema is not None:
        schema = {"name": turn.schema.name, "schema": json.loads(turn.schema.json), "strict": turn.schema.strict}
        asked["response_format"] = {"type": "json_schema", "json_schema": schema}
    if turn.tools:
        choice = turn.tool_choice
        asked["tools"] = [{"type": "function", "function": _function(tool)} for tool in turn.tools]
        named = {"type": "function", "function": {"name": choice.name}}
        asked["tool_choice"] = named if choice.name else choice.mode
        if not choice.parallel and not choice.name:
            asked["parallel_tool_calls"] = False
    return asked


def _function(tool: Tool) -> dict[str, Any]:
    body: dict[str, Any] = {"name": tool.name, "parameters": json.loads(tool.parameters)}
    if tool.description:
        body["description"] = tool.description
    return body | {"strict": True} if tool.strict else body


def _sampling(sampling: Sampling) -> dict[str, Any]:
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
        "presence_penalty": sampling.presence_penalty or None,
        "frequency_penalty": sampling.frequency_penalty or None,
        "max_tokens": sampling.max_tokens,
        "logprobs": sampling.logprobs or None,
        "top_logprobs": candidates(sampling) or None,
        "logit_bias": biases(sampling) or None,
    }
