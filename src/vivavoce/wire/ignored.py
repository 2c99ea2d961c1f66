"""Fields that are read and checked, and change nothing: what they ask for is not done here."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Amount: TypeAlias = Literal["low", "medium", "high"]
ServiceTier: TypeAlias = Literal["auto", "default", "flex", "scale", "priority", "fast"]

IGNORED: dict[str, tuple[str, ...]] = {
    "ChatRequest": (
        "prediction", "web_search_options",
        "reasoning_effort", "verbosity", "service_tier", "moderation", "user", "safety_identifier",
        "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options",
    ),
    "AssistantMessage": ("refusal",),
    "StreamOptions": ("include_obfuscation",),
    "JsonSchemaBody": ("description",),
    "FormUpload": ("temperature", "chunking_strategy"),
    "JsonUpload": ("temperature", "chunking_strategy"),
}  # fmt: skip
"""All such fields of requests, by their struct, as `docs/compatibility.md` has them."""


class PredictedText(Struct, tag_field="type", tag="text"):
    """Part of an answer that is expected."""

    text: str


class Prediction(Struct, tag_field="type", tag="content"):
    """The answer that is expected."""

    content: str | Annotated[list[PredictedText], Meta(min_length=1)]


class Place(Struct):
    """Where somebody is, about."""

    country: str | None = None
    region: str | None = None
    city: str | None = None
    timezone: str | None = None


class UserLocation(Struct, tag_field="type", tag="approximate"):
    """Where the user is, about."""

    approximate: Place


class WebSearch(Struct):
    """How to search the web."""

    search_context_size: Amount | None = None
    user_location: UserLocation | None = None


class ModerationConfig(Struct):
    """What to do with what is moderated."""

    mode: Literal["score", "block"]


class ModerationPolicy(Struct):
    """What to do with requests, and with answers."""

    input: ModerationConfig | None = None
    output: ModerationConfig | None = None


class Moderation(Struct):
    """Which model moderates, and how."""

    model: str
    policy: ModerationPolicy | None = None


class PromptCacheOptions(Struct):
    """How long a prompt is remembered."""

    mode: Literal["implicit", "explicit"] | None = None
    ttl: Literal["30m"] | None = None
