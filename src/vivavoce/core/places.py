"""How good a place in a text is to cut it, by the characters and words on both its sides."""

import re
import unicodedata
from enum import IntEnum

from vivavoce.core.small_words import (
    ABBREVIATIONS,
    BEFORE_NUMBER,
    BEFORE_ORDINALS,
    BEGINNERS,
    CONJUNCTIONS,
    LEANERS,
    SUBJECTS,
    VERBS,
)

_LAST_RESORT = 960  # a run of this weight is no word, number or address, and one call must not take it whole
_ABBREVIATED = 5  # letters that a shortened word has at most
_UNSPACED_WEIGHT = 40  # from here on a space ends a sentence in scripts whose words have none between them

_ENDS = frozenset(".!?。！？｡।॥؟۔։።။។\u037e")
_CLAUSES = frozenset(",;:–—…，、；：،؛")
_BARE = frozenset("。！？｡।॥؟۔։።။។—…，、；：،؛")  # these need no space after them
_DASHES = frozenset({"-", "--", "–", "—"})
_CLOSERS = "\"')]}»”’›」』）】》〉］*_`~"
_OPENERS = "\"'([{«“‘‹*_`~¿¡#-–—"
_CLOSED = _CLOSERS + "“‘«"  # at a space these close, as in German
_LAST = _ENDS | _CLAUSES | frozenset(")\r\n") | {""}  # follow the last word of something
_STAYS = _ENDS | _CLAUSES | frozenset(_CLOSERS)
_GLUE = frozenset("\u00a0\u2007\u202f")  # spaces that hold together
_SIGNS = frozenset("$€£¥+−")
_NOON = frozenset({"a.m", "p.m"})
_INITIALS = re.compile(r"[^\W\d_]|(?:[^\W\d_]{1,2}\.-?)+[^\W\d_]{1,2}")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")  # Thai, Lao, Burmese, Khmer
# One, though their categories do not say so: vowel and consonant, flags, jamo and syllable, anything and a skin tone,
# Thai sign or jamo.
_PAIR = re.compile(
    r"(?s:[\u0e40-\u0e44\u0ec0-\u0ec4]|[\U0001f1e6-\U0001f1ff]{2}|[\u1100-\u115f\ua960-\ua97c][\uac00-\ud7a3]|"
    r".[\U0001f3fb-\U0001f3ff\u0e33\u0e46\u0eb3\u0ec6\uff9e\uff9f\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff])"
)
_IN_HOST = re.compile(r"://[^\s/,;!?]*$")
_NO_NAMES = SUBJECTS | BEGINNERS | LEANERS
_WORD = re.compile(r"[^\W\d_]+")


class Cut(IntEnum):
    """How good a place to cut is: a bad one, between two words, before a phrase, after a clause, after a sentence."""

    NEVER, LETTER, SPACE, PHRASE, CLAUSE, END = range(6)


def best_cut(text: str, at: int, weight: int, *, final: bool) -> Cut | None:
    """How good a cut before the character at `at` is; None: that hangs on the characters to come.

    `weight` is that of the piece so far; `final`: no more will come. No line ends at `at`.
    """
    here, before = text[at], text[at - 1]
    if not here.isspace():
        return _between(text, at, weight)
    if here in _GLUE or before.isspace():
        return Cut.NEVER
    after = text[at + 1 : at + 2]
    plain = before.isascii() and before.isalpha()  # most are: nothing ends there but a word
    kind = Cut.SPACE if plain else _at_space(text[:at], after if after or final else None, weight)
    if kind is Cut.SPACE:
        return _between_words(text, at, final=final)
    if kind is Cut.NEVER and before == ".":
        kind = _after_dot(text, at, final=final)
    return Cut.LETTER if kind is Cut.NEVER and weight >= _LAST_RESORT else kind


def is_wide(character: str) -> bool:
    """Whether it is as wide as two letters: Chinese, Japanese, Korean, and most emoji."""
    return character >= "\u1100" and unicodedata.east_asian_width(character) in "WF"


def _word_after(text: str, at: int, *, final: bool) -> str | None:
    """The word that begins behind the space at `at`, "" where none does; None: more of it may come."""
    found = _WORD.match(text, at + 1)
    end = found.end() if found else at + 1
    return text[at + 1 : end] if final or end < len(text) else None


def _after_dot(text: str, at: int, *, final: bool) -> Cut | None:
    """How good a cut is after initials, which end a sentence too: a small word that is capital begins the next one."""
    initials = text[:at].rsplit(None, 1)[-1][:-1].lstrip(_OPENERS).casefold()
    if not _INITIALS.fullmatch(initials):
        return Cut.NEVER
    word = _word_after(text, at, final=final)
    if word is None:
        return None
    begins = word[:1].isupper() and (initials in _NOON or (len(word) > 1 and word.casefold() in _NO_NAMES))
    return Cut.CLAUSE if begins else Cut.NEVER


