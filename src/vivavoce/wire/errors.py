"""Errors as clients read them: the one envelope, whole or inside a stream."""

import math

import msgspec

from vivavoce.core.errors import PublicError, TryLater


class ErrorBody(msgspec.Struct):
    """What went wrong; all four keys are always there."""

    message: str
    type: str
    param: str | None
    code: str | None


class Envelope(msgspec.Struct):
    """The body of every error."""

    error: ErrorBody


def body(error: PublicError) -> bytes:
    """The JSON of an error."""
    return msgspec.json.encode(Envelope(ErrorBody(error.message, error.kind, error.param, error.code)))


def event(error: PublicError) -> bytes:
    """The last event of a stream that failed; no `[DONE]` follows it."""
    return b"data: " + body(error) + b"\n\n"


def headers(error: PublicError) -> dict[str, str]:
    """Headers that belong to an error."""
    if isinstance(error, TryLater):
        return {"retry-after": str(max(1, math.ceil(error.retry_after_s)))}
    return {}


def internal(bug: str) -> PublicError:
    """What a client is told of a bug: an id that the log knows, and nothing else."""
    return PublicError(f"The server had an error while processing your request. Sorry about that! (bug {bug})")
