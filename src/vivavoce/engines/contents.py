"""Messages as the chat API writes them: words, sound, calls of tools and their results."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from vivavoce.audio.wav import write_wav
from vivavoce.core.turn import Message, Part, Speech, Text, ToolCall, ToolResult


def words(part: Part) -> str:
    """What was written or said, if anything was."""
    if isinstance(part, Text):
        return part.text
    return (part.transcript or "") if isinstance(part, Speech) else ""


def said(message: Message, *, aloud: bool, prefix: str = "") -> Iterator[dict[str, Any]]:
    """One message, which may be several there: each result of a tool is one of its own.

    `aloud`: what a user said goes as sound, each `prefix` and base64; else all goes as words.
    """
    for part in message.parts:
        if isinstance(part, ToolResult):
            yield {"role": "tool", "tool_call_id": part.call_id, "content": part.text}
    text = "\n".join(filter(None, map(words, message.parts)))
    calls = [_call(part) for part in message.parts if isinstance(part, ToolCall)]
    if calls:
        yield {"role": "assistant", "content": text, "tool_calls": calls}
    elif message.role == "user" and aloud:
        yield {"role": "user", "content": contents(message, prefix)}
    elif text or message.role != "tool":
        yield {"role": message.role, "content": text}


def sounds(message: Message) -> bool:
    """Whether it holds sound."""
    return any(map(_sounds, message.parts))


def unheard(message: Message) -> bool:
    """Whether it holds sound whose words nobody knows."""
    return any(isinstance(part, Speech) and part.pcm is not None and part.transcript is None for part in message.parts)


def contents(message: Message, prefix: str = "") -> list[dict[str, Any]]:
    """Its words and its sound in their order; `prefix` stands before each sound's base64."""
    return [_content(part, prefix) for part in message.parts if words(part) or isinstance(part, Text) or _sounds(part)]


def _sounds(part: Part) -> bool:
    return isinstance(part, Speech) and part.pcm is not None


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _content(part: Part, prefix: str) -> dict[str, Any]:
    if isinstance(part, Speech) and part.pcm is not None:
        data = prefix + b64encode(write_wav(part.pcm)).decode()
        return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    return {"type": "text", "text": words(part)}
