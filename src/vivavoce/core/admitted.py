"""A turn that has been let in, and how whoever works for it knows."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

UNREAD_S = 0.5
"""A turn that has waited this long for its reader is held up by it."""

_admitted: ContextVar["Admitted | None"] = ContextVar("admitted", default=None)


class Admitted:
    """A turn that has been let in."""

    def __init__(self, project: str, began: float) -> None:
        self.project = project
        self.began = began
        """By the event loop's clock."""
        self.calls = 0
        """How many calls to engines are under way for it, or wait for a place."""
        self._unread_since: float | None = None
        self._unread_s = 0.0

    def unread(self, now: float) -> None:
        """It waits for its reader from now on."""
        self._unread_since = now

    def read(self, now: float) -> None:
        """Its reader has taken what there was."""
        if self._unread_since is not None:
            self._unread_s += now - self._unread_since
            self._unread_since = None

    def held_up(self, now: float) -> bool:
        """Whether its reader alone is what it waits for."""
        return not self.calls and self._unread_since is not None and now - self._unread_since >= UNREAD_S

    def worked_s(self, now: float) -> float:
        """How long it has been worked on: its time but for that of its reader."""
        unread_s = self._unread_s + (0.0 if self._unread_since is None else now - self._unread_since)
        return now - self.began - unread_s


@contextmanager
def working_for(turn: Admitted) -> Generator[None, None, None]:
    """Have all that is called inside this, and in the tasks it starts, know whom it works for."""
    before = _admitted.set(turn)
    try:
        yield
    finally:
        _admitted.reset(before)


def admitted() -> Admitted | None:
    """The turn that the caller works for; None where nobody let one in."""
    return _admitted.get()
