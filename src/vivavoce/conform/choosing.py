"""Which of a server's models are asked: those that were named, or the first of its list that look like it."""

import re

from vivavoce.conform.subject import Names

NOT_CHAT = re.compile(r"whisper|transcribe|tts|realtime|speech|embed", re.IGNORECASE)
CHAT = (re.compile(r"mini-audio"), re.compile(r"audio"), re.compile(r"omni", re.IGNORECASE))
SPEECH = (re.compile(r"gpt-.*tts"), re.compile(r"tts|kokoro|speech", re.IGNORECASE))
HEARING = (re.compile(r"^gpt-.*mini-transcribe$"), re.compile(r"^gpt-.*transcribe$"), re.compile(r"whisper"))
CAPTIONS = (re.compile(r"^whisper-1$"), re.compile(r"whisper|parakeet", re.IGNORECASE), re.compile(r"transcribe"))


class NothingToAsk(Exception):
    """No model of the server's looks like one that can be asked."""


def choose(
    listed: list[str],
    *,
    chat: str | None = None,
    speech: str | None = None,
    hearing: str | None = None,
    voice: str = "alloy",
) -> Names:
    """The names to ask with; a model that is named is taken whether it is listed or not.

    Raises:
        NothingToAsk: no chat model is named, and none is listed.
    """
    chats = [name for name in listed if not NOT_CHAT.search(name)]
    found = chat or _first(chats, CHAT) or (chats[0] if chats else None)
    if found is None:
        raise NothingToAsk("it lists no model that chats; name one with --model")
    return Names(
        chat=found,
        voice=voice,
        speech=speech or _first(listed, SPEECH),
        hearing=hearing or _first(listed, HEARING),
        captions=hearing or _first(listed, CAPTIONS),
    )


def _first(listed: list[str], wanted: tuple[re.Pattern[str], ...]) -> str | None:
    return next((name for pattern in wanted for name in listed if pattern.search(name)), None)
