"""The chat API of another server: what a turn asks of it, in the dialect it speaks of sound."""

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from vivavoce.core.turn import Message, Sampling, Speech, Turn
from vivavoce.engines.contents import said, sounds
from vivavoce.engines.logprobs import biases, candidates
from vivavoce.engines.shapes import answer_format, tools_of

PATH = "/chat/completions"
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


def request(turn: Turn, dialect: Dialect, *, by_id: bool = False, stream: bool = True) -> dict[str, Any]:
    """The body, but for the model and what it says of the answer's sound.

    `by_id`: earlier spoken answers go by their ids, else by what was said.

    Raises:
        BadRequest: a schema in it is none.
    """
    sampling = {name: value for name, value in _sampling(turn.sampling).items() if value is not None}
    streamed = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    messages = [each for message in turn.messages for each in _said(message, dialect, by_id=by_id)]
    return {"messages": messages, **streamed, **sampling, **answer_format(turn), **_tools(turn)}


def _said(message: Message, dialect: Dialect, *, by_id: bool) -> Iterator[dict[str, Any]]:
    if by_id and (origin := _origin(message)):
        yield {"role": "assistant", "audio": {"id": origin}}
    else:
        yield from said(message, aloud=sounds(message), prefix="data:;base64," if dialect == "dashscope" else "")


def _origin(message: Message) -> str | None:
    found = [part.origin for part in message.parts if isinstance(part, Speech)]
    return found[0] if message.role == "assistant" and len(found) == len(message.parts) == 1 else None


def _tools(turn: Turn) -> dict[str, Any]:
    if not turn.tools:
        return {}
    choice = turn.tool_choice
    named = {"type": "function", "function": {"name": choice.name}}
    asked = {"tools": tools_of(turn), "tool_choice": named if choice.name else choice.mode}
    return asked if choice.parallel or choice.name else asked | {"parallel_tool_calls": False}


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
