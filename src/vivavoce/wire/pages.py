"""The small answers: what this is, how it is, and what there is to choose."""

from typing import Literal

from msgspec import Struct


class About(Struct):
    """What this is."""

    name: str
    version: str
    what: str
    engines: str
    """Which engines are behind it, in one line."""
    models: str
    """Where the models are listed."""
    openapi: str
    """Where the API is described."""


class Health(Struct):
    """How it is."""

    status: Literal["ok", "ready", "starting"]


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
