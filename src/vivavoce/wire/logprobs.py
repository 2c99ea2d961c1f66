"""The tokens of an answer and how likely each was, as clients read them."""

from collections.abc import Sequence

from msgspec import Struct

from vivavoce.core.turn import TokenLogprob
from vivavoce.wire.certainty import SURELY_NOT, Logprob


class ChosenToken(Struct):
    """A token of the answer, and the likeliest in its place."""

    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: list[Logprob]


class Logprobs(Struct):
    """The tokens of an answer, or of a part of it."""

    content: list[ChosenToken]
    refusal: None = None


def chosen_tokens(tokens: Sequence[TokenLogprob]) -> list[ChosenToken]:
    """Tokens as clients read them."""
    return [
        ChosenToken(token.token, _log(token.logprob), list(token.data), [_candidate(other) for other in token.top])
        for token in tokens
    ]


def _candidate(token: TokenLogprob) -> Logprob:
    return Logprob(token.token, _log(token.logprob), list(token.data))


def _log(logprob: float) -> float:
    """No less than JSON and the original can say."""
    return max(logprob, SURELY_NOT)
