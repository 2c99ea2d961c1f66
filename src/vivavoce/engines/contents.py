"""What a message says, as the chat API writes it: words, and sound that nobody has heard yet."""

from base64 import b64encode
from typing import Any

from vivavoce.audio.wav import write_wav
from vivavoce.core.turn import Message, Part, Speech, Text


def words(part: Part) -> str:
    """What was written or said, if anything was."""
    if isinstance(part, Text):
        return part.text
    return (part.transcript or "") if isinstance(part, Speech) else ""


def unheard(message: Message) -> bool:
    """Whether it holds sound whose words nobody knows."""
    return any(isinstance(part, Speech) and part.pcm is not None and part.transcript is None for part in message.parts)


def contents(message: Message, prefix: str = "") -> list[dict[str, Any]]:
    """Its words and its sound in their order; `prefix` stands before each sound's base64."""
    return [_content(part, prefix) for part in message.parts if words(part) or isinstance(part, Text) or _sounds(part)]


def _sounds(part: Part) -> bool:
    return isinstance(part, Speech) and part.pcm is not None


def _content(part: Part, prefix: str) -> dict[str, Any]:
    if isinstance(part, Speech) and part.pcm is not None:
        data = prefix + b64encode(write_wav(part.pcm)).decode()
        return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    return {"type": "text", "text": words(part)}
