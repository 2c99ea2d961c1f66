"""Batches on the wire: how one is asked for, what is said of it, and its lines. Source: OpenAI's schema and guide."""

from base64 import b64encode
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from vivavoce.core.errors import BadRequest, Conflict, LimitReached, NotFound
from vivavoce.wire import bodies
from vivavoce.wire.listing import Page
from vivavoce.wire.request import Metadata

Endpoint: TypeAlias = Literal[
    "/v1/chat/completions", "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/audio/translations"
]
Status: TypeAlias = Literal[
    "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"
]

MOST_LINES = 50_000
MOST_BYTES = 200 * 1024 * 1024
"""Of an input file."""
MOST_ERRORS = 100
"""Told of one batch."""
CUSTOM_ID_CHARACTERS = 512
PURPOSE = "batch"
"""Of an input file."""
OUTPUT_S = 30 * 86_400
"""How long what comes of a batch is kept where nothing is said of it."""
SHOWN_CHARACTERS = 64
SUPPORTED = {
    "endpoint": (
        "Supported values are: '/v1/chat/completions', '/v1/audio/speech', '/v1/audio/transcriptions', and "
        "'/v1/audio/translations'."
    ),
    "completion_window": "Supported values are: '24h'.",
    "anchor": "Supported values are: 'created_at'.",
    "method": "Supported values are: 'POST'.",
}


class OutputExpiry(Struct):
    """When the files of what came of a batch are to expire."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Meta(ge=3600, le=2_592_000)]


class NewBatch(Struct):
    """The body of `POST /v1/batches`."""

    input_file_id: str
    endpoint: Endpoint
    completion_window: Literal["24h"]
    metadata: Metadata | None = None
    output_expires_after: OutputExpiry | None = None


class BatchError(Struct):
    """What is wrong with an input file."""

    code: str
    message: str
    param: str | None = None
    line: int | None = None
    """From 1."""


class BatchErrors(Struct):
    """All of that, or the first of it."""

    object: Literal["list"]
    data: list[BatchError]


class RequestCounts(Struct):
    """How many of a batch's requests came to what."""

    total: int
    completed: int
    failed: int


class CachedTokens(Struct):
    """Of the tokens that were read."""

    cached_tokens: int


class ReasoningTokens(Struct):
    """Of the tokens that were written."""

    reasoning_tokens: int


class BatchUsage(Struct):
    """Tokens of all requests that were worked on."""

    input_tokens: int
    input_tokens_details: CachedTokens
    output_tokens: int
    output_tokens_details: ReasoningTokens
    total_tokens: int


class BatchBody(Struct, kw_only=True):
    """What is said of a batch. Times are Unix seconds."""

    id: str
    object: Literal["batch"] = "batch"
    endpoint: str
    model: str | None
    errors: BatchErrors | None
    input_file_id: str
    completion_window: Literal["24h"] = "24h"
    status: Status
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int | None
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: RequestCounts
    usage: BatchUsage | None
    metadata: dict[str, str] | None


class BatchPage(Page):
    """Part of the batches."""

    data: list[BatchBody]


class BatchQuery(Struct):
    """Which part of the batches, the newest first."""

    after: str | None = None
    """The id of the last one that is known already."""
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class InputLine(Struct):
    """A line of an input file."""

    custom_id: Annotated[str, Meta(min_length=1, max_length=CUSTOM_ID_CHARACTERS)]
    method: Literal["POST"]
    url: str
    body: dict[str, Any]


class SoundBody(Struct):
    """The body of a line's answer that is sound: what elsewhere are the bytes of the answer."""

    audio: str
    """Base64."""
    content_type: str
    """Such as `audio/mpeg`."""


class TextBody(Struct):
    """The body of a line's answer that is plain text."""

    text: str
    content_type: str


DECODER = msgspec.json.Decoder(NewBatch)
LINE = msgspec.json.Decoder(InputLine)


def decode(body: bytes) -> NewBatch:
    """What a body asks for.

    Raises:
        BadRequest: it is not JSON, or not what is wanted.
    """
    return bodies.read(DECODER, body, SUPPORTED)


def answer_body(content_type: str, data: bytes) -> bytes:
    """The body of a line's answer as JSON, whatever it is."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        return data
    if kind.startswith("text/"):
        return msgspec.json.encode(TextBody(data.decode(errors="replace"), kind))
    return msgspec.json.encode(SoundBody(b64encode(data).decode(), kind))


def read_line(line: bytes) -> InputLine:
    """What a line of an input file asks.

    Raises:
        BadRequest: it is no such line; its code is one of `BatchError`.
    """
    try:
        return bodies.read(LINE, line, SUPPORTED)
    except BadRequest as error:
        if error.code is None:
            raise BadRequest("This line is not valid JSON.", code="invalid_json_line") from None
        raise


def encode(batch: BatchBody) -> bytes:
    """The bytes said of a batch."""
    return msgspec.json.encode(batch)


def not_found(batch_id: str) -> NotFound:
    """The error for a batch that is not there."""
    return NotFound(f"No batch found with id '{batch_id[:SHOWN_CHARACTERS]}'.", param="batch_id")


def no_such_file(file_id: str) -> NotFound:
    """The error for an input file that is not there."""
    return NotFound(f"No such File object: {file_id[:SHOWN_CHARACTERS]}", param="input_file_id")


def not_for_batches(purpose: str) -> BadRequest:
    """The error for an input file that is meant for something else."""
    words = f"Invalid value: the file's purpose is '{purpose}'. Expected a file with the purpose '{PURPOSE}'."
    return BadRequest(words, param="input_file_id", code="invalid_value")


def not_to_be_cancelled(status: str) -> Conflict:
    """The error for cancelling a batch that has ended, or is about to."""
    return Conflict(f"Cannot cancel a batch with status '{status}'.")


def too_many(most: int) -> LimitReached:
    """The error for one batch more than a project may have under way."""
    words = f"Your project has {most} batches under way, which is as many as it may. Try again when one has ended."
    return LimitReached(words, 60.0)


def bad_key(why: str) -> BatchError:
    """What is wrong with a batch whose key has ended before it began."""
    return BatchError("invalid_api_key", f"The API key that this batch came with cannot be used. {why}".rstrip())


def over_queue(model: str, project: str, limit: int) -> BatchError:
    """What is wrong with a batch for which the queue has no room; without a queue, `limit` is 0."""
    words = f"Enqueued token limit reached for {model} in organization org-{project}. Limit: {limit:,} enqueued tokens."
    again = " Please try again once some batches have ended." if limit else " Batches take a higher tier."
    return BatchError("token_limit_exceeded", words + again)
