"""Stored completions: what is written down of a chat, and given back.

Source: OpenAI's schema (`/chat/completions` and what is below it), and recordings of the original: its keys, their
order, and which are null.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, cast

import msgspec
from msgspec import UNSET, Struct, UnsetType

from vivavoce.core.errors import BadRequest, NotFound
from vivavoce.core.turn import Usage
from vivavoce.wire import bodies
from vivavoce.wire.completion import (
    AudioBody,
    CallBody,
    CalledFunction,
    Choice,
    FinishReason,
    Head,
    UsageBody,
    usage_body,
)
from vivavoce.wire.encoded import encoded
from vivavoce.wire.invalid import not_json
from vivavoce.wire.listing import Page
from vivavoce.wire.request import ChatRequest, Metadata

SHOWN_CHARACTERS = 128
DEPTH = 200


class Sent(Struct):
    """What of a request is given back as it was sent."""

    tools: Any = None
    tool_choice: Any = None
    response_format: Any = None


class StoredAnswer(Struct):
    """An answer; what it has none of is null."""

    content: str | None
    role: Literal["assistant"]
    tool_calls: list[CallBody] | None
    function_call: CalledFunction | None
    refusal: str | None = None
    audio: AudioBody | UnsetType = UNSET


class StoredChoice(Struct):
    """One answer, and why it ended."""

    index: int
    message: StoredAnswer
    finish_reason: FinishReason
    logprobs: Any


class StoredCompletion(Struct):
    """A stored completion: the answers, and how they were asked for."""

    object: Literal["chat.completion"]
    id: str
    model: str
    created: int
    request_id: str
    tool_choice: Any
    usage: UsageBody
    seed: int | None
    top_p: float
    temperature: float
    presence_penalty: float
    frequency_penalty: float
    system_fingerprint: str
    input_user: str | None
    service_tier: Literal["default"]
    tools: Any
    metadata: dict[str, str]
    choices: list[StoredChoice]
    response_format: Any


class CompletionPage(Page):
    """Part of the stored completions."""

    data: list[StoredCompletion]


class Deleted(Struct):
    """What is said of a completion that is no more."""

    object: Literal["chat.completion.deleted"]
    id: str
    deleted: bool


class Update(Struct):
    """The body of `POST /v1/chat/completions/{id}`."""

    metadata: Metadata | None


UPDATE = msgspec.json.Decoder(Update)


def sent(body: bytes) -> Sent:
    """What of a request's body is given back as it was sent. The body must have been taken as a request.

    Raises:
        BadRequest: it is not JSON in a place that the request was not read at, or too deep to be sure that it can be
            written whoever asks for it.
    """
    try:
        found = msgspec.json.decode(body, type=Sent)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise not_json() from None
    for name in found.__struct_fields__:
        if _is_deep(getattr(found, name)):
            raise BadRequest(f"Invalid '{name}': nested too deeply.", param=name, code="invalid_value")
    return found


def completion(
    request: ChatRequest, asked: Sent, head: Head, request_id: str, choices: Sequence[Choice], usage: Usage
) -> bytes:
    """What is written down of a completion. Its metadata are kept beside it, for they may change."""
    return msgspec.json.encode(
        StoredCompletion(
            object="chat.completion",
            id=head.id,
            model=head.model,
            created=head.created,
            request_id=request_id,
            tool_choice=asked.tool_choice,
            usage=usage_body(usage),
            seed=request.seed,
            top_p=1.0 if request.top_p is None else request.top_p,
            temperature=1.0 if request.temperature is None else request.temperature,
            presence_penalty=request.presence_penalty or 0.0,
            frequency_penalty=request.frequency_penalty or 0.0,
            system_fingerprint=head.fingerprint,
            input_user=request.user,
            service_tier="default",
            tools=asked.tools,
            metadata={},
            choices=[_choice(each) for each in choices],
            response_format=asked.response_format,
        )
    )


def read(body: bytes, metadata: dict[str, str]) -> StoredCompletion:
    """A completion that was written down, with the metadata it has now."""
    found = msgspec.json.decode(body, type=StoredCompletion)
    found.metadata = metadata
    return found


def spoken(found: StoredCompletion) -> Iterator[AudioBody]:
    """The spoken answers of a stored completion. Their sound is kept elsewhere: `data` is empty."""
    return (choice.message.audio for choice in found.choices if choice.message.audio)


def encode(found: StoredCompletion) -> bytes:
    """The bytes of a stored completion."""
    return msgspec.json.encode(found)


def sound(audio: AudioBody, data: bytes) -> None:
    """Give a spoken answer its sound, as the bytes of a file."""
    audio.data = encoded(data)


def deleted(completion_id: str) -> bytes:
    """The bytes said of a completion that was deleted."""
    return msgspec.json.encode(Deleted("chat.completion.deleted", completion_id, deleted=True))


def metadata(body: bytes) -> dict[str, str]:
    """The metadata that a completion is to have from now on.

    Raises:
        BadRequest: the body is no such thing.
    """
    return bodies.read(UPDATE, body, {}).metadata or {}


def not_found(completion_id: str) -> NotFound:
    """The error for a completion that is not there."""
    words = f"Completion {completion_id[:SHOWN_CHARACTERS]} not found"
    return NotFound(words, param="completion_id", code="not_found")


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(DEPTH):
        level = [inner for each in level for inner in _inner(each)]
    return bool(level)


def _inner(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()


def _choice(choice: Choice) -> StoredChoice:
    message = choice.message
    answer = StoredAnswer(
        message.content,
        message.role,
        message.tool_calls or None,
        message.function_call or None,
        message.refusal,
        message.audio,
    )
    return StoredChoice(choice.index, answer, choice.finish_reason, choice.logprobs)
