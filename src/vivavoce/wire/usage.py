"""Usage and costs, summed up by stretches of time: what is asked, and what is answered. Source: OpenAI's usage API."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from vivavoce.core.errors import BadRequest

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
WIDTHS = {"1m": (MINUTE_S, 60, 1440), "1h": (HOUR_S, 24, 168), "1d": (DAY_S, 7, 31)}
"""How long a bucket of each width is, how many are told where nobody says, and the most."""
COST_DAYS = 180
"""The most buckets of costs."""
PLACE = re.compile(r"start:(\d{1,12})")
Seconds: TypeAlias = Annotated[int, Meta(ge=0, le=10**12)]
"""Unix time."""


class Which(Struct):
    """Which usage. Times are Unix seconds."""

    start_time: Seconds
    end_time: Seconds | None = None
    """Exclusive; None: now."""
    bucket_width: Literal["1m", "1h", "1d"] = "1d"
    project_ids: list[str] | None = None
    user_ids: list[str] | None = None
    """There are no users here: with any of them nothing is found."""
    api_key_ids: list[str] | None = None
    models: list[str] | None = None
    """Dated names."""
    limit: Annotated[int, Meta(ge=1)] | None = None
    """Buckets in one answer."""
    page: str | None = None
    """`next_page` of the answer before."""


class UsageQuery(Which):
    """Which usage of sound, by what."""

    group_by: list[Literal["project_id", "user_id", "api_key_id", "model"]] | None = None


class CompletionsUsageQuery(Which):
    """Which usage of chats, by what."""

    group_by: (
        list[Literal["project_id", "user_id", "api_key_id", "model", "batch", "service_tier", "api_source"]] | None
    ) = None
    batch: bool | None = None
    """Whether only requests in batches are wanted, or only others."""


class CostsQuery(Struct):
    """Which costs, by what."""

    start_time: Seconds
    end_time: Seconds | None = None
    bucket_width: Literal["1d"] = "1d"
    project_ids: list[str] | None = None
    api_key_ids: list[str] | None = None
    line_items: list[str] | None = None
    group_by: list[Literal["project_id", "user_id", "line_item", "api_key_id", "api_source"]] | None = None
    limit: Annotated[int, Meta(ge=1)] | None = None
    page: str | None = None


class Grouped(Struct, kw_only=True):
    """What the requests of one result have in common, where they were grouped by it."""

    project_id: str | None = None
    user_id: str | None = None
    api_key_id: str | None = None


class CompletionsUsage(Grouped, tag_field="object", tag="organization.usage.completions.result", kw_only=True):
    """Tokens of chats."""

    input_tokens: int
    output_tokens: int
    input_cached_tokens: int
    input_uncached_tokens: int
    input_text_tokens: int
    """Without those that were cached."""
    input_cached_text_tokens: int
    input_audio_tokens: int
    output_text_tokens: int
    output_audio_tokens: int
    num_model_requests: int
    model: str | None = None
    batch: bool | None = None
    service_tier: str | None = None
    api_source: str | None = None


class SpeechesUsage(Grouped, tag_field="object", tag="organization.usage.audio_speeches.result", kw_only=True):
    """Characters read aloud."""

    characters: int
    num_model_requests: int
    model: str | None = None


class TranscriptionsUsage(
    Grouped, tag_field="object", tag="organization.usage.audio_transcriptions.result", kw_only=True
):
    """Seconds written down, translated ones too."""

    seconds: int
    num_model_requests: int
    model: str | None = None


class Amount(Struct):
    """Money."""

    value: float
    currency: Literal["usd"] = "usd"


class Costs(Grouped, tag_field="object", tag="organization.costs.result", kw_only=True):
    """What was to be paid."""

    amount: Amount
    line_item: str | None = None
    """A model's dated name, and `input_tokens` or `output_tokens`."""
    quantity: float | None = None
    quantity_unit: Literal["tokens"] | None = None
    api_source: str | None = None


Result: TypeAlias = CompletionsUsage | SpeechesUsage | TranscriptionsUsage | Costs


class Bucket(Struct, tag_field="object", tag="bucket"):
    """A stretch of time, and what was used in it; nothing where nothing was."""

    start_time: int
    end_time: int
    results: list[Result]


class UsagePage(Struct, tag_field="object", tag="page"):
    """Stretches of time, from the oldest on."""

    data: list[Bucket]
    has_more: bool
    next_page: str | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """The time that one answer tells of, in buckets."""

    since: int
    """Unix seconds, inclusive."""
    until: int
    """Exclusive."""
    width_s: int
    more: bool
    """Whether more was asked for."""

    @property
    def starts(self) -> range:
        """When each bucket begins."""
        return range(self.since - self.since % self.width_s, self.until, self.width_s)


def stretch(query: Which | CostsQuery, now: int) -> Stretch:
    """The time to tell of.

    Raises:
        BadRequest: the page is none of ours, too many buckets are asked for, or time runs backwards.
    """
    width_s, usual, most = WIDTHS[query.bucket_width]
    most = COST_DAYS if isinstance(query, CostsQuery) else most
    if query.limit is not None and query.limit > most:
        words = (
            f"Invalid 'limit': integer above maximum value. Expected a value <= {most}, but got {query.limit} instead."
        )
        raise BadRequest(words, param="limit", code="integer_above_max_value")
    end = now + 1 if query.end_time is None else query.end_time
    if query.end_time is not None and end <= query.start_time:
        raise BadRequest("Invalid 'end_time': it must be after 'start_time'.", param="end_time", code="invalid_value")
    since = query.start_time if query.page is None else _place(query.page, query.start_time)
    until = since - since % width_s + (query.limit or usual) * width_s
    return Stretch(since, max(min(until, end), since), width_s, until < end)


def page(stretch: Stretch, results: Mapping[int, Sequence[Result]]) -> bytes:
    """The answer: results by the beginning of their bucket."""
    width_s = stretch.width_s
    data = [Bucket(start, start + width_s, list(results.get(start, ()))) for start in stretch.starts]
    following = _page_of(stretch.until) if stretch.more else None
    return msgspec.json.encode(UsagePage(data, stretch.more, following))


def _page_of(start: int) -> str:
    return f"page_{urlsafe_b64encode(f'start:{start}'.encode()).decode()}"


def _place(page: str, start: int) -> int:
    with suppress(ValueError):
        found = PLACE.fullmatch(urlsafe_b64decode(page.removeprefix("page_")).decode())
        if found and int(found[1]) >= start:
            return int(found[1])
    raise BadRequest("Invalid value for 'page': it is no 'next_page' of ours.", param="page", code="invalid_value")
