"""How sure an engine is of what it heard, told as the original tells it: a logarithm for each token."""

import math
import re
from collections.abc import Sequence

from msgspec import Struct

from vivavoce.core.captions import space_before, word_ends
from vivavoce.core.engines import Transcript

SURELY_NOT = -9999.0
"""The logarithm the original gives for no chance at all."""
TOKEN = re.compile(r"\s*\S+")


class Logprob(Struct):
    """How sure the engine is of a token."""

    token: str
    logprob: float
    bytes: list[int]


def logprobs(heard: Sequence[Transcript], *, first: bool) -> list[Logprob] | None:
    """One entry for each piece of the text, which they spell; None where the engine tells no confidence.

    Args:
        heard: stretches of speech, in order.
        first: whether nothing was heard before them.
    """
    found: list[Logprob] = []
    for transcript in heard:
        tokens = _tokens(transcript)
        if tokens is None:
            return None
        for token, sure in tokens:
            text = token if found or not first else token.lstrip()
            found.append(Logprob(text, log_of(sure), list(text.encode())))
    return found


def log_of(confidence: float) -> float:
    """The natural logarithm of a confidence from 0 to 1."""
    return max(math.log(min(confidence, 1.0)), SURELY_NOT) if confidence > 0 else SURELY_NOT


def _tokens(transcript: Transcript) -> list[tuple[str, float]] | None:
    """The text in pieces with the confidence of each; None where the engine tells none."""
    text, words = transcript.text.strip(), transcript.words
    if not text:
        return []
    ends = word_ends(text, words)
    if ends is not None and all(word.confidence is not None for word in words):
        begins = [0, *ends[:-1]]
        pieces = [text[begin:end] for begin, end in zip(begins, ends, strict=True)]
        pieces[0] = space_before(text, first=False) + pieces[0]
        return [(piece, word.confidence or 0.0) for piece, word in zip(pieces, words, strict=True)]
    if transcript.confidence is None:
        return None
    return [(token, transcript.confidence) for token in TOKEN.findall(space_before(text, first=False) + text)]
