"""The protocols an engine may implement, and the small values they exchange."""

from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from vivavoce.core.audio import Pcm
from vivavoce.core.turn import (
    AudioDelta,
    Send,
    Stream,
    TextDelta,
    ToolCallDelta,
    Turn,
    TurnDone,
)


@dataclass(frozen=True, slots=True)
class Word:
    """One heard word and when it was said."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None
    """0 to 1."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """How to listen."""

    language: str | None = None
    """ISO-639-1; None: the engine decides."""
    prompt: str | None = None
    words: bool = False
    """Whether word times are wanted."""
    translate: bool = False
    """Whether the transcript is to be English whatever was said."""
    project: str = ""
    """For whom; no engine is told. What one project heard does not exist for another."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard so far (`final` false) or in one stretch of speech (`final` true)."""

    text: str
    final: bool = True
    start_s: float = 0.0
    end_s: float = 0.0
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Speaking:
    """How a whole answer is to be said."""

    voice: str
    language: str | None = None
    """ISO-639-1; None: told from the script of the words."""
    speed: float = 1.0
    style: str | None = None
    live: bool = True
    """Whether it is played while it is made, and somebody waits for the first of it."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One piece of text to be said in one go."""

    text: str
    voice: str
    language: str = "en"
    speed: float = 1.0
    style: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """What an engine says of itself once it is loaded."""

    name: str = ""
    """The model or voice set behind it, for people."""
    roles: tuple[str, ...] = ()
    """Of `hear`, `think`, `speak`, `respond`."""
    voices: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    """ISO-639-1; empty: any."""
    context: int = 128_000
    """Tokens of prompt and answer together."""
    max_output: int = 16_384
    """Most tokens of one answer."""
    parallel: int = 1
    """Calls it can serve at once."""
    listens: bool = False
    """Whether it thinks about sound itself, without a transcript."""
    note: str = ""
    """One line on what would make it better."""


class Responder(Protocol):
    """A native speech model, or a cascade of three engines."""

    async def respond(self, turn: Turn, send: Send) -> None:
        """Answer `turn`, putting events into `send`; `TurnDone` last, once.

        Cancelling the task stops all work.

        Raises:
            PublicError: anything a client may be told.
        """
        ...


class Transcriber(Protocol):
    """Hears: sound in, words out."""

    def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        """Yield what is heard, stretch by stretch."""
        ...


class LanguageModel(Protocol):
    """Thinks: a conversation in, an answer out."""

    def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        """Yield the answer as it is made; `TurnDone` last, once."""
        ...

    async def count(self, texts: Sequence[str]) -> list[int]:
        """How many of the model's own tokens each text is."""
        ...


class Synthesizer(Protocol):
    """Says one piece."""

    def synthesize(self, say: Utterance) -> Stream[Pcm]:
        """Yield the sound of one piece as it is made, at `core.audio.SPOKEN_RATE`."""
        ...


class Speaker(Protocol):
    """Speaks: text as it is thought in, sound as it is ready out."""

    def speak(self, words: AsyncIterable[str], ask: Speaking) -> Stream[AudioDelta]:
        """Yield the sound of the words as they come."""
        ...
