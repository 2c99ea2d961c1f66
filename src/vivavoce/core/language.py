"""Which language a text is in, as far as its script tells."""

from bisect import bisect_right
from collections import Counter

# First and last code point of a script, its language, and how much a letter of it counts: an ideograph is about a word.
_SCRIPTS = (
    (0x0041, 0x024F, "", 1),
    (0x0370, 0x03FF, "el", 1),
    (0x0400, 0x052F, "ru", 1),
    (0x0531, 0x058F, "hy", 1),
    (0x0590, 0x05FF, "he", 1),
    (0x0600, 0x06FF, "ar", 1),
    (0x0750, 0x077F, "ar", 1),
    (0x0900, 0x097F, "hi", 1),
    (0x0980, 0x09FF, "bn", 1),
    (0x0A00, 0x0A7F, "pa", 1),
    (0x0A80, 0x0AFF, "gu", 1),
    (0x0B00, 0x0B7F, "or", 1),
    (0x0B80, 0x0BFF, "ta", 1),
    (0x0C00, 0x0C7F, "te", 1),
    (0x0C80, 0x0CFF, "kn", 1),
    (0x0D00, 0x0D7F, "ml", 1),
    (0x0D80, 0x0DFF, "si", 1),
    (0x0E00, 0x0E7F, "th", 1),
    (0x0E80, 0x0EFF, "lo", 1),
    (0x0F00, 0x0FFF, "bo", 1),
    (0x1000, 0x109F, "my", 1),
    (0x10A0, 0x10FF, "ka", 1),
    (0x1100, 0x11FF, "ko", 1),
    (0x1200, 0x139F, "am", 1),
    (0x1780, 0x17FF, "km", 1),
    (0x1E00, 0x1EFF, "", 1),
    (0x1F00, 0x1FFF, "el", 1),
    (0x3040, 0x30FF, "ja", 3),
    (0x3130, 0x318F, "ko", 1),
    (0x3400, 0x9FFF, "zh", 3),
    (0xAC00, 0xD7AF, "ko", 3),
    (0xF900, 0xFAFF, "zh", 3),
    (0xFB1D, 0xFB4F, "he", 1),
    (0xFB50, 0xFEFC, "ar", 1),
    (0xFF66, 0xFF9D, "ja", 1),
    (0x20000, 0x323AF, "zh", 3),
)
_FIRSTS = [first for first, *_ in _SCRIPTS]
_TOLD = frozenset(code for *_, code, _ in _SCRIPTS if code)

# Languages that share a script: the letters only they have, asked in this order.
_LETTERS = {
    "ru": (("be", "ўЎ"), ("uk", "ґєіїҐЄІЇ"), ("sr", "ђћџјљњЂЋЏЈЉЊ"), ("kk", "әғқңұәҒҚҢҰ")),
    "ar": (("ur", "ٹڈڑے"), ("fa", "پچژگ")),
}
# What a default may be for it to win over the commonest language of its script.
_SHARED = {
    "ru": frozenset({"be", "bg", "kk", "ky", "mk", "mn", "sr", "tg", "tt", "uk"}),
    "ar": frozenset({"fa", "ps", "ug", "ur"}),
    "hi": frozenset({"mr", "ne", "sa"}),
    "bn": frozenset({"as"}),
    "he": frozenset({"yi"}),
    "zh": frozenset({"ja", "yue"}),
}


def told_by_script(language: str) -> bool:
    """Whether a text in this language is known for it whatever the default is."""
    return language in _TOLD


def language_of(text: str, default: str = "en") -> str:
    """The ISO-639-1 code of the language most letters of `text` belong to.

    `default` where they are Latin, where there are none, and where the script is one that `default` is written in.
    """
    if text.isascii():
        return default
    counts: Counter[str] = Counter()
    for character, times in Counter(text).items():
        if character.isalpha():
            first, last, code, worth = _SCRIPTS[max(bisect_right(_FIRSTS, ord(character)) - 1, 0)]
            if first <= ord(character) <= last:
                counts[code] += worth * times
    if counts["ja"]:
        counts["ja"] += counts.pop("zh", 0)  # Chinese has no kana, Japanese has both
    code = max(counts, key=lambda code: counts[code], default="")
    for language, letters in _LETTERS.get(code, ()):
        if any(letter in text for letter in letters):
            return language
    return default if not counts[code] or not code or default in _SHARED.get(code, ()) else code
