"""Text into speakable pieces as it streams. Knows no engine and no clock."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from vivavoce.core.places import Cut, best_cut, is_wide

LIMIT = 240
"""Weight at which a sentence is cut at a lesser place: a wide character (CJK) weighs 3, any other 1."""
FIRST_LIMIT = 72
"""The same for a first piece: four or five seconds, which whoever waits for it may not have to wait out."""
_PLAIN = re.compile(r"(?<=[\sA-Za-z0-9])[A-Za-z0-9]{1,64}")
"""What follows of a plain word: no cut can fall within it, nor between it and the space before it."""
_FENCE = re.compile(r"[ \t]{0,40}(?:`{3}|~{3})")
_FENCE_LINE = re.compile(r"(`{3,}(?=[^`]*$)|~{3,}).*")

FirstPiece: TypeAlias = Literal["clause", "sentence"]


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
        pieces: list[Piece] = []
        while (place := self._next(final=final)) is not None:
            pieces.append(self._take(*place))
        return pieces

    def _next(self, *, final: bool) -> tuple[int, Cut] | None:
        """Where the next piece ends in what is left, and with what; None: that is not certain yet."""
        limit = FIRST_LIMIT if self._eager else LIMIT
        while self._at < len(self._text):
            at = self._at
            plain = _PLAIN.match(self._text, at) if self._weight < 2 * LIMIT else None
            if plain:
                self._at = plain.end()
                self._count(self._at - at)
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
                self._at += 1
                here = self._text[at]
                space = here.isspace()
                word = not space and (self._in_word or here.isalnum())
                self._count(3 if is_wide(here) else 1, word=word, space=space)
            if self._weight > limit and self._spare[1]:
                return self._spare[1], self._spare[0]
        return None

    def _count(self, weight: int, *, word: bool = True, space: bool = False) -> None:
        self._weight += weight
        self._words += word and not self._in_word
        self._in_word = word
        self._blank = self._blank and space

    def _kind(self, at: int, *, final: bool) -> Cut | None:
        """How good a cut before the character at `at` is; None: that hangs on the characters to come."""
        here = self._text[at]
        if here in "\r\n":
            return self._newline(at)
        if self._fence or self._blank or (self._line >= 0 and _FENCE.match(self._text, self._line)):
            return Cut.NEVER
        return best_cut(self._text, at, self._weight, final=final)

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
    return words, sum(3 if is_wide(one) else 1 for one in text)
