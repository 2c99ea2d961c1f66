"""What is asked of a model in one turn, and what comes back. Knows no wire format and no engine."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from vivavoce.core.audio import Pcm

T = TypeVar("T")

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
Reason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True)
class Text:
    """Words that were written."""

    text: str


@dataclass(frozen=True, slots=True)
class Speech:
    """Words that were spoken: a sound, its transcript, or both. At least one is there."""

    pcm: Pcm | None = None
    transcript: str | None = None
    seconds: float = 0.0
    """How long the sound lasts; known even where the sound itself is not kept."""
    origin: str | None = None
    """The upstream's own id of this speech, if an upstream made it."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function the model asked for."""

    id: str
    name: str
    arguments: str
    """JSON text as the model wrote it."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the function answered."""

    call_id: str
    text: str


Part: TypeAlias = Text | Speech | ToolCall | ToolResult


def _size(part: Part) -> int:
    if isinstance(part, Speech):
        return (len(part.pcm.data) if part.pcm else 0) + len(part.transcript or "")
    return len(part.arguments) if isinstance(part, ToolCall) else len(part.text)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the conversation."""

    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call."""

    name: str
    description: str = ""
    parameters: str = "{}"
    """JSON Schema, as JSON text."""
    strict: bool = False


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Whether and which tools the model may call."""

    mode: Literal["auto", "none", "required"] = "auto"
    name: str | None = None
    """With `required`: the one function that must be called."""
    parallel: bool = True


@dataclass(frozen=True, slots=True)
class Schema:
    """The answer must be JSON of this shape."""

    name: str
    json: str
    """JSON Schema, as JSON text."""
    strict: bool = False


ANY_OBJECT = Schema("object", '{"type":"object"}')
"""The answer must be a JSON object, whatever is in it."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the language model picks its words. None: the model's own default."""

    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    max_tokens: int | None = None
    """Budget of the whole answer: text tokens plus audio tokens (20 a second)."""
    logprobs: bool = False
    top_logprobs: int = 0
    logit_bias: tuple[tuple[int, int], ...] = ()
    """Tokens by their ids in the model's own vocabulary, each with what is added to its logit: -100 to 100."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Everything a responder needs to answer once."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    voice: str | None = None
    """None: a text answer."""
    live: bool = True
    """Whether the answer goes out while it is made, and somebody waits for the first of it."""
    schema: Schema | None = None
    sampling: Sampling = Sampling()
    room: int = 0
    """Tokens of context to be left for an answer without `max_tokens`; with less, the turn is refused as too long."""
    project: str = ""
    """Whose it is; no engine is told."""

    @property
    def size(self) -> int:
        """About how many bytes of words and sound it holds."""
        return sum(_size(part) for message in self.messages for part in message.parts)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one turn, by kind. Audio: 10 a second heard, 20 a second said."""

    text_in: int = 0
    audio_in: int = 0
    text_out: int = 0
    audio_out: int = 0
    cached: int = 0
    """Of `text_in`: not read again."""
    reasoning: int = 0
    """Of `text_out`: thought, and not said; 0 where nobody counts them apart."""


@dataclass(frozen=True, slots=True)
class InputTranscript:
    """What was heard in one speech part of the turn."""

    message: int
    """Index into `Turn.messages`."""
    part: int
    """Index into that message's parts."""
    text: str


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token of the answer, or one that might have stood in its place."""

    token: str
    logprob: float
    """The natural logarithm of its probability."""
    data: bytes
    """Its UTF-8; part of a character where a character is several tokens."""
    top: tuple["TokenLogprob", ...] = ()
    """The likeliest at this place, if asked for."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next characters of the answer."""

    text: str
    tokens: int = 1
    """How many of the model's own tokens they are."""
    logprobs: tuple[TokenLogprob, ...] = ()
    """The tokens that begin in them, where `Sampling.logprobs` asks for them and the engine tells them."""


@dataclass(frozen=True, slots=True)
class AudioDelta:
    """The next sound of the answer."""

    pcm: Pcm
    text_end: int
    """How many characters of the answer have been said when this ends."""


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """The next characters of a function call's arguments; the first delta of a call has its id and name."""

    index: int
    arguments: str = ""
    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class TurnDone:
    """The end of an answer: last, once."""

    reason: Reason = "stop"
    usage: Usage = Usage()
    origin: str | None = None
    """The upstream's own id of the spoken answer, if there is one."""


TurnEvent: TypeAlias = InputTranscript | TextDelta | AudioDelta | ToolCallDelta | TurnDone

Stream: TypeAlias = AsyncGenerator[T, None]
"""What a leaf engine gives: items as they are made. Closing it stops the work."""

Send: TypeAlias = Callable[[TurnEvent], Awaitable[None]]
"""Where a responder puts its events. May be awaited from several tasks; the receiver serialises."""
