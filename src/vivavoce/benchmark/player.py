"""A player that plays sound as it comes, and what it would have had to wait for."""

SLACK_S = 0.02
"""A pause that no player shows: less than what it hands to the sound card at once."""


class Player:
    """Plays at once what comes, with nothing put by."""

    def __init__(self) -> None:
        self.began_at: float | None = None
        self.until = 0.0
        """When what has come so far will have been played."""
        self.sound_s = 0.0
        self.gaps = 0
        self.gap_s = 0.0
        """All gaps together."""

    def add(self, at: float, seconds: float) -> None:
        """Sound of so many seconds has come at this time, in seconds of any one clock."""
        if seconds <= 0:
            return
        if self.began_at is None:
            self.began_at = self.until = at
        late_s = at - self.until
        if late_s > SLACK_S:
            self.gaps += 1
            self.gap_s += late_s
        self.until = max(self.until, at) + seconds
        self.sound_s += seconds
