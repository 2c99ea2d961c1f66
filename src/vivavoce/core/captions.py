"""Cuts what was heard into lines people can read while they listen, and finds each word in its text."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from vivavoce.core.engines import Transcript, Word

PAUSE_S = 0.5
"""Whoever is silent this long has ended a line."""
LONGEST_S = 8.0
LONGEST_CHARACTERS = 84
SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")
UNSPACED = ((0x0E00, 0x0EFF), (0x3000, 0x30FF), (0x3400, 0x9FFF), (0xFF00, 0xFFEF))
"""Thai and Lao, Kana, Chinese characters, full-width signs: scripts that put no space between words."""


@dataclass(frozen=True, slots=True)
class Caption:
    """One line."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None
    """0 to 1."""


def captions(transcripts: Iterable[Transcript], seconds: float) -> list[Caption]:
    """Cut transcripts into lines: at pauses and the ends of sentences, none longer than people read at a glance.

    A transcript without word times is one line.

    Args:
        transcripts: what was heard, in order.
        seconds: how long the recording is; the end of a transcript that tells none.
    """
    return [caption for transcript in transcripts for caption in _lines(transcript, seconds) if caption.text]


def whole_text(texts: Sequence[str]) -> str:
    """One text of several, with a space between them where their script has one."""
    told = [text.strip() for text in texts if text.strip()]
    return "".join(space_before(text, first=not at) + text for at, text in enumerate(told))


def space_before(text: str, *, first: bool) -> str:
    """What goes between earlier text and `text`: a space, or nothing."""
    spaced = bool(text) and not any(low <= ord(text[0]) <= high for low, high in UNSPACED)
    return " " if spaced and not first else ""


def word_ends(text: str, words: Sequence[Word]) -> list[int] | None:
    """Where each word ends in `text`, with the punctuation after it; None where the words are not those of the text."""
    lowered, at, starts = text.lower(), 0, list[int]()
    if len(lowered) != len(text):  # some letters are two when they are small
        lowered = text
    for word in words:
        found = lowered.find(word.text.strip().lower(), at)
        if found < 0:
            return None
        starts.append(found)
        at = found + len(word.text.strip())
    return [len(text[:start].rstrip()) for start in [*starts[1:], len(text)]] if starts else None


def _lines(transcript: Transcript, seconds: float) -> Iterator[Caption]:
    text, words = transcript.text.strip(), transcript.words
    ends = word_ends(text, words)
    if ends is None:
        end_s = transcript.end_s if transcript.end_s > transcript.start_s else seconds
        yield Caption(text, transcript.start_s, end_s, transcript.confidence)
        return
    first, begun = 0, 0
    for at in range(len(words)):
        if at + 1 == len(words) or _ends_line(text, words, ends, (first, begun, at)):
            yield _line(text[begun : ends[at]], words[first : at + 1])
            first, begun = at + 1, ends[at]


def _ends_line(text: str, words: Sequence[Word], ends: Sequence[int], now: tuple[int, int, int]) -> bool:
    """Whether the line from word `first`, character `begun` on ends with word `at`."""
    first, begun, at = now
    following = words[at + 1]
    return (
        following.start_s - words[at].end_s >= PAUSE_S
        or text[begun : ends[at]].rstrip().endswith(SENTENCE_ENDS)
        or following.end_s - words[first].start_s > LONGEST_S
        or len(text[begun : ends[at + 1]].strip()) > LONGEST_CHARACTERS
    )


def _line(text: str, words: Sequence[Word]) -> Caption:
    sure = [word.confidence for word in words if word.confidence is not None]
    confidence = sum(sure) / len(sure) if sure else None
    return Caption(text.strip(), words[0].start_s, words[-1].end_s, confidence)
