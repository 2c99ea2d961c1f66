"""`/v1/organization/usage/…` and `/v1/organization/costs`: what the ledger adds up to, for whoever has an admin key."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from vivavoce.account.prices import usd
from vivavoce.server.service import Endpoint, Service
from vivavoce.store import clock
from vivavoce.store.ledger import Sum, Wanted
from vivavoce.wire import usage as wire
from vivavoce.wire.operation import JSON
from vivavoce.wire.queries import query
from vivavoce.wire.usage import (
    Amount,
    CompletionsUsage,
    CompletionsUsageQuery,
    Costs,
    CostsQuery,
    Result,
    SpeechesUsage,
    TranscriptionsUsage,
    UsageQuery,
)

Common: TypeAlias = dict[str, Any]
"""What the requests of a result have in common, by the names of the wire."""

COLUMNS = {
    "project_id": "project",
    "api_key_id": "key",
    "model": "model",
    "batch": "batched",
    "line_item": "model",
}
"""What requests may be grouped by, and its name in the ledger."""
SAME = {"service_tier": "default", "api_source": "unlabeled"}
"""What is so of every request."""


class UsagePages:
    """The endpoints."""

    def __init__(self, service: Service) -> None:
        self._ledger = service.ledger

    def by_operation(self) -> dict[str, Endpoint]:
        """What answers each operation."""
        return {
            "usage-completions": self.completions,
            "usage-audio-speeches": self.speeches,
            "usage-audio-transcriptions": self.transcriptions,
            "usage-costs": self.costs,
        }

    async def completions(self, request: Request) -> Response:
        """Tokens of chats."""
        asked = query(request.query_params.multi_items(), CompletionsUsageQuery)
        return await self._usage(asked, ("chat",), _completions, asked.batch)

    async def speeches(self, request: Request) -> Response:
        """Characters read aloud."""
        return await self._usage(query(request.query_params.multi_items(), UsageQuery), ("speech",), _speech)

    async def transcriptions(self, request: Request) -> Response:
        """Seconds written down."""
        asked = query(request.query_params.multi_items(), UsageQuery)
        return await self._usage(asked, ("transcription", "translation"), _transcription)

    async def costs(self, request: Request) -> Response:
        """What was to be paid for all of these together."""
        asked = query(request.query_params.multi_items(), CostsQuery)
        by = asked.group_by or ()
        lines = asked.line_items

        def costs(each: Sum, common: Common) -> Iterator[Result]:
            found = _lines(each, common) if lines or "line_item" in by else [_cost(each, common)]
            return (cost for cost in found if not lines or cost.line_item in lines)

        only = {"project": asked.project_ids, "key": asked.api_key_ids}
        by = (*by, "line_item") if lines else by
        return await self._page(asked, Wanted(by=by, only=_given(only)), costs)

    async def _usage(
        self,
        asked: UsageQuery | CompletionsUsageQuery,
        kinds: Sequence[str],
        result: Callable[[Sum, Common], Result],
        batch: bool | None = None,
    ) -> Response:
        only = {"project": asked.project_ids, "key": asked.api_key_ids, "model": asked.models}
        of_nobody = {"kind": () if asked.user_ids else kinds}  # there are no users
        wanted = Wanted(by=asked.group_by or (), only=_given(only) | of_nobody, batch=batch)
        return await self._page(asked, wanted, lambda each, common: iter([result(each, common)]))

    async def _page(
        self,
        asked: UsageQuery | CompletionsUsageQuery | CostsQuery,
        wanted: Wanted,
        results: Callable[[Sum, Common], Iterator[Result]],
    ) -> Response:
        """The answer; `wanted` names what requests are grouped by as the wire does."""
        stretch = wire.stretch(asked, int(clock.now()))
        by = tuple(dict.fromkeys(COLUMNS[name] for name in wanted.by if name in COLUMNS))
        inside = Wanted(stretch.since, stretch.until, stretch.width_s, by, wanted.only, wanted.batch)
        found: dict[int, list[Result]] = {}
        for each in await self._ledger.sums(inside):
            if each.requests:
                found.setdefault(each.start, []).extend(results(each, _common(each, wanted.by)))
        return Response(wire.page(stretch, found), media_type=JSON)


def _given(only: Mapping[str, Sequence[str] | None]) -> dict[str, Sequence[str]]:
    return {name: values for name, values in only.items() if values}


def _common(each: Sum, by: Sequence[str]) -> Common:
    names = [name for name in by if name in COLUMNS and name != "line_item"]
    found: Common = {name: each.group[COLUMNS[name]] for name in names}
    return found | {name: value for name, value in SAME.items() if name in by}


def _completions(each: Sum, common: Common) -> Result:
    read = each.text_in + each.audio_in
    return CompletionsUsage(
        input_tokens=read,
        output_tokens=each.text_out + each.audio_out,
        input_cached_tokens=each.cached,
        input_uncached_tokens=read - each.cached,
        input_text_tokens=each.text_in - each.cached,
        input_cached_text_tokens=each.cached,
        input_audio_tokens=each.audio_in,
        output_text_tokens=each.text_out,
        output_audio_tokens=each.audio_out,
        num_model_requests=each.requests,
        **common,
    )


def _speech(each: Sum, common: Common) -> Result:
    return SpeechesUsage(characters=each.characters, num_model_requests=each.requests, **common)


def _transcription(each: Sum, common: Common) -> Result:
    return TranscriptionsUsage(seconds=math.ceil(each.heard_ms / 1000), num_model_requests=each.requests, **common)


def _cost(each: Sum, common: Common) -> Costs:
    return Costs(amount=_amount(each.cost_in + each.cost_out), **common)


def _lines(each: Sum, common: Common) -> Iterator[Costs]:
    """What was put in, and what came out, apart."""
    model = each.group["model"]
    for name, tokens, cost in (
        ("input_tokens", each.text_in + each.audio_in, each.cost_in),
        ("output_tokens", each.text_out + each.audio_out, each.cost_out),
    ):
        item = f"{model}, {name}"
        yield Costs(amount=_amount(cost), line_item=item, quantity=tokens, quantity_unit="tokens", **common)


def _amount(units: int) -> Amount:
    return Amount(float(usd(units)))
