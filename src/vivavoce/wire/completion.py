"""A whole chat completion, from events to bytes."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Struct, UnsetType

from vivavoce.core.turn import ToolCall, Usage
from vivavoce.wire.encoded import encoded
from vivavoce.wire.logprobs import Logprobs

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]


TOKEN_BYTES = 80
"""A token with its logarithm, about."""


class PromptDetails(Struct):
    """Tokens of the prompt, by kind."""

    cached_tokens: int = 0
    audio_tokens: int = 0
    text_tokens: int = 0
    image_tokens: int = 0


class CompletionDetails(Struct):
    """Tokens of the answer, by kind."""

    reasoning_tokens: int = 0
    audio_tokens: int = 0
    accepted_prediction_tokens: int = 0
    rejected_prediction_tokens: int = 0
    text_tokens: int = 0


class UsageBody(Struct):
    """Tokens of a completion; the details sum to the totals."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails


class Spent(Struct):
    """What a request cost."""

    credits_used: int
    """Two million are a dollar."""
    usd_spent: float


class Meta(Struct):
    """What the AI/ML API says of a request, where that is wanted. Source: its schema of these models."""

    usage: Spent


class AudioBody(Struct):
    """A spoken answer."""

    id: str
    data: str
    """Base64 of a file in the format asked for."""
    expires_at: int
    """Unix seconds."""
    transcript: str


class CalledFunction(Struct):
    """A function's name, and its arguments as JSON text."""

    name: str
    arguments: str


class CallBody(Struct):
    """A tool call."""

    id: str
    type: Literal["function"]
    function: CalledFunction


class AnswerMessage(Struct):
    """The answer: `content` where it is written, `audio` where it is spoken, calls where it calls."""

    role: Literal["assistant"]
    content: str | None
    tool_calls: list[CallBody] | UnsetType = UNSET
    function_call: CalledFunction | UnsetType = UNSET
    refusal: str | None = None
    audio: AudioBody | UnsetType = UNSET
    annotations: list[Any] = msgspec.field(default_factory=list[Any])


class Choice(Struct):
    """One answer, and why it ended."""

    index: int
    message: AnswerMessage
    logprobs: Logprobs | None
    finish_reason: FinishReason


class Completion(Struct):
    """The body of a chat completion."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: UsageBody
    service_tier: Literal["default"]
    system_fingerprint: str
    metadata: dict[str, str] | UnsetType = UNSET
    meta: Meta | UnsetType = UNSET


class Head(Struct):
    """What every chunk and every completion of one request begins with."""

    id: str
    created: int
    """Unix seconds."""
    model: str
    """The snapshot's name, not the alias that was asked for."""
    fingerprint: str


def usage_body(usage: Usage) -> UsageBody:
    """Usage as clients read it."""
    prompt, answer = usage.text_in + usage.audio_in, usage.text_out + usage.audio_out
    return UsageBody(
        prompt,
        answer,
        prompt + answer,
        PromptDetails(min(usage.cached, usage.text_in), usage.audio_in, usage.text_in),
        CompletionDetails(
            reasoning_tokens=usage.reasoning,
            audio_tokens=usage.audio_out,
            text_tokens=usage.text_out - usage.reasoning,
        ),
    )


def audio_body(audio_id: str, sound: bytes, expires_at: int, transcript: str) -> AudioBody:
    """A spoken answer as clients read it."""
    return AudioBody(audio_id, encoded(sound), expires_at, transcript)


def choice(
    index: int,
    text: str,
    reason: FinishReason,
    *,
    audio: AudioBody | None = None,
    calls: Sequence[ToolCall] = (),
    legacy: bool = False,
) -> Choice:
    """One whole answer: written, or with `audio` spoken, or with `calls` calling; `legacy`: in the older form."""
    content = None if audio or (calls and not text) else text
    message = AnswerMessage("assistant", content, audio=audio or UNSET)
    if calls and legacy:
        message.function_call = CalledFunction(calls[0].name, calls[0].arguments)
    elif calls:
        message.tool_calls = [
            CallBody(call.id, "function", CalledFunction(call.name, call.arguments)) for call in calls
        ]
    return Choice(index, message, None, reason)


def size(choice: Choice) -> int:
    """About how many bytes an answer's sound and tokens are."""
    sound = len(choice.message.audio.data) if choice.message.audio else 0
    tokens = choice.logprobs.content if choice.logprobs else []
    return sound + TOKEN_BYTES * sum(1 + len(token.top_logprobs) for token in tokens)


def encode(
    head: Head,
    choices: list[Choice],
    usage: Usage,
    metadata: dict[str, str] | None = None,
    meta: Meta | UnsetType = UNSET,
) -> bytes:
    """The bytes of a whole completion; of one that is stored with its `metadata`."""
    body = Completion(
        head.id,
        "chat.completion",
        head.created,
        head.model,
        choices,
        usage_body(usage),
        "default",
        head.fingerprint,
        UNSET if metadata is None else metadata,
        meta,
    )
    return msgspec.json.encode(body)
