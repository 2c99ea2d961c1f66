"""`/audio/speech`."""

from typing import Any

from vivavoce.conform.answer import Answer, Events
from vivavoce.conform.check import Group, Look
from vivavoce.conform.seen import Seen, Skipped, fail
from vivavoce.conform.sound import Sound, decoded, is_file
from vivavoce.conform.subject import Subject

GROUP = Group("speech")
INPUT = "The quick brown fox jumps over the lazy dog."
KINDS = {
    "mp3": ("audio/mpeg",),
    "opus": ("audio/opus", "audio/ogg"),
    "aac": ("audio/aac",),
    "flac": ("audio/flac",),
    "wav": ("audio/wav",),
    "pcm": ("audio/pcm",),
}
LONGEST = 4096


async def said(subject: Subject, **fields: Any) -> Answer:
    """What comes for a text."""
    if subject.names.speech is None:
        raise Skipped("no model that reads aloud; see --speech-model")
    asked = {"model": subject.names.speech, "input": INPUT, "voice": subject.names.voice}
    body = {key: value for key, value in (asked | fields).items() if value != ""}
    return await subject.post("/audio/speech", body)


async def in_form(subject: Subject, form: str) -> Answer:
    """The text as a file of that kind."""
    return (await said(subject, response_format=form)).ok()


def _file(form: str) -> Look:
    async def look(subject: Subject) -> None:
        is_file((await subject.once(in_form, form)).body, form)

    return look


def _kind(form: str) -> Look:
    async def look(subject: Subject) -> None:
        (await subject.once(in_form, form)).is_of(*KINDS[form])

    return look


for name, kinds in KINDS.items():
    GROUP.add(name, "must", f"`response_format` `{name}` gives such a file.", _file(name))
    GROUP.add(f"{name}-type", "must", f"Its content type is {' or '.join(kinds)}.", _kind(name))


@GROUP.must
async def mp3_by_default(subject: Subject) -> None:
    """Without `response_format` it is MP3."""
    is_file((await said(subject)).ok().body, "mp3")


@GROUP.must
async def nulls(subject: Subject) -> None:
    """`null` is taken as not given: the Agents SDK sends `instructions: null`."""
    is_file((await said(subject, instructions=None, speed=None)).ok().body, "mp3")


@GROUP.should
async def speed(subject: Subject) -> None:
    """With `speed` 2 it takes less time to say."""
    usual = Sound((await subject.once(in_form, "pcm")).body).seconds
    fast = Sound((await said(subject, response_format="pcm", speed=2)).ok().body).seconds
    if fast > usual * 0.8:
        fail(f"much less than {usual:.1f} s", f"{fast:.1f} s")


@GROUP.should
async def request_id(subject: Subject) -> None:
    """The sound comes with an `x-request-id`."""
    if not (await subject.once(in_form, "pcm")).headers.get("x-request-id"):
        fail("x-request-id", "none")


async def events(subject: Subject) -> Events:
    """The text as events."""
    return (await said(subject, stream_format="sse", response_format="pcm")).events()


@GROUP.should
async def sse(subject: Subject) -> None:
    """`stream_format` `sse` gives `speech.audio.delta` with sound in base64, each to be decoded by itself."""
    found = (await subject.once(events)).json()
    sound = b""
    for event in found[:-1]:
        event["type"].one_of("speech.audio.delta")
        sound += decoded(event["audio"])
    Sound(sound).is_heard()


@GROUP.should
async def sse_usage(subject: Subject) -> None:
    """The last event is `speech.audio.done` with the usage, which sums."""
    last = (await subject.once(events)).json()[-1]
    last["type"].one_of("speech.audio.done")
    usage = last["usage"]
    usage["total_tokens"].near(usage["input_tokens"].whole() + usage["output_tokens"].whole(least=1), 0)


@GROUP.should
async def sse_done(subject: Subject) -> None:
    """`data: [DONE]` ends the events."""
    if not (await subject.once(events)).done:
        fail("[DONE], once, at the end", "none there")


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("no-input", {"input": ""}, "input"),
    ("no-voice", {"voice": ""}, "voice"),
    ("unknown-voice", {"voice": "conform-nobody"}, "voice"),
    ("long-input", {"input": "a" * (LONGEST + 1)}, "input"),
    ("speed-range", {"speed": 5}, "speed"),
    ("unknown-format", {"response_format": "conform"}, "response_format"),
]


def _refused(fields: dict[str, Any], param: str) -> Look:
    async def look(subject: Subject) -> None:
        (await said(subject, **fields)).refused(400, param=param)

    return look


for name, fields, param in REFUSED:
    GROUP.add(name, "should", f"Refused with 400, `param` `{param}`.", _refused(fields, param))


@GROUP.must
async def unknown_model(subject: Subject) -> None:
    """A model that is not there is 404, in the envelope."""
    (await said(subject, model="conform-no-such-model")).refused(404)


@GROUP.may
async def voices(subject: Subject) -> None:
    """`GET /audio/voices` lists the voices."""
    for voice in (await subject.get("/audio/voices")).json()["voices"].items(least=1):
        Seen(voice["id"].value, "voices[].id").text()
