"""From turns to figures: quantiles by rank, of what was measured and nothing in between."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from vivavoce.benchmark.asking import End, Turn

HEARD = 0.95
"""Of the turns have to be within the limit."""


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of all is not above (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@dataclass(frozen=True, slots=True)
class Spread:
    """Of some values: half are at most `p50`, 19 of 20 at most `p95`; none: there was nothing to measure.

    An infinite one stands for turns that never came to it.
    """

    p50: float
    p95: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread | None":
        """Of these."""
        return cls(quantile(values, 0.5), quantile(values, HEARD)) if values else None


@dataclass(slots=True)
class Measured:
    """Everything that was seen at so many conversations at once."""

    conversations: int
    turns: list[Turn] = field(default_factory=list[Turn])
    transcripts: list[tuple[End, float]] = field(default_factory=list[tuple[End, float]])

    def ended(self, end: End) -> int:
        """How many turns ended so."""
        return sum(turn.end == end for turn in self.turns)

    @property
    def answered(self) -> list[Turn]:
        """The turns with an answer."""
        return [turn for turn in self.turns if turn.answered]

    def first_audio(self) -> Spread | None:
        """Of all turns; one without an answer is later than any."""
        return Spread.of([turn.first_audio_s or math.inf if turn.answered else math.inf for turn in self.turns])

    def after_speech(self) -> Spread | None:
        """From the end of a spoken question to the first audio."""
        return Spread.of([turn.first_audio_s for turn in self.answered if turn.spoken and turn.first_audio_s])

    def first_word(self) -> Spread | None:
        """From the question to the first word in writing."""
        return Spread.of([turn.first_word_s for turn in self.answered if turn.first_word_s])

    def total(self) -> Spread | None:
        """From the question to the end of the answer."""
        return Spread.of([turn.total_s for turn in self.answered])

    def real_time_factor(self) -> Spread | None:
        """How long an answer took over how long it sounds."""
        return Spread.of([turn.total_s / turn.player.sound_s for turn in self.answered])

    def transcript(self) -> Spread | None:
        """From a recording to its words."""
        return Spread.of([took_s for end, took_s in self.transcripts if end == "answered"])

    def gaps(self) -> tuple[int, float]:
        """How many gaps a player would have heard, and their seconds together."""
        return sum(turn.player.gaps for turn in self.turns), sum(turn.player.gap_s for turn in self.turns)

    def failures(self) -> dict[str, int]:
        """Why turns were refused or failed, and how many for each reason."""
        return dict(Counter(turn.why for turn in self.turns if not turn.answered).most_common())
