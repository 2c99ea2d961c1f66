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
OF_LLAMA_CPP = "exceed_context_size_error"
REFUSED = {400, 413, 422}
GONE = "audio_not_found"
"""What OpenAI says of an earlier answer that it no longer has."""
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


class Envelope(msgspec.Struct):
    """The body of an error; some servers write it without an envelope."""

    error: Said | None = None
    message: str = ""


def failure(status: int, headers: Mapping[str, str], body: bytes, completion: int = 0) -> PublicError:
    """The error for a request answered with a `status` that is no success.

    `completion`: how many tokens it asked for; 0: it did not say.
    """
    if status in REFUSED or (status == 404 and _said(body).code == GONE):
        return _refusal(_said(body), completion)
    if status == 429:
        return _limited(_said(body), wait_s(headers))
    if status == 503:
        return Overloaded(wait_s(headers) or 1.0)
    return EngineTimeout() if status in LATE else EngineFailed("The model behind this server refused to answer.")


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
