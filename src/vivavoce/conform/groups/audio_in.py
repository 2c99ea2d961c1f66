"""Recordings in messages."""

from typing import Any

from vivavoce.conform.asking import message
from vivavoce.conform.check import Group
from vivavoce.conform.seen import Seen
from vivavoce.conform.sound import write_wav
from vivavoce.conform.subject import Subject, recorded

GROUP = Group("audio-in")
BRIEF = {"type": "text", "text": "Answer in one sentence."}


async def heard(subject: Subject, *parts: dict[str, Any], before: Any = ()) -> Seen:
    """What is answered to a message of these parts."""
    return (await subject.chat(messages=[*before, {"role": "user", "content": list(parts)}])).json()


async def answered(subject: Subject, *parts: dict[str, Any], before: Any = ()) -> None:
    """There is an answer in text."""
    message(await heard(subject, *parts, before=before))["content"].text()


async def to_a_recording(subject: Subject) -> Seen:
    """The answer to a WAV alone."""
    return await heard(subject, recorded(subject.recordings.wav, "wav"))


@GROUP.must
async def wav(subject: Subject) -> None:
    """A WAV alone is answered."""
    message(await subject.once(to_a_recording))["content"].text()


@GROUP.must
async def mp3(subject: Subject) -> None:
    """An MP3 alone is answered."""
    await answered(subject, recorded(subject.recordings.mp3, "mp3"))


@GROUP.must
async def several(subject: Subject) -> None:
    """Two recordings and a text in one message are taken."""
    recordings = [recorded(subject.recordings.wav, "wav"), recorded(subject.recordings.mp3, "mp3")]
    await answered(subject, *recordings, BRIEF)


@GROUP.must
async def earlier(subject: Subject) -> None:
    """A recording in an earlier turn is taken."""
    asked = {"role": "user", "content": [recorded(subject.recordings.wav, "wav")]}
    before = [asked, {"role": "assistant", "content": "Paris."}]
    await answered(subject, BRIEF, recorded(subject.recordings.wav, "wav"), before=before)


@GROUP.must
async def streamed_wav(subject: Subject) -> None:
    """A WAV whose sizes are 0xFFFFFFFF is taken: clients send back what speech endpoints stream."""
    await answered(subject, recorded(write_wav(subject.recordings.sound, endless=True), "wav"))


@GROUP.may
async def mislabelled(subject: Subject) -> None:
    """An MP3 that is called a WAV is taken: the bytes say what they are."""
    await answered(subject, recorded(subject.recordings.mp3, "wav"))


@GROUP.may
async def data_url(subject: Subject) -> None:
    """A `data:` URL is taken where base64 stands."""
    part = recorded(subject.recordings.wav, "wav")
    part["input_audio"]["data"] = f"data:audio/wav;base64,{part['input_audio']['data']}"
    await answered(subject, part)


async def _refused(subject: Subject, part: dict[str, Any], **told: str) -> None:
    (await subject.chat(messages=[{"role": "user", "content": [part]}])).refused(400, **told)


@GROUP.must
async def no_sound(subject: Subject) -> None:
    """Bytes that are no sound are 400, in the envelope."""
    await _refused(subject, recorded(b"this is not a recording" * 20, "wav"))


@GROUP.should
async def no_sound_code(subject: Subject) -> None:
    """Bytes that are no sound are `unsupported_format`, `param` `messages`."""
    await _refused(
        subject, recorded(b"this is not a recording" * 20, "wav"), param="messages", code="unsupported_format"
    )


@GROUP.must
async def empty(subject: Subject) -> None:
    """A recording without bytes is 400, in the envelope."""
    await _refused(subject, recorded(b"", "wav"))


@GROUP.must
async def no_base64(subject: Subject) -> None:
    """What is not base64 is 400, in the envelope."""
    await _refused(subject, {"type": "input_audio", "input_audio": {"data": "!not base64!", "format": "wav"}})


@GROUP.must
async def no_data(subject: Subject) -> None:
    """A recording without `data` is 400, in the envelope."""
    await _refused(subject, {"type": "input_audio", "input_audio": {"format": "wav"}})
