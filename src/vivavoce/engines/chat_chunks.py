"""The events of a streamed chat completion, as llama.cpp and other servers send them."""

from typing import Annotated, Any, Self, TypeAlias

import msgspec

from vivavoce.core.errors import EngineFailed
from vivavoce.core.turn import Reason, ToolCallDelta, Usage
from vivavoce.engines.bodies import UNREADABLE
from vivavoce.engines.logprobs import Logprobs

Index: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=128)]
"""Of a call among those of one answer; calls are kept in a list as long as the last of them says."""
MOST_TOKENS = 2**31 - 1
"""More than any context has."""
FAILED = "The model behind this server failed."
REASONS: dict[str, Reason] = {"length": "length", "content_filter": "content_filter", "tool_calls": "tool_calls"}


class Details(msgspec.Struct):
    """Tokens of a prompt or an answer, by kind; `cached_tokens` were not read again."""

    cached_tokens: int | None = None
    audio_tokens: int | None = None
    reasoning_tokens: int | None = None


class Used(msgspec.Struct):
    """What the other server counted."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: Details | None = None
    completion_tokens_details: Details | None = None

    def told(self) -> Usage:
        """As usage of ours; what cannot be a number of tokens is brought to the nearest that can."""
        read, made = self.prompt_tokens_details or Details(), self.completion_tokens_details or Details()
        audio_in, audio_out = _count(read.audio_tokens), _count(made.audio_tokens)
        text_out = _count(_count(self.completion_tokens) - audio_out)
        return Usage(
            text_in=_count(_count(self.prompt_tokens) - audio_in),
            audio_in=audio_in,
            text_out=text_out,
            audio_out=audio_out,
            cached=_count(read.cached_tokens),
            reasoning=min(_count(made.reasoning_tokens), text_out),
        )


def _count(told: int | None) -> int:
    return min(max(told or 0, 0), MOST_TOKENS)


class FunctionDelta(msgspec.Struct):
    """The next of a function call."""

    name: str | None = None
    arguments: str | None = None


class CallDelta(msgspec.Struct):
    """The next of a tool call."""

    index: Index = 0
    id: str | None = None
    function: FunctionDelta = msgspec.field(default_factory=FunctionDelta)

    def told(self) -> ToolCallDelta:
        """As an event of ours."""
        return ToolCallDelta(self.index, self.function.arguments or "", self.id, self.function.name)


class SoundDelta(msgspec.Struct):
    """The next of a spoken answer."""

    id: str | None = None
    data: str | None = None
    """Base64 of samples, or of a WAV file of them."""
    transcript: str | None = None


class Delta(msgspec.Struct):
    """What a chunk adds, or a whole answer."""

    content: str | None = None
    refusal: str | None = None
    """What it says instead of an answer."""
    reasoning_content: str | None = None
    """What the model thinks to itself, where its server tells that apart."""
    tool_calls: list[CallDelta] | None = None
    audio: SoundDelta | None = None


class Choice(msgspec.Struct):
    """One answer's part of a chunk, or all of it."""

    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class Chunk(msgspec.Struct):
    """One event of the other server's stream, or all of its answer."""

    choices: list[Choice] = msgspec.field(default_factory=list[Choice])
    usage: Used | None = None
    modality: str | None = None
    """`audio`: what stands in `content` is sound in base64, as vLLM-Omni sends it."""
    object: str | None = None
    error: Any = None
    detail: Any = None
    """An error, as FastAPI writes it."""
    message: Any = None
    """An error without an envelope, as the AI/ML API and older servers write it."""

    def checked(self) -> Self:
        """This, unless it says that something went wrong.

        Raises:
            EngineFailed: it does.
        """
        bare = not self.choices and self.message is not None
        if bare or self.object == "error" or self.error is not None or self.detail is not None:
            raise EngineFailed(FAILED)
        return self


END = Chunk()
"""Stands for `[DONE]`."""


def read_chunk(line: str) -> Chunk | None:
    """What a line of the stream says; None where it is no event.

    Raises:
        EngineFailed: it says that something went wrong.
            or is not of this API.
    """
    name, _, value = line.partition(":")
    value = value.strip()
    if name == "event" and value == "error":
        raise EngineFailed(FAILED)
    if name != "data" or not value:
        return None
    return END if value == "[DONE]" else read_answer(value)


def read_answer(text: str | bytes) -> Chunk:
    """What a whole answer says, or one event.

    Raises:
        EngineFailed: that something went wrong, or nothing of this API.
    """
    try:
        return msgspec.json.decode(text, type=Chunk).checked()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise EngineFailed(UNREADABLE) from None
