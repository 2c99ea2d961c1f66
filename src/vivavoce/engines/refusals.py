"""What another server says of a request it refuses, as an error of ours: its numbers and names, none of its words."""

import re

import msgspec

from vivavoce.core.context import CODE, too_long, too_long_somehow
from vivavoce.core.errors import BadRequest

NAME = re.compile(r"[\w.\[\]-]{1,64}")
ABOUT_CONTEXT = re.compile(r"(?:context|maximum model) (?:length|size|window)", re.IGNORECASE)
CONTEXT = re.compile(r"(?:context|model) (?:length|size|window)\D{0,24}?(\d{1,12})", re.IGNORECASE)
MESSAGES = re.compile(r"(?:resulted in|has|passed|input \(|request \(|requested(?: \d+ tokens \()?) ?(\d{1,12})")
"""As OpenAI, vLLM, SGLang and llama.cpp's server write it."""
OF_LLAMA_CPP = "exceed_context_size_error"


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


def refusal(body: bytes, completion: int = 0) -> BadRequest:
    """The error for a request refused with `body`, which asked for `completion` tokens; 0: it did not say."""
    try:
        read = msgspec.json.decode(body, type=Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        read = Envelope()
    said = read.error or Said(read.message)
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
