"""The messages of stored completions: their words, and no sound. Source: as of `wire.stored`."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from vivavoce.core.turn import Message, Speech, Text, ToolCall, ToolResult, Turn
from vivavoce.wire.completion import CallBody, CalledFunction
from vivavoce.wire.listing import Page
from vivavoce.wire.request import (
    AssistantMessage,
    CallMessagePart,
    ChatRequest,
    FunctionCall,
    RequestMessage,
    ToolMessage,
)

Heard: TypeAlias = Mapping[int, Mapping[int, str]]
"""What was heard in recordings, by message and by part of it."""


class StoredPart(Struct):
    """A part of a message: its text; the other kinds the original names are null."""

    type: Literal["text"]
    text: str
    image_url: None = None
    input_audio: None = None
    file: None = None


class StoredMessage(Struct):
    """A message that was answered. A recording stands there as the words that were heard in it."""

    id: str
    role: str
    content: str | None
    content_parts: list[StoredPart] | None
    name: str | None
    refusal: str | None = None
    tool_calls: list[CallBody] | UnsetType = UNSET
    function_call: CalledFunction | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET


class MessagePage(Page):
    """Part of the messages of a stored completion."""

    data: list[StoredMessage]


def messages(completion_id: str, request: ChatRequest, turn: Turn, heard: Heard) -> bytes:
    """What is written down of the messages of a request.

    Args:
        completion_id: of the completion that answers them.
        request: the messages as they were sent.
        turn: the same messages as the model was given them.
        heard: what was heard in their recordings.
    """
    pairs = enumerate(zip(request.messages, turn.messages, strict=True))
    found = [_message(f"{completion_id}-{m}", asked, given, heard.get(m, {})) for m, (asked, given) in pairs]
    return msgspec.json.encode(found)


def listed(completion_id: str, written: bytes) -> list[tuple[str, bytes]]:
    """The messages that were `written` down, by their ids."""
    found = msgspec.json.decode(written, type=list[Raw])
    return [(f"{completion_id}-{m}", bytes(message)) for m, message in enumerate(found)]


def _message(message_id: str, asked: RequestMessage, given: Message, heard: Mapping[int, str]) -> StoredMessage:
    texts = [_words(part, heard.get(p)) for p, part in enumerate(given.parts) if not isinstance(part, ToolCall)]
    stored = StoredMessage(
        message_id,
        str(asked.__struct_config__.tag),
        " ".join(texts) if texts else None,
        [StoredPart("text", text) for text in texts] if isinstance(asked.content, list) else None,
        None if isinstance(asked, ToolMessage) else asked.name,
    )
    if isinstance(asked, ToolMessage):
        stored.tool_call_id = asked.tool_call_id
    elif isinstance(asked, AssistantMessage):
        stored.refusal = asked.refusal
        stored.tool_calls = [_call(call) for call in asked.tool_calls or ()] or UNSET
        stored.function_call = _function(asked.function_call) if asked.function_call else UNSET
    return stored


def _call(call: CallMessagePart) -> CallBody:
    return CallBody(call.id, "function", _function(call.function))


def _function(function: FunctionCall) -> CalledFunction:
    return CalledFunction(function.name, function.arguments)


def _words(part: Text | Speech | ToolResult, heard: str | None) -> str:
    if isinstance(part, Speech):
        return heard or part.transcript or ""
    return part.text
