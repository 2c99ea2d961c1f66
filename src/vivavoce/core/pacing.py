"""How much to say next: as much as the sound already sent leaves time for. Knows no engine."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from vivavoce.core.language import language_of
from vivavoce.core.phrases import LIMIT, Cut, Phrases, Piece

CHARACTERS_A_SECOND = 15.0
"""A usual pace, until a piece has been heard to its end."""
CARE = 2.0
"""A voice is counted on to be no slower than so many times what it was."""
_SHORT = 2 * CHARACTERS_A_SECOND
"""Characters that are not worth a cut."""
LEAST_COST = 0.02
"""Of a second, for one of sound: however fast a voice is, a piece is not endless."""


class Pacing:
    """What is known of an answer being said: how long its sound still lasts, and how fast its voice is.

    Whoever plays the sound began when the first of it was sent. So long as a piece is made in the time that the sound
    before it lasts, nobody hears a gap: a voice that is as fast as speech may be given as many seconds of text as
    there are seconds left, and one that is ten times as fast ten times as many.
    """

    def __init__(self, clock: Callable[[], float], speed: float = 1.0) -> None:
        """`clock` tells seconds; `speed` is how much faster than usual is to be spoken."""
        self._clock = clock
        self._ends = 0.0
        self._a_second = CHARACTERS_A_SECOND * speed
        self._cost = 1.0

    @property
    def left_s(self) -> float:
        """How long the sound that was sent still lasts."""
        return max(self._ends - self._clock(), 0.0)

    def sent(self, seconds: float) -> None:
        """Sound of so many seconds is on its way."""
        self._ends = max(self._ends, self._clock()) + seconds

    def learn(self, text: str, seconds: float, took_s: float) -> None:
        """`text` took so long to say, and to make."""
        if text and seconds:
            self._a_second = len(text) / seconds
            self._cost = min(1.0, max(CARE * took_s / seconds, LEAST_COST))

    def part(self, text: str, seconds: float) -> float:
        """How much of `text` is said after `seconds` of it, 0 to 1."""
        return min(seconds * self._a_second / len(text), 1.0)

    @property
    def room(self) -> int:
        """How many characters can be made into sound while there is still some."""
        return math.ceil(self.left_s / self._cost * self._a_second)

    def spare_s(self, characters: int) -> float:
        """How long so many characters can still wait; negative or 0: they are due."""
        return self.left_s - characters / self._a_second * self._cost


class Pieces:
    """The words of one answer, given in pieces: a first one soon, later ones as long as there is room."""

    def __init__(self, cutter: Phrases, pacing: Pacing | None = None) -> None:
        """`pacing`: None where nobody hears it before all of it is there, and there is room for whole sentences."""
        self._cutter = cutter
        self._pacing = pacing
        self._ready: deque[Piece] = deque()
        self._begun = False

    @property
    def hungry(self) -> bool:
        """Whether more words, if they are there already, may change what is said next."""
        return not self._ready or (self._begun and sum(len(piece.text) for piece in self._ready) < LIMIT)

    def feed(self, delta: str) -> None:
        """Take the next characters."""
        self._ready.extend(self._cutter.feed(delta))

    def end(self) -> None:
        """Nothing more will come."""
        self._ready.extend(self._cutter.end())

    def next(self, *, due: bool = False) -> Piece | None:
        """What is to be said now; None while it is better to wait for more, or nothing is left.

        Whole sentences, as many as there is room for; where there is room for none, the part of one. `due`: the
        patience has ended, and the part of a sentence that is still being thought will do.
        """
        if not self._ready:
            at = self._due_at() if due else 0
            return self._cutter.take(at) if at else None
        piece = self._ready.popleft()
        if not self._begun:
            self._begun = any(map(str.isalnum, piece.text))
            return piece
        room = self._pacing.room if self._pacing else LIMIT
        if len(piece.text) > max(room, _SHORT) and (at := _fitting(piece.places, room)):
            piece, rest = piece.split(at)
            self._ready.appendleft(rest)
            return piece
        while self._ready and _together(piece, self._ready[0], room):
            piece = _joined(piece, self._ready.popleft())
        return piece

    @property
    def patience_s(self) -> float | None:
        """How long to wait for more words before what there is is said; None: until they come.

        What is ready waits for none. Of a sentence that has not ended, a part is due when the sound runs out.
        """
        if self._ready:
            return 0
        at = self._due_at() if self._begun else 0
        return max(self._pacing.spare_s(at), 0) if at and self._pacing else None

    def _due_at(self) -> int:
        """Where the sentence that has not ended is cut if it is not waited for any longer; 0: nowhere."""
        return _fitting(self._cutter.places, self._pacing.room) if self._pacing else 0


def _fitting(places: Sequence[tuple[int, Cut]], room: int) -> int:
    """The best place with no more than `room` before it, and not much less: of a good kind, then a late one.

    Where there is none, and a gap may be heard, the first of all, so that it is short; 0: nowhere.
    """
    fitting = [(at > room / 3, kind, at) for at, kind in places if at <= room]
    return max(fitting)[2] if fitting else next((at for at, _ in places), 0)


def _together(piece: Piece, following: Piece, room: int) -> bool:
    """Whether two pieces may be said in one go: a line ends a go, and so does a language."""
    both = len(piece.text) + len(following.text)
    return (
        both <= min(room, LIMIT)
        and piece.cut is Cut.END
        and "\n" not in piece.text.strip() + following.text.rstrip()
        and language_of(piece.text, "") == language_of(following.text, "")
    )


def _joined(piece: Piece, following: Piece) -> Piece:
    return replace(piece, text=piece.text + following.text, end=following.end, cut=following.cut)
