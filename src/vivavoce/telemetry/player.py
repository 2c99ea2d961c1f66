"""Plays a stream as a listener would who waits for nothing: what stops it is a gap."""

HEARD_S = 0.01
"""A shorter silence is the clock's, and not one that anybody hears."""


class Player:
    """Starts with the first sound it takes. Times are in seconds, from any beginning."""

    def __init__(self) -> None:
        self.gaps = 0
        self.silent_s = 0.0
        self._lasts_until: float | None = None

    def take(self, seconds: float, now: float) -> None:
        """Take a sound that came just now."""
        until = now if self._lasts_until is None else self._lasts_until
        if now - until > HEARD_S:
            self.gaps += 1
            self.silent_s += now - until
        self._lasts_until = max(until, now) + seconds
