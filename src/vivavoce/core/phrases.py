"""Text into speakable pieces as it streams. Knows no engine and no clock."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Literal, TypeAlias

from vivavoce.core.small_words import ABBREVIATIONS, BEFORE_NUMBER, BEGINNERS, LEANERS, SUBJECTS, VERBS

LIMIT = 240
"""Weight at which a sentence is cut at a lesser place: a wide character (CJK) weighs 3, any other 1."""
_LAST_RESORT = 4 * LIMIT  # a run this long is no word, number or address, and one call must not take it whole
FIRST_LIMIT = 72
"""The same for a first piece: four or five seconds, which whoever waits for it may not have to wait out."""
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
_INSIDE = re.compile(r"(?<=[A-Za-z0-9])[A-Za-z0-9]{1,64}")
"""The next of a plain word that has begun, where no cut can fall."""
_FENCE = re.compile(r"[ \t]{0,40}(?:`{3}|~{3})")
_FENCE_LINE = re.compile(r"(`{3,}(?=[^`]*$)|~{3,}).*")
_INITIALS = re.compile(r"[^\W\d_]|(?:[^\W\d_]{1,2}\.-?)+[^\W\d_]{1,2}")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")  # Thai, Lao, Burmese, Khmer
# One, though their categories do not say so: vowel and consonant, flags, anything and a skin tone, Thai sign or jamo.
_PAIR = re.compile(
    r"(?s:[\u0e40-\u0e44\u0ec0-\u0ec4]|[\U0001f1e6-\U0001f1ff]{2}|"
    r".[\U0001f3fb-\U0001f3ff\u0e33\u0e46\u0eb3\u0ec6\uff9e\uff9f\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff])"
)
_WORD = re.compile(r"[^\W\d_]+")


FirstPiece: TypeAlias = Literal["clause", "sentence"]


class Cut(IntEnum):
    """How good a place to cut is: a bad one, between two words, before a phrase, after a clause, after a sentence."""

    NEVER, LETTER, SPACE, PHRASE, CLAUSE, END = range(6)


@dataclass(frozen=True, slots=True)
class Piece:
    """What is to be said in one go: characters `start` to `end` of the answer. Only the last may be all white space."""

    text: str
    start: int
    end: int
    cut: Cut = field(default=Cut.END, compare=False)
    """What it ends with."""
    places: tuple[tuple[int, Cut], ...] = field(default=(), compare=False)
    """Where else it may be cut, before which character of its text, each leaving something to say before it."""

    def split(self, at: int) -> "tuple[Piece, Piece]":
        """The two pieces that a cut before the character at `at`, one of its places, makes of it."""
        cut = dict(self.places)[at]
        before = tuple(place for place in self.places if place[0] < at)
        rest = Piece(self.text[at:], self.start + at, self.end, self.cut)
        after = [(place - at, kind) for place, kind in self.places if place > at]
        kept = tuple((place, kind) for place, kind in after if _enough(*_measured(rest.text[:place]), kind, _LEAST))
        return Piece(self.text[:at], self.start, self.start + at, cut, before), replace(rest, places=kept)


class Phrases:
    """Cuts a streamed answer into pieces: joined, they are the answer, and they do not depend on how it was chunked.

    A cut stands before the white space it falls on, so a piece says at once what it can, and later ones begin with it.
    """

    def __init__(self, first_piece: FirstPiece = "clause") -> None:
        """`first_piece`: whether the first piece may be a clause or a phrase; all later ones are sentences."""
        self._eager = first_piece == "clause"
        self._fence = ""  # what closes the code block we are in
        self._begin("", 0)

    def feed(self, delta: str) -> list[Piece]:
        """Take the next characters; give the pieces that are now certain, mostly none."""
        self._text += delta
        return self._pieces(final=False)

    @property
    def places(self) -> Sequence[tuple[int, Cut]]:
        """Where what came and was not given may be cut, as far as that is decided; as of a piece."""
        return self._places

    def take(self, at: int) -> Piece:
        """Give what is left up to one of its `places`."""
        return self._take(at, dict(self._places)[at])

    def end(self) -> list[Piece]:
        """Nothing more will come: give all that is left."""
        pieces = self._pieces(final=True)
        if self._text:
            pieces.append(self._take(len(self._text), Cut.END))
        return pieces

    def _begin(self, text: str, start: int) -> None:
        self._text = text  # what came and was not given
        self._start = start
        self._at = 0  # the places before this one are decided
        self._line = -1 if start else 0  # where the line begins; -1: before what is left
        self._weight = 0
        self._words = 0
        self._in_word = False
        self._blank = True
        self._places: list[tuple[int, Cut]] = []
        self._spare = (Cut.NEVER, 0, 0)  # where to cut a sentence that gets too long: kind, place, weight before it

    def _take(self, at: int, cut: Cut) -> Piece:
        inner = tuple(place for place in self._places if place[0] < at)
        piece = Piece(self._text[:at], self._start, self._start + at, cut, inner)
        self._eager = self._eager and not any(map(str.isalnum, piece.text))
        self._begin(self._text[at:], piece.end)
        return piece

    def _pieces(self, *, final: bool) -> list[Piece]:
        return [self._take(*place) for place in iter(lambda: self._next(final=final), (0, Cut.NEVER))]

    def _next(self, *, final: bool) -> tuple[int, Cut]:
        """Where the next piece ends in what is left, and with what; 0: that is not certain yet."""
        limit = FIRST_LIMIT if self._eager else LIMIT
        while self._at < len(self._text):
            at = self._at
            inside = _INSIDE.match(self._text, at) if self._weight < _LAST_RESORT // 2 else None
            if inside:
                self._weight += inside.end() - at
                self._at = inside.end()
            else:
                kind = self._kind(at, final=final)
                if kind is None:
                    break
                if kind is Cut.END:
                    return at, kind
                if self._eager and _enough(self._words, self._weight, kind, _WORTH):
                    return at, kind
                if _enough(self._words, self._weight, kind, _LEAST):
                    self._places.append((at, kind))
                if kind and (kind >= self._spare[0] or self._spare[2] < limit // 3):
                    self._spare = (kind, at, self._weight)
                self._count(self._text[at])
                self._at += 1
            if self._weight > limit and self._spare[1]:
                return self._spare[1], self._spare[0]
        return 0, Cut.NEVER

    def _count(self, character: str) -> None:
        self._weight += 3 if _wide(character) else 1
        space = character.isspace()
        self._blank = self._blank and space
        self._words += character.isalnum() and not self._in_word
        self._in_word = not space and (self._in_word or character.isalnum())

    def _kind(self, at: int, *, final: bool) -> Cut | None:
        """How good a cut before the character at `at` is; None: that hangs on the characters to come."""
        here = self._text[at]
        if here in "\r\n":
            return self._newline(at)
        if self._fence or self._blank or (self._line >= 0 and _FENCE.match(self._text, self._line)):
            return Cut.NEVER
        if not here.isspace():
            return _between(self._text, at, self._weight)
        if here in _GLUE or self._text[at - 1].isspace():
            return Cut.NEVER
        after = self._text[at + 1 : at + 2]
        kind = _at_space(self._text[:at], after if after or final else None, self._weight)
        return self._between_words(at, final=final) if kind is Cut.SPACE else kind

    def _between_words(self, at: int, *, final: bool) -> Cut | None:
        """How good a cut at the space at `at` is, by the words on both its sides."""
        following = _WORD.match(self._text, at + 1)
        if not final and (following.end() if following else at + 1) == len(self._text):
            return None
        if following is None:
            return Cut.SPACE
        before = self._text[:at].rsplit(None, 1)[-1].casefold()
        if before in LEANERS:
            return Cut.LETTER
        word = following[0].casefold()
        begins = word in BEGINNERS or (word in VERBS and before not in SUBJECTS)
        return Cut.PHRASE if begins else Cut.SPACE

    def _newline(self, at: int) -> Cut:
        line = self._text[self._line : at].strip()
        opened = _FENCE_LINE.fullmatch(line)
        self._line = at + 1
        if self._fence:
            closed = line.startswith(self._fence) and not line.strip(self._fence[0])
            self._fence = "" if closed else self._fence
        elif opened:
            self._fence = opened[1]
        return Cut.NEVER if self._fence or self._blank else Cut.END


# Words or weight of a piece that ends so. To be said first: about a second of sound.
_WORTH = {Cut.PHRASE: (4, 20), Cut.CLAUSE: (3, 15)}
# To be said at all, by a voice that is hardly faster than speech and has little to go on.
_LEAST = {Cut.SPACE: (3, 15), Cut.PHRASE: (2, 12), Cut.CLAUSE: (2, 8)}


def _enough(words: int, weight: int, cut: Cut, measure: dict[Cut, tuple[int, int]]) -> bool:
    if cut not in measure:
        return False
    least_words, least_weight = measure[cut]
    return words >= least_words or weight >= least_weight


def _measured(text: str) -> tuple[int, int]:
    """Its words and its weight."""
    words = sum(any(map(str.isalnum, word)) for word in text.split())
    return words, sum(3 if _wide(one) else 1 for one in text)


def _at_space(head: str, after: str | None, weight: int) -> Cut | None:
    """The place after `head`, before a space and then `after`: one character, "" at the end, None while unknown."""
    token = head.rsplit(None, 1)[-1]
    core = token.rstrip(_CLOSERS)
    mark = core[-1:]
    if mark == ".":
        kind = _at_dot(core, head[: -len(token)][-2:].strip(), after)
    else:
        kind = Cut.END if mark in _ENDS else Cut.CLAUSE if mark in _CLAUSES or core in _DASHES else Cut.SPACE
    if kind is Cut.END:  # "Really?" she asked: the sentence goes on where a small letter follows the quotation
        unsure, otherwise = core != token, Cut.SPACE if after and after.islower() else kind
    elif core in _DASHES or core.rstrip(",;:–—-…")[-1:].isdigit():  # 10 000; March 3, 2024; 5 - 3
        goes_on = after and (after.isdigit() or after in _SIGNS)
        unsure, otherwise = True, kind if not goes_on else Cut.NEVER if kind is Cut.SPACE else Cut.SPACE
    else:
        unsure = kind is Cut.SPACE and bool(_UNSPACED.match(head[-1]))
        stops = after and _UNSPACED.match(after) and after not in "ๆໆ"  # these repeat the word before them
        pause = Cut.END if weight >= _UNSPACED_WEIGHT else Cut.CLAUSE
        otherwise = pause if stops else kind
    return kind if not unsure else None if after is None else otherwise


def _at_dot(core: str, before: str, after: str | None) -> Cut | None:
    """The place after a word and its dot; `before`: the last character of the word before it, if there is one."""
    if core.endswith(".."):
        return Cut.CLAUSE
    word = core[:-1].lstrip(_OPENERS).casefold()
    item = word.isdigit() and len(word) < 3 and (not before or before in _STAYS)  # the number of a list's item
    if not word or item or word in ABBREVIATIONS or _INITIALS.fullmatch(word):
        return Cut.NEVER
    if not BEFORE_NUMBER.fullmatch(word):
        return Cut.END
    return None if after is None else Cut.NEVER if after.isdigit() else Cut.END


def _between(text: str, at: int, weight: int) -> Cut:
    """The place before a character that is no space."""
    before, here = text[at - 1], text[at]
    if here in _STAYS or before.isspace() or _joined(before, here):
        return Cut.NEVER
    stem = text[max(at - 8, 0) : at].rstrip(_CLOSERS)
    mark = stem[-1:]
    if mark in _BARE and (mark in _ENDS or mark == before) and not (here.isdigit() and stem[-2:-1].isdigit()):
        return Cut.END if mark in _ENDS else Cut.CLAUSE
    letters = all(_wide(one) or _UNSPACED.match(one) for one in (before, here))
    number = before.isnumeric() and here.isnumeric()  # 三十 is one too
    return Cut.LETTER if (letters and not number) or weight >= _LAST_RESORT else Cut.NEVER


def _joined(before: str, here: str) -> bool:
    """Whether two characters are one to a reader."""
    return (
        unicodedata.category(here) in {"Mn", "Mc", "Me", "Cf", "Cs"}
        or unicodedata.category(before) in {"Cf", "Cs"}
        or unicodedata.combining(before) == 9  # a virama ties the next consonant
        or bool(_PAIR.match(before + here))
    )


def _wide(character: str) -> bool:
    return character >= "\u1100" and unicodedata.east_asian_width(character) in "WF"
