"""The sound of pieces said one after another, joined as if they had been said in one go. Knows no engine."""

from array import array

from vivavoce.core.audio import QUIET, SAMPLE_BYTES, SPOKEN_RATE
from vivavoce.core.places import Cut

PAUSES_S = {Cut.END: (0.24, 0.32), Cut.CLAUSE: (0.08, 0.12)}
"""The pause between two pieces, at least and at most, by where the text was cut: somewhat less than voices make."""
NO_PAUSE_S = (0.0, 0.03)
"""Where a reader would not have stopped; and before the first word, for which somebody waits."""
_LEAD_S = 0.02
"""Of the pause, left to the piece that follows: its breath."""
_HELD = SPOKEN_RATE * SAMPLE_BYTES  # of silence; a voice that is silent for more than this second means it
_FRAME = 120  # samples that are looked at together: 5 ms
_FADE = 48  # samples: 2 ms


class Joins:
    """Takes the sound of pieces, and gives it with one pause of the right length wherever two of them meet.

    A voice ends a piece with silence and begins the next with more of it, or with none at all. The quiet end of what
    came is held back until something follows it, and the rest of the pause until that is there.
    """

    def __init__(self, speed: float = 1.0) -> None:
        """`speed`: how much faster than usual is spoken; pauses are so much shorter."""
        self._speed = speed
        self._tail = b""  # the end of what came: its silence, and no less than is faded
        self._loud = 0  # bytes of it before its silence
        self._lead = b""  # the silence that the piece begins with
        self._joint: Cut | None = None  # what the piece before ended with, until the first sound of this one
        self._given = self._own = 0  # bytes of the pause there that are out already, and how many the voice made

    def begin(self, before: Cut) -> None:
        """A piece begins. What is before it ended so; `Cut.NEVER`: nothing is."""
        self._joint = max(before, self._joint or Cut.NEVER)

    def pause(self) -> bytes:
        """What is certain of the pause before the piece that has begun, so that it sounds while that is made."""
        sure = self._bytes(PAUSES_S.get(self._joint or Cut.NEVER, NO_PAUSE_S)[0]) - self._bytes(_LEAD_S)
        if sure <= 0 or self._given or self._lead:
            return b""
        self._given, self._own = sure, min(len(self._tail) - self._loud, sure)
        certain, self._loud = self._loud + self._own, 0
        ending, self._tail = self._tail[:certain], self._tail[certain:]
        return _faded(ending, out=True) + bytes(sure - self._own)

    def add(self, sound: bytes) -> bytes:
        """What may go out, now that more of the piece has come."""
        before = b""
        if self._joint is None:
            sound = self._tail + sound
        else:
            quiet = min(_quiet(sound, from_end=False), _HELD - len(self._lead))
            self._lead += sound[:quiet]
            if quiet == len(sound) and len(self._lead) < _HELD:
                return b""
            before, sound = self._joined(self._joint, self._lead), sound[quiet:]
            self._joint, self._lead = None, b""
        loud = len(sound) - _quiet(sound, from_end=True)
        sent = max(len(sound) - max(min(len(sound) - loud, _HELD), _FADE * SAMPLE_BYTES), 0)
        self._tail, self._loud = sound[sent:], max(loud - sent, 0)
        return before + sound[:sent]

    def end(self) -> bytes:
        """The silence that ends it all, as the voice made it."""
        rest, self._tail, self._lead, self._loud = self._tail + self._lead, b"", b"", 0
        return rest

    def _joined(self, joint: Cut, lead: bytes) -> bytes:
        """What was held back and the silence before the sound that now comes, with the right pause in it."""
        loud = self._loud
        least, most = map(self._bytes, PAUSES_S.get(joint, NO_PAUSE_S))
        made = self._own + len(self._tail) - loud + len(lead)
        pause = min(max(made, least), most) - self._given
        self._given = self._own = 0
        after = min(len(lead), max(pause - (len(self._tail) - loud), pause // 2 // SAMPLE_BYTES * SAMPLE_BYTES))
        before = min(len(self._tail) - loud, pause - after)
        ending = _faded(self._tail[: loud + before], out=True)
        beginning = _faded(lead[len(lead) - after :], out=False)
        return ending + bytes(pause - before - after) + beginning

    def _bytes(self, seconds: float) -> int:
        return int(seconds / self._speed * SPOKEN_RATE) * SAMPLE_BYTES


def _quiet(sound: bytes, *, from_end: bool) -> int:
    """How many bytes of silence `sound` begins or ends with."""
    samples = memoryview(sound).cast("h")[:: -1 if from_end else 1]
    rest = sound.rstrip(b"\0") if from_end else sound.lstrip(b"\0")
    quiet = (len(sound) - len(rest)) // SAMPLE_BYTES  # nothing at all, as some voices' silence is
    while quiet < len(samples):
        frame = samples[quiet : quiet + _FRAME].tolist()
        if max(frame) > QUIET or min(frame) < -QUIET:
            return (quiet + next(at for at, sample in enumerate(frame) if abs(sample) > QUIET)) * SAMPLE_BYTES
        quiet += len(frame)
    return quiet * SAMPLE_BYTES


def _faded(sound: bytes, *, out: bool) -> bytes:
    """`sound` rising from nothing, or falling to it, where it would otherwise begin or end at once."""
    samples = array("h", sound)
    length = min(_FADE, len(samples))
    edge = slice(len(samples) - length, len(samples)) if out else slice(0, length)
    steps = reversed(range(length)) if out else range(length)
    samples[edge] = array("h", [sample * at // length for sample, at in zip(samples[edge], steps, strict=True)])
    return samples.tobytes()