def _between_words(text: str, at: int, *, final: bool) -> Cut | None:
    """How good a cut at the space at `at` is, by the words on both its sides."""
    following = _word_after(text, at, final=final)
    if following is None:
        return None
    before = text[:at].rsplit(None, 1)[-1].lstrip(_OPENERS).casefold()
    if before in LEANERS:
        return Cut.LETTER
    word, end = following.casefold(), at + 1 + len(following)
    if word and text[end : end + 1] in _LAST and word not in CONJUNCTIONS:
        return Cut.LETTER  # the people you live with.
    if word in BEGINNERS or (word in VERBS and before not in SUBJECTS):
        return Cut.PHRASE
    number = before[-1:].isdigit() or text[at + 1 : at + 2].isdigit()  # 9 a.m.; 12 euros; room 5
    return Cut.LETTER if number else Cut.SPACE


def _at_space(head: str, after: str | None, weight: int) -> Cut | None:
    """The place after `head`, before a space and then `after`: one character, "" at the end, None while unknown."""
    token = head.rsplit(None, 1)[-1]
    core = token.rstrip(_CLOSED)
    mark = core[-1:]
    if not core:
        return Cut.NEVER
    if mark == ".":
        kind = _at_dot(core, head[: -len(token)].rsplit(None, 1)[-1:], after)
    else:
        kind = Cut.END if mark in _ENDS else Cut.CLAUSE if mark in _CLAUSES or core in _DASHES else Cut.SPACE
    if kind is Cut.END:  # "Really?" she asked; from Mon. to Fri.: the sentence goes on where a small letter follows
        unsure = core != token or (mark == "." and sum(map(str.isalpha, core)) <= _ABBREVIATED)
        otherwise = Cut.SPACE if after and after.islower() else kind
    elif core in _DASHES or core.rstrip(",;:–—-…")[-1:].isdigit():  # 10 000; March 3, 2024; 5 - 3
        goes_on = after and (after.isdigit() or after in _SIGNS)
        unsure, otherwise = True, kind if not goes_on else Cut.NEVER if kind is Cut.SPACE else Cut.SPACE
    else:
        unsure = kind is Cut.SPACE and bool(_UNSPACED.match(head[-1]))
        stops = after and _UNSPACED.match(after) and after not in "ๆໆ"  # these repeat the word before them
        pause = Cut.END if weight >= _UNSPACED_WEIGHT else Cut.CLAUSE
        otherwise = pause if stops else kind
    return kind if not unsure else None if after is None else otherwise


def _at_dot(core: str, before: list[str], after: str | None) -> Cut | None:
    """The place after a word and its dot; `before`: the word before it, if there is one."""
    if core.endswith(".."):
        return Cut.CLAUSE
    word = core[:-1].lstrip(_OPENERS).casefold()
    if not word or word in ABBREVIATIONS or _INITIALS.fullmatch(word):
        return Cut.NEVER
    counts = word.isdigit() and len(word) < 3
    of = before[0].lstrip(_OPENERS).rstrip(".").casefold() if before else ""
    counted = BEFORE_NUMBER.fullmatch(of) or _INITIALS.fullmatch(of)  # No. 5. So; p. 5. So
    if counts and not counted and (not before or before[0][-1] in _STAYS or before[0].casefold() in BEFORE_ORDINALS):
        return Cut.NEVER  # 1. Mix well; am 3. Mai
    if counts or BEFORE_NUMBER.fullmatch(word):
        return None if after is None else Cut.NEVER if after.isdigit() or after.islower() else Cut.END
    return Cut.END


def _between(text: str, at: int, weight: int) -> Cut:
    """The place before a character that is no space."""
    before, here = text[at - 1], text[at]
    if here in _STAYS or before.isspace() or _joined(before, here):
        return Cut.NEVER
    stem = text[max(at - 8, 0) : at].rstrip(_CLOSERS)
    mark = stem[-1:]
    if (mark in _ENDS or mark == before) and _bare(text[:at], stem, here):
        return Cut.END if mark in _ENDS and stem[-2:] != ".." else Cut.CLAUSE
    letters = all(is_wide(one) or _UNSPACED.match(one) for one in (before, here))
    number = before.isnumeric() and here.isnumeric()  # 三十 is one too
    return Cut.LETTER if (letters and not number) or weight >= _LAST_RESORT else Cut.NEVER


def _bare(head: str, stem: str, here: str) -> bool:
    """Whether the mark that `stem`, the end of `head`, ends with needs no space before such a character."""
    if stem[-1:] in _BARE:
        return not (here.isdigit() and stem[-2:-1].isdigit())
    word = stem.rstrip(",;:.!?")  # nor do these in Chinese and Japanese
    sides = word[-1:] + here
    return word != stem and all(map(is_wide, sides)) and not sides.isnumeric() and not _IN_HOST.search(head)


def _joined(before: str, here: str) -> bool:
    """Whether two characters are one to a reader."""
    return (
        unicodedata.category(here) in {"Mn", "Mc", "Me", "Cf", "Cs"}
        or unicodedata.category(before) in {"Cf", "Cs"}
        or unicodedata.combining(before) == 9  # a virama ties the next consonant
        or bool(_PAIR.match(before + here))
        or (before == "~" and here.isdigit())  # about
    )
