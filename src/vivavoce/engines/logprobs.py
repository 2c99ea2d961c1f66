"""How likely tokens are, as llama.cpp and other servers are asked and tell it, and the words they are of."""

import codecs
import math
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec

from vivavoce.core.turn import Sampling, TokenLogprob

Piece: TypeAlias = tuple[str, tuple[TokenLogprob, ...]]
WAITING = 16
"""More tokens than one character is."""


class Candidate(msgspec.Struct):
    """A token that might have stood in a place."""

    token: str = ""
    logprob: float | None = None
    bytes: list[int] | None = None

    def told(self, top: "Sequence[Candidate]" = ()) -> TokenLogprob:
        """As a value of ours; bytes that are none are those of its text."""
        try:
            data = self.token.encode() if self.bytes is None else bytes(self.bytes)
        except ValueError:
            data = self.token.encode()
        logprob = -math.inf if self.logprob is None else self.logprob
        return TokenLogprob(self.token, logprob, data, tuple(other.told() for other in top))


class Entry(Candidate):
    """A token of the answer, and the likeliest in its place."""

    top_logprobs: list[Candidate] | None = None


class Logprobs(msgspec.Struct):
    """The tokens of one chunk."""

    content: list[Entry] | None = None


def candidates(sampling: Sampling) -> int:
    """How many tokens to ask for in each place, to be told of the one that was taken; some tell nothing of none."""
    return max(sampling.top_logprobs, 1) if sampling.logprobs else 0


def biases(sampling: Sampling) -> dict[str, int]:
    """What is added to the logits of tokens, by their ids."""
    return {str(token): bias for token, bias in sampling.logit_bias}


class Spelling:
    """Puts the tokens of an answer to the words that they spell."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._waiting: list[TokenLogprob] = []  # parts of a character come before it

    def pieces(self, text: str, told: Logprobs | None) -> list[Piece]:
        """A chunk's text, cut where its tokens begin, each piece with its own; all of it with none where none is told.

        What was told of text that was kept back (a model's own marks around JSON or a call) is left out.
        """
        entries = (told.content or ()) if told and self._sampling.logprobs else ()
        tokens = [entry.told((entry.top_logprobs or ())[: self._sampling.top_logprobs]) for entry in entries]
        tokens = [*self._waiting[-WAITING:], *tokens]
        self._waiting = [] if text else tokens
        if not text:
            return []
        spelling = _spelling(text, tokens)
        return list(_cut(spelling)) if spelling else [(text, tuple(tokens))]


def _cut(tokens: list[TokenLogprob]) -> Iterator[Piece]:
    """The text they spell, cut between tokens wherever that is between characters."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    text, own = "", list[TokenLogprob]()
    for token in tokens:
        text += decoder.decode(token.data)
        own.append(token)
        if text and not decoder.getstate()[0]:
            yield text, tuple(own)
            text, own = "", []


def _spelling(text: str, tokens: list[TokenLogprob]) -> list[TokenLogprob]:
    """The last of the tokens, as many as spell the text; none where they do not."""
    data, begin, size = text.encode(), len(tokens), 0
    while begin and size < len(data):
        begin -= 1
        size += len(tokens[begin].data)
    last = tokens[begin:]
    return last if b"".join(token.data for token in last) == data else []
