"""The small answers: what this is, how it is, and what there is to choose."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from vivavoce.core.models import Price


class Prices(Struct):
    """What a million tokens of each kind cost: USD, as decimals."""

    text_in: str
    text_out: str
    audio_in: str
    audio_out: str


class About(Struct):
    """What this is."""

    name: str
    version: str
    what: str
    engines: str
    """Which engines are behind it, in one line."""
    better: str | None
    """What would make it better, in one line."""
    models: str
    """Where the models are listed."""
    openapi: str
    """Where the API is described."""
    prices: dict[str, Prices]
    """By model; one that is not here costs nothing."""


class Health(Struct):
    """How it is."""

    status: Literal["ok", "ready", "starting", "ending", "read_only"]
    """`starting`: an engine is started, for the first time or again; `read_only`: requests cannot be recorded, and so
    those that cost are refused."""
    missing: list[str] | UnsetType = UNSET
    """The engines that are not there, by the names the configuration gives them, and `media`."""


class Named(Struct):
    """A voice or a model to choose."""

    id: str
    name: str


class VoiceList(Struct):
    """All voices."""

    voices: list[Named]


class SpeechModels(Struct):
    """All models that read aloud."""

    models: list[Named]


def prices(price: Price) -> Prices:
    """A price, exactly."""
    each = (price.text_in, price.text_out, price.audio_in, price.audio_out)
    return Prices(*(format(dollars.normalize(), "f") for dollars in each))
