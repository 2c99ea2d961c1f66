"""A turn that has been let in, and how whoever works for it knows."""

import math
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

UNREAD_S = 0.5
"""A turn that has waited this long for its reader is held up by it."""

ADMITTED_S = 60.0
"""The longest that a turn which was let in waits for one place."""

_admitted: ContextVar["Admitted | None"] = ContextVar("admitted", default=None)
_background: ContextVar[bool] = ContextVar("background", default=False)


class Admitted:
    """A turn that has been let in. Times are by the event loop's clock, in seconds."""

    def __init__(self, project: str, began: float, *, background: bool = False) -> None:
        self.project = project
        self.came = began
        self.began = began
        self.background = background
        """Whether nobody waits for it: it is done while there is nobody else, and gives way to whoever comes."""
        self.calls = 0
        """How many calls to engines are under way for it, or wait for a place."""
        self._unread_since: float | None = None
        self._unread_s = 0.0
        self._held_up_at = 0.0
        """When it was, or will be, held up by its reader."""
        self._held_up_until = -math.inf
        self._sounds_until: float | None = None

    @property
    def waited_s(self) -> float:
        """How long it waited to be let in."""
        return self.began - self.came

    def unread(self, now: float) -> None:
        """It waits for its reader from now on; who has just been waited for is given no more time."""
        self._unread_since = now
        self._held_up_at = now if now - self._held_up_until < UNREAD_S else now + UNREAD_S

    def read(self, now: float) -> None:
        """Its reader has taken what there was."""
        if self._unread_since is None:
            return
        waited_s = now - self._unread_since
        self._unread_s += waited_s
        if self._sounds_until is not None:
            self._sounds_until += waited_s  # what was not taken was not played
        if now >= self._held_up_at:
            self._held_up_until = now
        self._unread_since = None

    def held_up(self, now: float) -> bool:
        """Whether its reader alone is what it waits for."""
        return not self.calls and self._unread_since is not None and now >= self._held_up_at

    def worked_s(self, now: float) -> float:
        """How long it has been worked on: its time but for that of its reader."""
        unread_s = self._unread_s + (0.0 if self._unread_since is None else now - self._unread_since)
        return now - self.began - unread_s

    def sounded(self, seconds: float, now: float) -> None:
        """So much more sound is on its way to its listener."""
        self._sounds_until = max(self._sounds_until or now, now) + seconds

    def ahead_s(self, now: float) -> float | None:
        """How long its listener still has something to hear; None: there has been nothing yet."""
        if self._sounds_until is None:
            return None
        return max(0.0, self._sounds_until - (now if self._unread_since is None else self._unread_since))


@contextmanager
def working_for(turn: Admitted) -> Generator[None, None, None]:
    """Have all that is called inside this, and in the tasks it starts, know whom it works for."""
    before = _admitted.set(turn)
    try:
        yield
    finally:
        _admitted.reset(before)


@contextmanager
def in_background() -> Generator[None, None, None]:
    """Have all turns that begin inside this, and in the tasks it starts, give way to all others."""
    before = _background.set(True)
    try:
        yield
    finally:
        _background.reset(before)


def is_background() -> bool:
    """Whether the caller works in the background."""
    return _background.get()


def admitted() -> Admitted | None:
    """The turn that the caller works for; None where nobody let one in."""
    return _admitted.get()


def patience_s(otherwise_s: float) -> float:
    """How long the caller waits for a place: a turn that was let in longer than those whom nobody let in."""
    return otherwise_s if admitted() is None else ADMITTED_S
