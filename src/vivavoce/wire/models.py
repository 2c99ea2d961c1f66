"""The model list, and its errors."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from vivavoce.core.errors import Forbidden, NotFound


class ModelBody(msgspec.Struct):
    """One model."""

    id: str
    object: Literal["model"]
    created: int
    """Unix seconds."""
    owned_by: str
    shutdown_date: None = None


class ModelList(msgspec.Struct):
    """All models."""

    object: Literal["list"]
    data: list[ModelBody]


def model(name: str, created: int, owner: str) -> bytes:
    """The JSON of one model."""
    return msgspec.json.encode(ModelBody(name, "model", created, owner))


def model_list(models: Iterable[tuple[str, int, str]]) -> bytes:
    """The JSON of all models, each a name, its time in Unix seconds, and its owner."""
    return msgspec.json.encode(
        ModelList("list", [ModelBody(name, "model", created, owner) for name, created, owner in models])
    )


def unknown_model(name: str) -> NotFound:
    """The error of `GET` and `DELETE /v1/models/{name}`."""
    return NotFound(f"The model '{name[:128]}' does not exist", param="model", code="model_not_found")


def not_to_be_deleted(name: str) -> Forbidden:
    """The error of `DELETE` for a model that is there: the original deletes fine-tuned ones alone, and none is here."""
    return Forbidden(
        f"The model '{name[:128]}' is not fine-tuned, and cannot be deleted.", param="model", code="model_not_deletable"
    )


def no_access(name: str) -> NotFound:
    """The error of a request that names no model of ours."""
    return NotFound(f"The model `{name[:128]}` does not exist or you do not have access to it.", code="model_not_found")


def not_a_chat_model() -> NotFound:
    """The error of a chat request to a model that only hears or only speaks."""
    return NotFound(
        "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to use "
        "v1/audio/transcriptions or v1/audio/speech?",
        param="model",
    )
