"""Errors as clients read them: the one envelope, whole or inside a stream."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from vivavoce.core.errors import Conflict, LimitReached, MethodNotAllowed, NoSpace, PublicError, TryLater

NEVER = {"x-should-retry": "false"}
"""Tells OpenAI's clients, which would ask again by themselves, that it is no use."""


class ErrorBody(msgspec.Struct):
    """What went wrong; all four keys are always there."""

    message: str
    type: str
    param: str | None
    code: str | None


class Envelope(msgspec.Struct):
    """The body of every error."""

    error: ErrorBody


class FlatError(msgspec.Struct, rename="camel"):
    """What the AI/ML API says of an error (source: its "Error structure"); these keys stand beside `error`."""

    message: str
    path: str
    request_id: str
    """A UUID."""
    status_code: str
    timestamp: str
    """ISO 8601."""


@dataclass(frozen=True, slots=True)
class Call:
    """The request that an error answers, where the AI/ML API's keys are wanted."""

    path: str
    request_id: str


def body(error: PublicError, call: Call | None = None) -> bytes:
    """The JSON of an error."""
    return encoded(Envelope(shown(error)), error, call)


def event(error: PublicError, call: Call | None = None) -> bytes:
    """The last event of a stream that failed; no `[DONE]` follows it."""
    return b"data: " + body(error, call) + b"\n\n"


def shown(error: PublicError) -> ErrorBody:
    """What is told of an error."""
    return ErrorBody(error.message, error.kind, error.param, error.code)


def encoded(envelope: msgspec.Struct, error: PublicError, call: Call | None) -> bytes:
    """The JSON of an envelope, with the AI/ML API's keys beside what is in it where there is a `call`."""
    if call is None:
        return msgspec.json.encode(envelope)
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    flat = FlatError(error.message, call.path, call.request_id, str(error.status), now)
    return msgspec.json.encode(msgspec.to_builtins(envelope) | msgspec.to_builtins(flat))


def headers(error: PublicError) -> Mapping[str, str]:
    """Headers that belong to an error."""
    if isinstance(error, LimitReached):
        return _of_limit(error)
    if isinstance(error, TryLater) and error.whole_s is not None:
        return {"retry-after": str(error.whole_s)}
    if isinstance(error, Conflict | NoSpace):
        return NEVER
    if isinstance(error, MethodNotAllowed):
        return {"allow": ", ".join(error.allowed)}
    return {}


def _of_limit(error: LimitReached) -> Mapping[str, str]:
    """OpenAI's clients wait for as many milliseconds, others for as many seconds; and both ask again unless told."""
    if error.retry_after_s is None:
        return NEVER
    return {"retry-after-ms": str(max(1, round(error.retry_after_s * 1000))), "retry-after": str(error.whole_s)}


def internal(bug: str) -> PublicError:
    """What a client is told of a bug: an id that the log knows, and nothing else."""
    return PublicError(f"The server had an error while processing your request. Sorry about that! (bug {bug})")
