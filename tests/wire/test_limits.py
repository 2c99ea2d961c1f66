"""Limits as clients read them: durations, headers, and the words of those who have reached one."""

import msgspec
import pytest

from vivavoce.core.levels import Level
from vivavoce.wire.errors import body, headers
from vivavoce.wire.limits import duration, reached
from vivavoce.wire.limits import headers as standing

M = "gpt-4o-mini-audio-preview"


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        (0, "0s"),
        (2, "2ms"),
        (120, "120ms"),
        (999, "999ms"),
        (1_000, "1s"),
        (8_640, "8.64s"),
        (20_000, "20s"),
        (59_999, "59.999s"),
        (60_000, "1m0s"),
        (360_000, "6m0s"),
        (90_500, "1m30.5s"),
        (432_000, "7m12s"),
        (3_600_000, "1h0m0s"),
        (86_399_010, "23h59m59.01s"),
    ],
)
def test_durations_are_written_as_go_writes_them(milliseconds: int, said: str) -> None:
    assert duration(milliseconds) == said


def told(*levels: Level, tokens: bool = True) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in standing(levels, tokens=tokens)}


@pytest.mark.parametrize(("rpm", "reset"), [(3_000, "20ms"), (10_000, "6ms"), (20_000, "3ms"), (30_000, "2ms")])
def test_a_request_is_forgotten_as_recorded(rpm: int, reset: str) -> None:
    levels = [Level("rpm", rpm, 1, 60 / rpm), Level("tpm", 15_000_000, 15, 15 * 60 / 15_000_000)]
    assert told(*levels) == {
        "x-ratelimit-limit-requests": str(rpm),
        "x-ratelimit-remaining-requests": str(rpm - 1),
        "x-ratelimit-reset-requests": reset,
        "x-ratelimit-limit-tokens": "15000000",
        "x-ratelimit-remaining-tokens": "14999985",
        "x-ratelimit-reset-tokens": "0s",
    }


def test_the_time_since_it_was_counted_is_not_told() -> None:
    assert told(Level("rpm", 500, 1, 0.119_7))["x-ratelimit-reset-requests"] == "120ms"
    assert told(Level("rpm", 3, 3, 59.999_8))["x-ratelimit-reset-requests"] == "1m0s"


def test_of_two_limits_of_requests_the_one_with_less_left_is_told() -> None:
    minute, day = Level("rpm", 500, 1, 0.12), Level("rpd", 10_000, 9_900, 85_536.0)
    assert told(minute, day, tokens=False) == {
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": "100",
        "x-ratelimit-reset-requests": "23h45m36s",
    }
    assert told(minute, Level("rpd", 10_000, 1, 8.64))["x-ratelimit-reset-requests"] == "120ms"
    assert told(Level("rpm", 3, 3, 60), Level("rpd", 200, 201, 86_400))["x-ratelimit-remaining-requests"] == "0"
    assert told(Level("rpm", 3, 3, 60), Level("rpd", 200, 201, 86_400))["x-ratelimit-limit-requests"] == "200"


def test_nothing_is_told_of_what_nothing_limits() -> None:
    assert told() == {}
    assert told(Level("turns", 2, 1), Level("usd", 10, 1)) == {}


@pytest.mark.parametrize(
    ("level", "requested", "wait_s", "kind", "words"),
    [
        (
            Level("rpm", 3, 3, 60),
            1,
            20.0,
            "requests",
            "requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s.",
        ),
        (
            Level("rpd", 200, 200, 86_400),
            1,
            432.0,
            "requests",
            "requests per day (RPD): Limit 200, Used 200, Requested 1. Please try again in 7m12s.",
        ),
        (
            Level("tpm", 30_000, 29_500, 59),
            822,
            0.6435,
            "tokens",
            "tokens per min (TPM): Limit 30000, Used 29500, Requested 822. Please try again in 644ms.",
        ),
        (Level("turns", 2, 2), 1, None, "requests", "requests at once: Limit 2, Used 2, Requested 1."),
    ],
)
def test_who_has_reached_a_limit_is_told_which_and_when_to_come_back(
    level: Level, requested: int, wait_s: float | None, kind: str, words: str
) -> None:
    error = reached(level, requested, wait_s, model=M, project="shop")
    assert error.status == 429
    assert msgspec.json.decode(body(error))["error"] == {
        "message": f"Rate limit reached for {M} in organization org-shop on {words} "
        "Visit https://platform.openai.com/account/rate-limits to learn more.",
        "type": kind,
        "param": None,
        "code": "rate_limit_exceeded",
    }


@pytest.mark.parametrize(
    ("wait_s", "expected"),
    [
        (0.6435, {"retry-after-ms": "644", "retry-after": "1"}),
        (20.0, {"retry-after-ms": "20000", "retry-after": "20"}),
        (20.0001, {"retry-after-ms": "20001", "retry-after": "21"}),
        (4.35, {"retry-after-ms": "4350", "retry-after": "5"}),
        (8.000_000_000_9, {"retry-after-ms": "8000", "retry-after": "8"}),
        (None, {"retry-after-ms": "1000", "retry-after": "1"}),
    ],
)
def test_when_to_come_back_is_told_in_milliseconds_and_in_seconds(
    wait_s: float | None, expected: dict[str, str]
) -> None:
    assert headers(reached(Level("rpm", 3, 3), 1, wait_s, model=M, project="shop")) == expected


def test_a_request_too_large_for_any_minute_is_not_to_be_sent_again() -> None:
    error = reached(Level("tpm", 30_000, 0), 31_538, None, model=M, project="shop")
    assert msgspec.json.decode(body(error))["error"] == {
        "message": f"Request too large for {M} in organization org-shop on tokens per min (TPM): Limit 30000, "
        "Requested 31538. The input or output tokens must be reduced in order to run successfully. "
        "Visit https://platform.openai.com/account/rate-limits to learn more.",
        "type": "tokens",
        "param": None,
        "code": "rate_limit_exceeded",
    }
    assert headers(error) == {"x-should-retry": "false"}


def test_who_has_no_money_left_is_not_to_come_back() -> None:
    error = reached(Level("usd", 10, 10), 1, None, model=M, project="shop")
    assert msgspec.json.decode(body(error))["error"] == {
        "message": "You exceeded your current quota, please check your plan and billing details. For more information "
        "on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
        "type": "insufficient_quota",
        "param": None,
        "code": "insufficient_quota",
    }
    assert headers(error) == {"x-should-retry": "false"}
