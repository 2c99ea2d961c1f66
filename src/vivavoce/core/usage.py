"""Tokens of a prompt, counted as the original counts them.

Rates: sound heard is 10 tokens a second (rounded down). An earlier spoken answer counts what saying it cost: 20 a
second, and its words. Text is the model's own tokenizer, with 3 tokens a prompt, 4 a message and 4 a sound part heard.
Source: recorded traffic, as summed up in the wire reference, section 2.2; its streamed second turn is
3 + 3 messages x 4 + 2 sounds x 4 + 7 written + 32 said before = 62 text tokens.
"""

from collections.abc import Iterator

from vivavoce.core.tokens import text_tokens
from vivavoce.core.turn import Message, Part, Speech, Text, ToolCall, ToolResult, Turn, Usage

PROMPT_TOKENS = 3
MESSAGE_TOKENS = 4
SOUND_PART_TOKENS = 4
HEARD_TOKENS_A_SECOND = 10
SAID_TOKENS_A_SECOND = 20
ROUNDING_SLACK = 1e-6


def audio_tokens_in(turn: Turn) -> int:
    """Audio tokens of the prompt."""
    return sum(
        int(part.seconds * _rate(message) + ROUNDING_SLACK)
        for message in turn.messages
        for part in message.parts
        if isinstance(part, Speech)
    )


def fixed_tokens_in(turn: Turn) -> int:
    """Text tokens of the prompt that are there whatever the words are."""
    heard = sum(isinstance(part, Speech) for message in turn.messages if not _said(message) for part in message.parts)
    return PROMPT_TOKENS + MESSAGE_TOKENS * len(turn.messages) + SOUND_PART_TOKENS * heard


def texts_in(turn: Turn) -> list[str]:
    """What the tokenizer is to count of the prompt."""
    tools = [text for tool in turn.tools for text in (tool.name, tool.description, tool.parameters)]
    return tools + [text for message in turn.messages for part in message.parts for text in _texts(message, part)]


def estimated(turn: Turn) -> Usage:
    """About what a prompt costs, where its model does not say: its own tokenizer is not asked."""
    read = fixed_tokens_in(turn) + sum(text_tokens(text) for text in texts_in(turn))
    return Usage(text_in=read, audio_in=audio_tokens_in(turn))


def most_in(turn: Turn) -> Usage:
    """More than a prompt can cost: no token of text is less than a byte, and a tokenizer may begin with one more."""
    texts = texts_in(turn)
    return Usage(sum(len(text.encode()) for text in texts) + len(texts) + fixed_tokens_in(turn), audio_tokens_in(turn))


def _said(message: Message) -> bool:
    return message.role == "assistant"


def _rate(message: Message) -> int:
    return SAID_TOKENS_A_SECOND if _said(message) else HEARD_TOKENS_A_SECOND


def _texts(message: Message, part: Part) -> Iterator[str]:
    if isinstance(part, ToolCall):
        yield part.name
        yield part.arguments
    elif isinstance(part, Text | ToolResult):
        yield part.text
    elif _said(message) and part.transcript:
        yield part.transcript
