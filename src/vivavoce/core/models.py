"""A model as the server offers it: a name, who answers for it, and what it can do."""

from dataclasses import dataclass
from decimal import Decimal

from vivavoce.core.engines import Responder, Speaker, Transcriber


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
