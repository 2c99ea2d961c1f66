"""A model as the server offers it: a name, who answers for it, and what it can do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from vivavoce.core.engines import Responder, Speaker, Transcriber
from vivavoce.core.load import Load
from vivavoce.core.needs import Need, Part


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model can do."""

    hears: bool
    speaks: bool
    voices: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    """ISO-639-1; empty: any."""
    context: int = 128_000
    """Tokens."""
    max_output: int = 16_384
    """Tokens."""
    owner: str = "vivavoce"


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens of each kind cost, in USD."""

    text_in: Decimal
    text_out: Decimal
    audio_in: Decimal
    audio_out: Decimal


@dataclass(frozen=True, slots=True)
class Model:
    """One name clients may put in `model`."""

    name: str
    snapshot: str
    """The name an answer gives: the dated one, where there is one."""
    responder: Responder | None
    """None: it cannot be asked to answer."""
    card: ModelCard
    created: int = 0
    """Unix seconds."""
    transcriber: Transcriber | None = None
    """What hears for it alone, outside a turn; None: it cannot be asked to transcribe."""
    speaker: Speaker | None = None
    """What speaks for it alone, outside a turn; None: it cannot be asked to read aloud."""
    price: Price | None = None
    """None: it costs nothing, or nobody knows what."""
    loads: Mapping[Part, Sequence[Load]] = field(default_factory=dict[Part, Sequence[Load]])
    """How busy the engines of each part are; a part is not there where they are not on this machine."""
    recalls: bool = True
    """Whether the words of a recording are kept for the turns after it."""
    limited_as: str = ""
    """The name its requests are counted by, the same for all its aliases; empty: its own."""

    def answering(self, *, hears: bool, speaks: bool) -> list[Need]:
        """What one of its answers needs."""
        if "respond" in self.loads:
            return self.needs("respond")
        hear = self.needs("hear") if hears else []
        speak = self.needs("speak") if speaks else []
        return [*hear, *self.needs("think"), *speak]

    def needs(self, *parts: Part) -> list[Need]:
        """What these parts of a turn need."""
        return [Need(part, self.loads[part]) for part in parts if part in self.loads]
