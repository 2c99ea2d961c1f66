"""Spoken answers, in pieces."""

import base64

from vivavoce.conform.asking import aloud, spoken_stream, streamed
from vivavoce.conform.check import Group
from vivavoce.conform.seen import Seen, fail
from vivavoce.conform.sound import Sound, decoded, is_file
from vivavoce.conform.streams import add_stream_checks
from vivavoce.conform.subject import Subject

GROUP = Group("spoken-stream")
add_stream_checks(GROUP, spoken_stream)


async def _found(subject: Subject, key: str) -> list[Seen]:
    return [found for audio in (await subject.once(spoken_stream)).audio() if (found := audio.get(key)) is not None]


async def _once(subject: Subject, key: str) -> Seen:
    found = await _found(subject, key)
    if len(found) != 1:
        fail(f"delta.audio.{key} once", f"{len(found)} times" if found else "none")
    return found[0]


@GROUP.must
async def identity(subject: Subject) -> None:
    """The sound's `id` comes once: helpers join what comes twice."""
    (await _once(subject, "id")).text()


@GROUP.should
async def identity_first(subject: Subject) -> None:
    """The sound's `id` comes before its words and before the sound itself."""
    audio = (await subject.once(spoken_stream)).audio()
    if not audio or audio[0].get("id") is None:
        fail("the id first", "something else")


@GROUP.must
async def transcript(subject: Subject) -> None:
    """The pieces of the transcript, joined, are an answer."""
    pieces = await _found(subject, "transcript")
    Seen("".join(piece.text(filled=False) for piece in pieces), "the joined delta.audio.transcript").text()


@GROUP.must
async def base64_pieces(subject: Subject) -> None:
    """Every piece of sound is base64."""
    for piece in (await subject.once(spoken_stream)).pieces():
        decoded(piece)


@GROUP.must
async def joinable(subject: Subject) -> None:
    """Every piece of sound but the last is a multiple of 3 bytes: clients join the base64 and decode it once."""
    await _multiple(subject, 3)


@GROUP.must
async def whole_samples(subject: Subject) -> None:
    """Every piece of sound is a multiple of 2 bytes: clients play each by itself."""
    await _multiple(subject, 2)


async def _multiple(subject: Subject, of: int) -> None:
    pieces = [decoded(piece) for piece in (await subject.once(spoken_stream)).pieces()]
    odd = [len(piece) for piece in (pieces[:-1] if of == 3 else pieces) if len(piece) % of]
    if odd or not pieces:
        fail(f"pieces of a multiple of {of} bytes", f"one of {odd[0]}" if odd else "none")


@GROUP.must
async def sound(subject: Subject) -> None:
    """The pieces of sound, joined, are samples in which something is heard."""
    Sound(b"".join(decoded(piece) for piece in (await subject.once(spoken_stream)).pieces())).is_heard()


@GROUP.must
async def expires_at(subject: Subject) -> None:
    """`expires_at` comes once: helpers add up what comes twice."""
    (await _once(subject, "expires_at")).whole(least=1_000_000_000)


@GROUP.should
async def expires_at_alone(subject: Subject) -> None:
    """`expires_at` is alone in its delta, and comes before the usage."""
    stream = await subject.once(spoken_stream)
    if [list(audio.fields()) for audio in stream.audio() if audio.get("expires_at")] != [["expires_at"]]:
        fail("expires_at alone, once", "more beside it" if await _found(subject, "expires_at") else "none")
    paid = False
    for chunk in stream.all:
        paid = paid or chunk.get("usage") is not None
        choices = chunk.get("choices")
        if paid and choices is not None and any(choice["delta"].get("audio") for choice in choices.items()):
            fail("the usage after it", "the usage before it")


@GROUP.should
async def content_is_null(subject: Subject) -> None:
    """The words are never in `content` as well."""
    for delta in (await subject.once(spoken_stream)).deltas():
        if (content := delta.get("content")) is not None:
            content.is_not("nothing, or null")


@GROUP.should
async def other_formats(subject: Subject) -> None:
    """A streamed format but `pcm16` is 400 `unsupported_value`, `param` `audio.format`, or really streamed."""
    answer = await subject.chat(**aloud(subject, "mp3", stream=True))
    if answer.status == 400:
        answer.refused(400, param="audio.format", code="unsupported_value")
        return
    pieces = (await streamed(subject, **aloud(subject, "mp3"))).pieces()
    is_file(b"".join(base64.b64decode(piece.text()) for piece in pieces), "mp3")
