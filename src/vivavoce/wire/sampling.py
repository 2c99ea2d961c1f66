"""How a request wants the words of the answer to be picked."""

import re

from vivavoce.core.errors import BadRequest
from vivavoce.core.turn import Sampling
from vivavoce.wire.invalid import out_of_range
from vivavoce.wire.request import SEEDS, ChatRequest

NO_LOGPROBS = "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled."
TOKEN = re.compile(r"[0-9]{1,9}")
"""A token's id, as JSON has it in a key."""
SHOWN_CHARACTERS = 64
INT64 = range(-(2**63), 2**63)
"""The seeds that engines take; the original allows a few more."""


def check(request: ChatRequest) -> None:
    """Refuse what contradicts itself, and a seed beyond the original's limits.

    Raises:
        BadRequest: candidates are asked for without the tokens they stand beside; the seed is out of range.
    """
    if request.seed is not None and abs(request.seed) > SEEDS:
        relation, bound = ("<=", SEEDS) if request.seed > 0 else (">=", -SEEDS)
        raise out_of_range("seed", "integer", relation, bound, request.seed)
    if request.top_logprobs and not request.logprobs:
        raise BadRequest(NO_LOGPROBS, param="top_logprobs")


def check_ids(request: ChatRequest) -> None:
    """Refuse what the original refuses, and documentation of others shows: a bias of what is no token's id.

    Raises:
        BadRequest: there is one.
    """
    for key in request.logit_bias or ():
        if not TOKEN.fullmatch(key):
            shown = f"Invalid key in 'logit_bias': {key[:SHOWN_CHARACTERS]}."
            raise BadRequest(f"{shown} You should only be submitting non-negative integers.", param="logit_bias")


def chosen(request: ChatRequest) -> Sampling:
    """What it asks for; biases of what is no token's id come to nothing."""
    stop = (request.stop,) if isinstance(request.stop, str) else tuple(request.stop or ())
    biases = {int(key): bias for key, bias in (request.logit_bias or {}).items() if TOKEN.fullmatch(key)}
    return Sampling(
        temperature=request.temperature,
        top_p=request.top_p,
        seed=None if request.seed is None else min(max(request.seed, INT64.start), INT64.stop - 1),
        stop=tuple(text for text in stop if text),
        presence_penalty=request.presence_penalty or 0.0,
        frequency_penalty=request.frequency_penalty or 0.0,
        max_tokens=request.budget,
        logprobs=bool(request.logprobs),
        top_logprobs=request.top_logprobs or 0,
        logit_bias=tuple(biases.items()),
    )
