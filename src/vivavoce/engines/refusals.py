"""What another server says when it does not answer, as an error of ours: its numbers and names, none of its words."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from vivavoce.core.context import CODE, too_long, too_long_somehow
from vivavoce.core.errors import BadRequest, EngineFailed, EngineTimeout, Overloaded, PublicError, RateLimited

NAME = re.compile(r"[\w.\[\]-]{1,64}")
ABOUT_CONTEXT = re.compile(r"(?:context|maximum model) (?:length|size|window)", re.IGNORECASE)
CONTEXT = re.compile(r"(?:context|model) (?:length|size|window)\D{0,24}?(\d{1,12})", re.IGNORECASE)
MESSAGES = re.compile(r"(?:resulted in|has|passed|input \(|request \(|requested(?: \d+ tokens \()?) ?(\d{1,12})")
"""As OpenAI, vLLM, SGLang and llama.cpp's server write it."""
LIMIT = "max_tokens"
NEW_LIMIT = "max_completion_tokens"
"""What OpenAI's reasoning models call it. Others know the old name alone, and pass over what they do not know."""
OTHER_LIMIT = re.compile(rf"use [\"'`]?{NEW_LIMIT}", re.IGNORECASE)
"""How OpenAI's models, and servers before them, ask for the newer name of that limit."""
UNSUPPORTED = "unsupported_parameter"
NO_MODEL = "model_not_found"
OF_LLAMA_CPP = "exceed_context_size_error"
REFUSED = {400, 413, 422}
GONE = "audio_not_found"
"""What OpenAI says of an earlier answer that it no longer has."""
REFUSAL = "The model behind this server refused to answer."
LATE = {408, 504}
OF_LITELLM = "llm_provider-"
"""Before the names of headers that LiteLLM's proxy was answered with."""
NO_QUOTA = "insufficient_quota"
"""OpenAI's word, as type and code, for an account that has no more to spend."""
LONGEST_WAIT_S = 86_400.0
"""No longer wait is passed on."""


class Said(msgspec.Struct):
    """The error in the envelope; llama.cpp's server says its numbers beside the words."""

    message: str = ""
    type: str | None = None
    param: str | None = None
    code: str | int | None = None
    n_prompt_tokens: int = 0
    n_ctx: int = 0


class NoSuchModel(EngineFailed):
    """It has no model of that name (or, where it does not say what it is without, no such path)."""


class Envelope(msgspec.Struct):
    """The body of an error; some servers write it without an envelope."""

    error: Said | None = None
    message: str = ""


def failure(status: int, headers: Mapping[str, str], body: bytes, completion: int = 0) -> PublicError:
    """The error for a request answered with a `status` that is no success.

    `completion`: how many tokens it asked for; 0: it did not say.
    """
    said = _said(body)
    if status in {400, 404} and (said.code == NO_MODEL or (status == 404 and said.code != GONE)):
        return NoSuchModel(REFUSAL)
    if status in REFUSED or status == 404:
        return _refusal(said, completion)
    if status == 429:
        return _limited(said, wait_s(headers))
    if status == 503:
        return Overloaded(wait_s(headers) or 1.0)
    return EngineTimeout() if status in LATE else EngineFailed(REFUSAL)


def is_other_limit(error: PublicError) -> bool:
    """Whether it is the refusal of `max_tokens` by a model that knows this limit by its newer name alone."""
    return isinstance(error, BadRequest) and (error.param, error.code) == (LIMIT, UNSUPPORTED)


def wait_s(headers: Mapping[str, str]) -> float | None:
    """For how many seconds another server asks to be left alone, at most a day; None where it does not say.

    `retry-after-ms` is OpenAI's own, and goes first, as in its clients; `retry-after` is seconds or a date (RFC 9110).
    LiteLLM's proxy puts its own prefix before both.
    """
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        said = _header(headers, name).strip()
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", said):
            return min(float(said) * unit_s, LONGEST_WAIT_S)
    try:
        until = parsedate_to_datetime(_header(headers, "retry-after"))
        seconds = (until - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT_S)


def _header(headers: Mapping[str, str], name: str) -> str:
    return headers.get(name) or headers.get(OF_LITELLM + name) or ""


def _said(body: bytes) -> Said:
    try:
        read = msgspec.json.decode(body, type=Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Said()
    return read.error or Said(read.message)


def _limited(said: Said, after_s: float | None) -> RateLimited:
    if NO_QUOTA in {said.type, said.code}:
        return RateLimited(after_s, kind=NO_QUOTA, code=NO_QUOTA)
    return RateLimited(after_s, kind="tokens" if said.type == "tokens" else "requests")


def _refusal(said: Said, completion: int) -> BadRequest:
    if said.code == CODE or said.type == OF_LLAMA_CPP or ABOUT_CONTEXT.search(said.message):
        return _too_long(said, completion)
    if OTHER_LIMIT.search(said.message):
        said.param, said.code = LIMIT, UNSUPPORTED
    return BadRequest(
        "The model behind this server refused the request.", param=_name(said.param), code=_name(said.code)
    )


def _too_long(said: Said, completion: int) -> BadRequest:
    context = said.n_ctx or _number(CONTEXT, said.message)
    messages = said.n_prompt_tokens or _number(MESSAGES, said.message)
    if context and messages and messages + max(completion, 1) > context:
        return too_long(context, messages, completion)
    return too_long_somehow()


def _number(where: re.Pattern[str], message: str) -> int:
    found = where.search(message)
    return int(found[1]) if found else 0


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and NAME.fullmatch(value) else None
