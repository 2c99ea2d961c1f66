"""Word and character error rate: how much of what was said a recogniser misheard."""

import re
import unicodedata

UNSPACED = frozenset({"ja", "km", "lo", "my", "th", "yue", "zh"})
"""Languages written without spaces between words: what is counted of them is characters."""

_SPELLINGS = {"mr": "mister", "mrs": "missus", "dr": "doctor", "okay": "ok"}


def words(text: str) -> list[str]:
    """Lower-case words without punctuation; an apostrophe inside a word stays; hyphens part words."""
    found: list[str] = re.findall(r"\w+(?:'\w+)*", text.lower().replace("’", "'"))
    return [_SPELLINGS.get(word, word) for word in found]


def characters(text: str) -> list[str]:
    """Lower-case letters and digits, whatever their width, without spaces and punctuation."""
    return [character for character in unicodedata.normalize("NFKC", text).lower() if character.isalnum()]


def distance(said: list[str], heard: list[str]) -> int:
    """Fewest words, or characters, to change, drop or add to make `heard` into `said`."""
    row = list(range(len(heard) + 1))
    for i, mine in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, theirs in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (mine != theirs))
    return row[-1]


def wer(pairs: list[tuple[str, str]]) -> float:
    """Word error rate over (said, heard) pairs together: errors by words said."""
    return _rate([(words(said), words(heard)) for said, heard in pairs])


def cer(pairs: list[tuple[str, str]]) -> float:
    """Character error rate over (said, heard) pairs together: errors by characters said."""
    return _rate([(characters(said), characters(heard)) for said, heard in pairs])


def _rate(pairs: list[tuple[list[str], list[str]]]) -> float:
    errors = sum(distance(said, heard) for said, heard in pairs)
    return errors / max(1, sum(len(said) for said, _ in pairs))
