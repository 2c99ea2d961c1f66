"""Text into speakable pieces as it streams. Knows no engine and no clock."""

import re
import unicodedata
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

LIMIT = 240
"""Weight at which a sentence is cut at a lesser place: a wide character (CJK) weighs 3, any other 1."""
_LAST_RESORT = 4 * LIMIT  # a run this long is no word, number or address, and one call must not take it whole
_WORTH_WORDS, _WORTH_WEIGHT = 3, 15  # of a first clause: about a second of sound
_UNSPACED_WEIGHT = 40  # from here on a space ends a sentence in scripts whose words have none between them

_ENDS = frozenset(".!?。！？｡।॥؟۔։።။។\u037e")
_CLAUSES = frozenset(",;:–—…，、；：，،؛")
_BARE = frozenset("。！？｡।॥؟۔։።။។—…，、；：،؛")  # these need no space after them
_DASHES = frozenset({"-", "--", "–", "—"})
_CLOSERS = "\"')]}»”’›」』）】》〉］*_`~"
_OPENERS = "\"'([{«“‘‹*_`~¿¡#-–—"
_STAYS = _ENDS | _CLAUSES | frozenset(_CLOSERS)
_GLUE = frozenset("\u00a0\u2007\u202f\u2060")  # spaces that hold together
_SIGNS = frozenset("$€£¥+−")
_FENCE = re.compile(r"[ \t]{0,40}(?:`{3}|~{3})")
_FENCE_LINE = re.compile(r"(`{3,}(?=[^`]*$)|~{3,}).*")
_INITIALS = re.compile(r"[^\W\d_]|(?:[^\W\d_]{1,2}\.-?)+[^\W\d_]{1,2}")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")  # Thai, Lao, Burmese, Khmer
# One, though their categories do not say so: vowel and consonant, flags, anything and a skin tone, Thai sign or jamo.
_PAIR = re.compile(
    r"(?s:[\u0e40-\u0e44\u0ec0-\u0ec4]|[\U0001f1e6-\U0001f1ff]{2}|"
    r".[\U0001f3fb-\U0001f3ff\u0e33\u0e46\u0eb3\u0ec6\uff9e\uff9f\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff])"
)
_ABBREVIATION = re.compile(
    "mr|mrs|ms|mx|dr|prof|rev|hon|st|mt|ft|gen|col|lt|sgt|capt|cmdr|adm|gov|sen|rep|jr|sr|vs|etc|approx|dept|est|"
    "inc|ltd|co|corp|bros|cf|al|viz|ave|blvd|rd|apt|tel|bzw|usw|ca|evtl|ggf|vgl|str|hr|mme|mlle|sra|srta|dhr|ul|np|др"
)
_BEFORE_NUMBER = re.compile("nos?|nr|num|vol|figs?|pp|art|sect?|ch|eq|op|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec")


@dataclass(frozen=True, slots=True)
class Piece:
    """What is to be said in one go: characters `start` to `end` of the answer. Only the last may be all white space."""

    text: str
    start: int
    end: int


class _Cut(IntEnum):
    """How good a place to cut is."""

    NEVER, LETTER, SPACE, CLAUSE, END = range(5)


