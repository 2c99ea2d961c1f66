"""`/v1/organization/usage` and `/costs`, as the official client asks: what the rows add up to, for admin keys alone."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from tests.support.entries import entry
from tests.support.serving import Served, Serving
from vivavoce.account.keys import Wish
from vivavoce.account.prices import UNIT
from vivavoce.store import clock

DAY_S, HOUR_S = 86_400, 3600
MINI = "gpt-4o-mini-audio-preview-2024-12-17"
START = 1_800_000_000 - 1_800_000_000 % DAY_S
"""Any day."""
CHAT = {
    "model": MINI,
    "text_in": 100,
    "cached": 40,
    "audio_in": 20,
    "text_out": 7,
    "audio_out": 50,
    "cost_in": int(Decimal("0.000215") / UNIT),
    "cost_out": int(Decimal("0.0010042") / UNIT),
}
ROWS: Sequence[dict[str, Any]] = (
    {"at": START + 10, "key": "key_a", "project": "shop"} | CHAT,
    {"at": START + HOUR_S, "key": "key_b", "project": "shop", "batch": "batch_1"} | CHAT,
    {"at": START + DAY_S, "key": "key_a", "project": "desk"} | CHAT,
    {"at": START + 20, "key": "key_a", "status": "refused", "http": 400},
    {"at": START + 30, "kind": "speech", "model": "tts-1", "characters": 12, "audio_out": 30},
    {"at": START + 40, "kind": "transcription", "model": "whisper-1", "heard_ms": 2500},
    {"at": START + 50, "kind": "translation", "model": "whisper-1", "heard_ms": 1600},
)


@pytest.fixture
async def served(serving: Serving) -> Served:
    started = await serving()
    for number, row in enumerate(ROWS):
        await started.service.ledger.append(entry(number, **row))
    return started


async def asking(served: Served, project: str | None = None) -> AsyncOpenAI:
    key = (await served.service.keys.create(Wish("a key", project))).value
    return served.openai.with_options(api_key=key, admin_api_key=key)


@pytest.fixture
async def usage(served: Served) -> Any:
    return (await asking(served)).admin.organization.usage


def results(page: Any) -> list[list[dict[str, Any]]]:
    """Of each bucket, what is in its results; without what was not grouped by."""
    return [[each.model_dump(exclude_none=True) for each in bucket.results] for bucket in page.data]


async def test_tokens_of_chats_are_told_by_day_and_by_hour(usage: Any) -> None:
    page = await usage.completions(start_time=START, end_time=START + 3 * DAY_S)
    assert [(bucket.start_time, bucket.end_time) for bucket in page.data] == [
        (START + day * DAY_S, START + (day + 1) * DAY_S) for day in range(3)
    ]
    one = {
        "object": "organization.usage.completions.result",
        "input_tokens": 120,
        "output_tokens": 57,
        "input_cached_tokens": 40,
        "input_uncached_tokens": 80,
        "input_text_tokens": 60,
        "input_cached_text_tokens": 40,
        "input_audio_tokens": 20,
        "output_text_tokens": 7,
        "output_audio_tokens": 50,
        "num_model_requests": 1,
    }
    two = {name: 2 * value if isinstance(value, int) else value for name, value in one.items()}
    assert results(page) == [[two], [one], []]
    hours = await usage.completions(start_time=START, end_time=START + 3 * HOUR_S, bucket_width="1h")
    assert results(hours) == [[one], [one], []]


async def test_what_they_have_in_common_is_told(usage: Any) -> None:
    every = ["project_id", "user_id", "api_key_id", "model", "batch", "service_tier", "api_source"]
    page = await usage.completions(start_time=START, end_time=START + DAY_S, group_by=every)
    assert [
        (each.project_id, each.user_id, each.api_key_id, each.model, each.batch, each.service_tier, each.api_source)
        for each in page.data[0].results
    ] == [
        ("shop", None, "key_a", MINI, False, "default", "unlabeled"),
        ("shop", None, "key_b", MINI, True, "default", "unlabeled"),
    ]


@pytest.mark.parametrize(
    ("only", "requests"),
    [
        ({"project_ids": ["shop"]}, [2, 0]),
        ({"project_ids": ["shop", "desk"]}, [2, 1]),
        ({"api_key_ids": ["key_a"]}, [1, 1]),
        ({"models": ["another"]}, [0, 0]),
        ({"user_ids": ["user_1"]}, [0, 0]),
        ({"batch": True}, [1, 0]),
        ({"batch": False}, [1, 1]),
    ],
)
async def test_some_can_be_asked_for(usage: Any, only: dict[str, Any], requests: list[int]) -> None:
    page = await usage.completions(start_time=START, end_time=START + 2 * DAY_S, **only)
    assert [sum(each.num_model_requests for each in bucket.results) for bucket in page.data] == requests


async def test_pages_follow_one_another(usage: Any) -> None:
    first = await usage.completions(start_time=START, end_time=START + 3 * DAY_S, limit=2)
    rest = await usage.completions(start_time=START, end_time=START + 3 * DAY_S, limit=2, page=first.next_page)
    assert (first.has_more, rest.has_more, rest.next_page) == (True, False, None)
    assert [len(page.data) for page in (first, rest)] == [2, 1]
    assert [each.num_model_requests for bucket in first.data + rest.data for each in bucket.results] == [2, 1]


async def test_sound_is_told_in_characters_and_seconds(usage: Any) -> None:
    span: Any = {"start_time": START, "end_time": START + DAY_S, "group_by": ["model"]}
    assert results(await usage.audio_speeches(**span)) == [
        [
            {
                "object": "organization.usage.audio_speeches.result",
                "characters": 12,
                "num_model_requests": 1,
                "model": "tts-1",
            }
        ]
    ]
    assert results(await usage.audio_transcriptions(**span)) == [
        [
            {
                "object": "organization.usage.audio_transcriptions.result",
                "seconds": 5,
                "num_model_requests": 2,
                "model": "whisper-1",
            }
        ]
    ]


async def test_costs_are_told_to_the_last_digit(usage: Any) -> None:
    page = await usage.costs(start_time=START, end_time=START + 2 * DAY_S)
    assert [each.amount.model_dump() for bucket in page.data for each in bucket.results] == [
        {"value": 0.0024384, "currency": "usd"},
        {"value": 0.0012192, "currency": "usd"},
    ]
    lines = await usage.costs(
        start_time=START + DAY_S, end_time=START + 2 * DAY_S, group_by=["line_item", "project_id"]
    )
    assert results(lines)[0] == [
        {
            "object": "organization.costs.result",
            "amount": {"value": value, "currency": "usd"},
            "line_item": f"{MINI}, {name}",
            "project_id": "desk",
            "quantity": tokens,
            "quantity_unit": "tokens",
        }
        for name, value, tokens in (("input_tokens", 0.000215, 120.0), ("output_tokens", 0.0010042, 57.0))
    ]
    one = await usage.costs(start_time=START, end_time=START + DAY_S, line_items=[f"{MINI}, input_tokens"])
    assert [each.amount.value for each in one.data[0].results] == [0.00043]


async def test_only_an_admin_key_is_told(served: Served) -> None:
    await asking(served)
    other = await asking(served, "shop")
    with pytest.raises(openai.PermissionDeniedError):
        await other.admin.organization.usage.completions(start_time=START)
    with pytest.raises(openai.AuthenticationError):
        await other.with_options(admin_api_key="sk-of-nobody").admin.organization.usage.costs(start_time=START)


async def test_what_cannot_be_told_is_refused(usage: Any) -> None:
    with pytest.raises(openai.BadRequestError) as wrong:
        await usage.completions(start_time=START, end_time=START)
    assert (wrong.value.param, wrong.value.code) == ("end_time", "invalid_value")


async def test_what_was_just_asked_is_there(serving: Serving) -> None:
    served = await serving()
    admin, caller = await asking(served), await asking(served, "shop")
    answer: Any = await caller.chat.completions.create(**served.say())
    page = await admin.admin.organization.usage.completions(start_time=int(clock.now()) - 60)
    (row,) = [each for bucket in page.data for each in bucket.results]
    assert row.input_tokens == answer.usage.prompt_tokens
    assert row.output_tokens == answer.usage.completion_tokens
