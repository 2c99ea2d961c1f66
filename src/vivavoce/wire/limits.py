"""Limits as clients read them: the `x-ratelimit-*` headers, and what is said to who has reached one.

Source: the wire reference, sections 2.5 and 3.2, from recorded traffic and quoted errors. Which of two limits of
requests the original's header shows is not known; here it is the one of which less is left.
"""

import math
from collections.abc import Mapping, Sequence

from vivavoce.core.errors import LimitReached
from vivavoce.core.levels import Level, What

REQUESTS: tuple[What, ...] = ("rpm", "rpd")
NAMES: Mapping[What, str] = {
    "rpm": "requests per min (RPM)",
    "rpd": "requests per day (RPD)",
    "tpm": "tokens per min (TPM)",
    "turns": "requests at once",
}
ROUNDING_SLACK = 1e-6
VISIT = "Visit https://platform.openai.com/account/rate-limits to learn more."
QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
)


def headers(levels: Sequence[Level], *, tokens: bool = True) -> list[tuple[bytes, bytes]]:
    """The headers that tell how far limits are used; none of what nothing limits.

    `tokens`: whether those of tokens are among them; the original leaves them out of transcriptions.
    """
    requests = min((each for each in levels if each.what in REQUESTS), key=_urgency, default=None)
    counted = next((each for each in levels if each.what == "tpm"), None) if tokens else None
    found: list[tuple[bytes, bytes]] = []
    for name, level in (("requests", requests), ("tokens", counted)):
        if level is not None:
            for what, value in (
                ("limit", str(level.limit)),
                ("remaining", str(level.remaining)),
                ("reset", duration(round(level.reset_s * 1000))),
            ):
                found.append((f"x-ratelimit-{what}-{name}".encode(), value.encode()))
    return found


def duration(milliseconds: int) -> str:
    """So long as the original writes it, which is as Go does: `120ms`, `8.64s`, `6m0s`, `1h0m0s`; `0s`."""
    if 0 < milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest // 1000}.{rest % 1000:03}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def reached(level: Level, requested: int, wait_s: float | None, *, model: str, project: str) -> LimitReached:
    """What is said where a limit has no room for a request.

    Args:
        level: how far it is used.
        requested: how much more was wanted.
        wait_s: how long until there is room; None where waiting is no help.
        model: the name the client has for it.
        project: the caller's.
    """
    if level.what == "usd":
        return LimitReached(QUOTA, None, kind="insufficient_quota", code="insufficient_quota")
    kind = "tokens" if level.what == "tpm" else "requests"
    where = f"for {model} in organization org-{project} on {NAMES[level.what]}: Limit {level.limit}"
    if requested > level.limit:
        words = f"Request too large {where}, Requested {requested}. The input or output tokens must be reduced in "
        words += f"order to run successfully. {VISIT}"
        return LimitReached(words, None, kind=kind)
    words = f"Rate limit reached {where}, Used {level.used}, Requested {requested}."
    if wait_s is None:
        return LimitReached(f"{words} {VISIT}", kind=kind)
    wait_ms = math.ceil(wait_s * 1000 - ROUNDING_SLACK)
    return LimitReached(f"{words} Please try again in {duration(wait_ms)}. {VISIT}", wait_ms / 1000, kind=kind)


def _urgency(level: Level) -> tuple[int, float]:
    return level.remaining, -level.reset_s
