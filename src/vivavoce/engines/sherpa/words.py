"""What sherpa-onnx says it heard, token by token, as a transcript with words."""

import math
from collections.abc import Sequence
from typing import Any

from vivavoce.core.engines import Transcript, Word

LONGEST_TOKEN_S = 0.4
"""A token whose end is not told ends where the next begins, or after so long."""
SPACES = (" ", "▁")


def transcript(
    found: Any, seconds: float, *, words: bool = False, final: bool = True, language: str | None = None
) -> Transcript:
    """The result of the library as ours; `seconds` of sound were heard. Words where the model tells when tokens are."""
    marks = list(getattr(found, "ys_log_probs", None) or getattr(found, "ys_probs", None) or [])
    said = getattr(found, "lang", "").strip("<|>")
    return Transcript(
        " ".join(found.text.split()),
        final,
        end_s=seconds,
        words=tuple(_words(found, marks, seconds)) if words else (),
        confidence=_likely(marks),
        language=said or language,
    )


def _words(found: Any, marks: Sequence[float], seconds: float) -> list[Word]:
    tokens, starts = list(found.tokens), [min(max(at, 0.0), seconds) for at in found.timestamps]
    if len(starts) != len(tokens):
        return []
    lengths = list(getattr(found, "durations", None) or [])
    nexts = [*starts[1:], seconds]
    ends = [
        min(seconds, at + lengths[i]) if len(lengths) == len(tokens) else min(nexts[i], at + LONGEST_TOKEN_S)
        for i, at in enumerate(starts)
    ]
    spaced = any(token.startswith(SPACES) for token in tokens)
    heard: list[Word] = []
    begins = True
    for i, token in enumerate(tokens):
        text = token.strip(" ▁")
        begins = begins or not spaced or token.startswith(SPACES)
        if not text:
            continue
        sure = _likely(marks[i : i + 1]) if len(marks) == len(tokens) else None
        if begins or not heard:
            heard.append(Word(text, starts[i], max(starts[i], ends[i]), sure))
        else:
            last = heard[-1]
            both = None if sure is None or last.confidence is None else min(sure, last.confidence)
            heard[-1] = Word(last.text + text, last.start_s, max(last.end_s, ends[i]), both)
        begins = False
    return heard


def _likely(marks: Sequence[float]) -> float | None:
    """The mean of logarithms of probabilities, as a probability."""
    return min(1.0, math.exp(sum(marks) / len(marks))) if marks else None
