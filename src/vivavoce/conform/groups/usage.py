"""What answers cost, in tokens."""

from vivavoce.conform.asking import add_up, said, spoken, spoken_stream, written
from vivavoce.conform.check import Group
from vivavoce.conform.groups.audio_in import to_a_recording
from vivavoce.conform.seen import Seen
from vivavoce.conform.sound import Sound, decoded
from vivavoce.conform.subject import Subject

GROUP = Group("usage")
HEARD, SAID = 10, 20
"""Tokens a second."""


def _total(usage: Seen) -> None:
    parts = usage["prompt_tokens"].whole() + usage["completion_tokens"].whole(least=1)
    usage["total_tokens"].near(parts, 0)


def _said(usage: Seen, sound: Sound) -> None:
    usage["completion_tokens_details"]["audio_tokens"].near(sound.seconds * SAID, 2)


@GROUP.must
async def written_total(subject: Subject) -> None:
    """The tokens of prompt and answer sum to the total, in text."""
    _total((await subject.once(written))["usage"])


@GROUP.must
async def spoken_total(subject: Subject) -> None:
    """The tokens of prompt and answer sum to the total, aloud."""
    _total((await subject.once(spoken))["usage"])


@GROUP.should
async def spoken_details(subject: Subject) -> None:
    """The details of a spoken answer sum to its totals, text and sound apart."""
    add_up((await subject.once(spoken))["usage"])


@GROUP.should
async def streamed_details(subject: Subject) -> None:
    """The same in a stream."""
    usage = (await subject.once(spoken_stream)).usage()
    _total(usage)
    add_up(usage)


@GROUP.should
async def written_has_no_sound(subject: Subject) -> None:
    """An answer in text costs no `audio_tokens`."""
    (await subject.once(written))["usage"]["completion_tokens_details"]["audio_tokens"].near(0, 0)


@GROUP.should
async def heard_rate(subject: Subject) -> None:
    """A recording costs 10 tokens a second."""
    seconds = subject.recordings.sound.seconds
    details = (await subject.once(to_a_recording))["usage"]["prompt_tokens_details"]
    details["audio_tokens"].near(seconds * HEARD, 1)


@GROUP.should
async def said_rate(subject: Subject) -> None:
    """A spoken answer costs 20 tokens a second."""
    _said((await subject.once(spoken))["usage"], await subject.once(said))


@GROUP.should
async def streamed_rate(subject: Subject) -> None:
    """The same in a stream."""
    stream = await subject.once(spoken_stream)
    _said(stream.usage(), Sound(b"".join(decoded(piece) for piece in stream.pieces())))
