"""Usage and costs on the wire: which time is asked for, in which buckets, page by page."""

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.core.errors import BadRequest
from vivavoce.wire.queries import query
from vivavoce.wire.usage import (
    DAY_S,
    HOUR_S,
    Amount,
    CompletionsUsageQuery,
    Costs,
    CostsQuery,
    SpeechesUsage,
    UsageQuery,
    page,
    stretch,
)

NOW = 20_000 * DAY_S + 5000


def asked(text: str, kind: Any = CompletionsUsageQuery) -> Any:
    return query(parse_qsl(text, keep_blank_values=True), kind)


def told(text: str, kind: Any = CompletionsUsageQuery) -> dict[str, Any]:
    return json.loads(page(stretch(asked(text, kind), NOW), {}))


def refused(text: str, kind: Any = CompletionsUsageQuery) -> tuple[str | None, str | None]:
    with pytest.raises(BadRequest) as error:
        told(text, kind)
    return error.value.param, error.value.code


def test_lists_come_with_brackets_or_without() -> None:
    found = asked("start_time=1&group_by=model&group_by[]=batch&project_ids%5B%5D=a&project_ids=b&batch=true&models=")
    assert found == CompletionsUsageQuery(1, project_ids=["a", "b"], group_by=["model", "batch"], batch=True)


@pytest.mark.parametrize(
    ("text", "kind", "param", "code"),
    [
        ("", UsageQuery, "start_time", "missing_required_parameter"),
        ("start_time=-1", UsageQuery, "start_time", "integer_below_min_value"),
        ("start_time=1&bucket_width=1w", UsageQuery, "bucket_width", "invalid_value"),
        ("start_time=1&bucket_width=1h", CostsQuery, "bucket_width", "invalid_value"),
        ("start_time=1&group_by=batch", UsageQuery, "group_by[0]", "invalid_value"),
        ("start_time=1&limit=32", UsageQuery, "limit", "integer_above_max_value"),
        ("start_time=1&limit=181", CostsQuery, "limit", "integer_above_max_value"),
        ("start_time=1&limit=0", CostsQuery, "limit", "integer_below_min_value"),
        ("start_time=5&end_time=5", UsageQuery, "end_time", "invalid_value"),
        ("start_time=1&page=page_", UsageQuery, "page", "invalid_value"),
        ("start_time=1&page=page_zzz", UsageQuery, "page", "invalid_value"),
        (f"start_time={9 * DAY_S}&page=page_c3RhcnQ6MA==", UsageQuery, "page", "invalid_value"),
    ],
)
def test_what_cannot_be_told_is_refused(text: str, kind: Any, param: str, code: str) -> None:
    assert refused(text, kind) == (param, code)


def test_buckets_begin_on_the_hour_and_are_there_where_nothing_was_used() -> None:
    found = told(f"start_time={7 * HOUR_S + 10}&end_time={9 * HOUR_S + 1}&bucket_width=1h")
    hours = [(bucket["start_time"], bucket["end_time"], bucket["results"]) for bucket in found["data"]]
    assert hours == [(hour * HOUR_S, (hour + 1) * HOUR_S, []) for hour in (7, 8, 9)]
    assert (found["object"], found["has_more"], found["next_page"]) == ("page", False, None)


def test_until_now_where_no_end_is_said() -> None:
    found = told(f"start_time={NOW - 2 * DAY_S}")
    assert [bucket["start_time"] % DAY_S for bucket in found["data"]] == [0, 0, 0]
    assert not found["has_more"]
    assert told(f"start_time={NOW + DAY_S}")["has_more"] is False


@given(
    st.integers(0, 50 * HOUR_S),
    st.integers(1, 50 * HOUR_S),
    st.integers(1, 24),
)
def test_page_by_page_every_bucket_is_told_once(start: int, length: int, limit: int) -> None:
    text = f"start_time={start}&end_time={start + length}&bucket_width=1h&limit={limit}"
    seen: list[int] = []
    sinces: list[int] = []
    following: str | None = ""
    while following is not None:
        query = asked(f"{text}&page={following}")
        sinces.append(stretch(query, NOW).since)
        found = json.loads(page(stretch(query, NOW), {}))
        assert 1 <= len(found["data"]) <= limit
        assert found["has_more"] == (found["next_page"] is not None)
        seen += [bucket["start_time"] for bucket in found["data"]]
        following = found["next_page"]
    assert seen == list(range(start - start % HOUR_S, start + length, HOUR_S))
    assert sinces[0] == start
    assert all(since % HOUR_S == 0 for since in sinces[1:])


def test_results_stand_in_their_bucket() -> None:
    span = stretch(asked(f"start_time=0&end_time={2 * DAY_S}"), NOW)
    speech = SpeechesUsage(characters=12, num_model_requests=1, model="tts-1")
    cost = Costs(amount=Amount(0.0006105), line_item="m, input_tokens", quantity=3, quantity_unit="tokens")
    first, second = json.loads(page(span, {DAY_S: [speech, cost]}))["data"]
    assert first["results"] == []
    told, paid = second["results"]
    assert told["object"] == "organization.usage.audio_speeches.result"
    assert (told["characters"], told["model"], told["project_id"]) == (12, "tts-1", None)
    assert paid["amount"] == {"value": 0.0006105, "currency": "usd"}