class Phrases:
    """Cuts a streamed answer into pieces: joined, they are the answer, and they do not depend on how it was chunked.

    A cut stands before the white space it falls on, so a piece says at once what it can, and later ones begin with it.
    """

    def __init__(self, first_piece: Literal["clause", "sentence"] = "clause") -> None:
        """`first_piece`: whether the first piece may be a clause; all later ones are sentences."""
        self._eager = first_piece == "clause"
        self._fence = ""  # what closes the code block we are in
        self._begin("", 0)

    def feed(self, delta: str) -> list[Piece]:
        """Take the next characters; give the pieces that are now certain, mostly none."""
        self._text += delta
        return self._pieces(final=False)

    def end(self) -> list[Piece]:
        """Nothing more will come: give all that is left."""
        pieces = self._pieces(final=True)
        if self._text:
            pieces.append(self._take(len(self._text)))
        return pieces

    def _begin(self, text: str, start: int) -> None:
        self._text = text  # what came and was not given
        self._start = start
        self._at = 0  # the places before this one are decided
        self._line = -1 if start else 0  # where the line begins; -1: before what is left
        self._weight = 0
        self._blank = True
        self._spare = (_Cut.NEVER, 0, 0)  # where to cut a sentence that gets too long: kind, place, weight before it

    def _take(self, cut: int) -> Piece:
        piece = Piece(self._text[:cut], self._start, self._start + cut)
        self._eager = self._eager and not any(map(str.isalnum, piece.text))
        self._begin(self._text[cut:], piece.end)
        return piece

    def _pieces(self, *, final: bool) -> list[Piece]:
        return [self._take(cut) for cut in iter(lambda: self._next(final=final), 0)]

    def _next(self, *, final: bool) -> int:
        """Where the next piece ends in what is left; 0: that is not certain yet."""
        while self._at < len(self._text):
            at = self._at
            kind = self._kind(at, final=final)
            if kind is None:
                return 0
            if kind is _Cut.END or (kind is _Cut.CLAUSE and self._eager and self._worth(at)):
                return at
            if kind and (kind >= self._spare[0] or self._spare[2] < LIMIT // 3):
                self._spare = (kind, at, self._weight)
            self._weight += 3 if _wide(self._text[at]) else 1
            self._blank = self._blank and self._text[at].isspace()
            self._at += 1
            if self._weight > LIMIT and self._spare[1]:
                return self._spare[1]
        return 0

    def _worth(self, at: int) -> bool:
        words = sum(any(map(str.isalnum, word)) for word in self._text[:at].split())
        return words >= _WORTH_WORDS or self._weight >= _WORTH_WEIGHT

    def _kind(self, at: int, *, final: bool) -> _Cut | None:
        """How good a cut before the character at `at` is; None: that hangs on the characters to come."""
        here = self._text[at]
        if here in "\r\n":
            return self._newline(at)
        if self._fence or self._blank or (self._line >= 0 and _FENCE.match(self._text, self._line)):
            return _Cut.NEVER
        if not here.isspace():
            return _between(self._text, at, self._weight)
        if here in _GLUE or self._text[at - 1].isspace():
            return _Cut.NEVER
        after = self._text[at + 1 : at + 2]
        return _at_space(self._text[:at], after if after or final else None, self._weight)

    def _newline(self, at: int) -> _Cut:
        line = self._text[self._line : at].strip()
        opened = _FENCE_LINE.fullmatch(line)
        self._line = at + 1
        if self._fence:
            closed = line.startswith(self._fence) and not line.strip(self._fence[0])
            self._fence = "" if closed else self._fence
        elif opened:
            self._fence = opened[1]
        return _Cut.NEVER if self._fence or self._blank else _Cut.END


def _at_space(head: str, after: str | None, weight: int) -> _Cut | None:
    """The place after `head`, before a space and then `after`: one character, "" at the end, None while unknown."""
    token = head.rsplit(None, 1)[-1]
    core = token.rstrip(_CLOSERS)
    mark = core[-1:]
    if mark == ".":
        kind = _at_dot(core, head[: -len(token)][-2:].strip(), after)
    else:
        kind = _Cut.END if mark in _ENDS else _Cut.CLAUSE if mark in _CLAUSES or core in _DASHES else _Cut.SPACE
    if kind is _Cut.END:  # "Really?" she asked: the sentence goes on where a small letter follows the quotation
        unsure, otherwise = core != token, _Cut.SPACE if after and after.islower() else kind
    elif core in _DASHES or core.rstrip(",;:–—-…")[-1:].isdigit():  # 10 000; March 3, 2024; 5 - 3
        goes_on = after and (after.isdigit() or after in _SIGNS)
        unsure, otherwise = True, kind if not goes_on else _Cut.NEVER if kind is _Cut.SPACE else _Cut.SPACE
    else:
        unsure = kind is _Cut.SPACE and bool(_UNSPACED.match(head[-1]))
        stops = after and _UNSPACED.match(after) and after not in "ๆໆ"  # these repeat the word before them
        pause = _Cut.END if weight >= _UNSPACED_WEIGHT else _Cut.CLAUSE
        otherwise = pause if stops else kind
    return kind if not unsure else None if after is None else otherwise


def _at_dot(core: str, before: str, after: str | None) -> _Cut | None:
    """The place after a word and its dot; `before`: the last character of the word before it, if there is one."""
    if core.endswith(".."):
        return _Cut.CLAUSE
    word = core[:-1].lstrip(_OPENERS).casefold()
    item = word.isdigit() and len(word) < 3 and (not before or before in _STAYS)  # the number of a list's item
    if not word or item or _ABBREVIATION.fullmatch(word) or _INITIALS.fullmatch(word):
        return _Cut.NEVER
    if not _BEFORE_NUMBER.fullmatch(word):
        return _Cut.END
    return None if after is None else _Cut.NEVER if after.isdigit() else _Cut.END


def _between(text: str, at: int, weight: int) -> _Cut:
    """The place before a character that is no space."""
    before, here = text[at - 1], text[at]
    if here in _STAYS or before.isspace() or _joined(before, here):
        return _Cut.NEVER
    stem = text[max(at - 8, 0) : at].rstrip(_CLOSERS)
    mark = stem[-1:]
    if mark in _BARE and (mark in _ENDS or mark == before) and not (here.isdigit() and stem[-2:-1].isdigit()):
        return _Cut.END if mark in _ENDS else _Cut.CLAUSE
    letters = all(_wide(one) or _UNSPACED.match(one) for one in (before, here))
    number = before.isnumeric() and here.isnumeric()  # 三十 is one too
    return _Cut.LETTER if (letters and not number) or weight >= _LAST_RESORT else _Cut.NEVER


def _joined(before: str, here: str) -> bool:
    """Whether two characters are one to a reader."""
    return (
        unicodedata.category(here) in {"Mn", "Mc", "Me", "Cf", "Cs"}
        or unicodedata.category(before) in {"Cf", "Cs"}
        or unicodedata.combining(before) == 9  # a virama ties the next consonant
        or bool(_PAIR.match(before + here))
    )


def _wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"
