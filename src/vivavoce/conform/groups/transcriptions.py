"""`/audio/transcriptions`."""

import base64
import math
import re
from typing import Any

from vivavoce.conform.answer import Answer, Events
from vivavoce.conform.check import Group
from vivavoce.conform.seen import Seen, Skipped, fail
from vivavoce.conform.sound import Sound, write_wav
from vivavoce.conform.subject import Subject

GROUP = Group("transcriptions")
PATH = "/audio/transcriptions"
SRT = re.compile(r"1\r?\n\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}\r?\n\S")
VTT = re.compile(r"WEBVTT\r?\n\r?\n(?:\d\d:)?\d\d:\d\d\.\d{3} --> (?:\d\d:)?\d\d:\d\d\.\d{3}\r?\n\S")


def model_of(name: str | None) -> str:
    """The model that is to hear, if there is one."""
    if name is None:
        raise Skipped("no model that writes down what is said; see --transcription-model")
    return name


async def heard(subject: Subject, data: bytes | None = None, *, path: str = PATH, **fields: Any) -> Answer:
    """What comes for a recording."""
    asked = {"model": model_of(subject.names.hearing)} | fields
    return await subject.upload(path, subject.recordings.wav if data is None else data, **asked)


async def captioned(subject: Subject, form: str) -> Answer:
    """What comes from the model that knows times."""
    fields: Any = {"timestamp_granularities[]": ["word", "segment"]} if form == "verbose_json" else {}
    return (await heard(subject, model=model_of(subject.names.captions), response_format=form, **fields)).ok()


async def short(subject: Subject) -> Seen:
    """What comes as it comes by default."""
    return (await heard(subject)).json()


@GROUP.must
async def json(subject: Subject) -> None:
    """A recording gives JSON with its `text`."""
    (await subject.once(short))["text"].text()


@GROUP.should
async def usage(subject: Subject) -> None:
    """`usage` tells tokens that sum, or whole seconds."""
    cost = (await subject.once(short))["usage"]
    cost["type"].one_of("tokens", "duration")
    if cost["type"].value == "duration":
        cost["seconds"].near(math.ceil(subject.recordings.sound.seconds), 1)
        return
    cost["total_tokens"].near(cost["input_tokens"].whole(least=1) + cost["output_tokens"].whole(least=1), 0)


@GROUP.must
async def mp3(subject: Subject) -> None:
    """An MP3 gives its text."""
    answer = await subject.upload(PATH, subject.recordings.mp3, "question.mp3", model=model_of(subject.names.hearing))
    answer.json()["text"].text()


@GROUP.must
async def unnamed(subject: Subject) -> None:
    """A file called `upload` of no kind is taken: SDKs send bytes so."""
    model = model_of(subject.names.hearing)
    answer = await subject.upload(PATH, subject.recordings.wav, "upload", "application/octet-stream", model=model)
    answer.json()["text"].text()


@GROUP.must
async def text(subject: Subject) -> None:
    """`response_format` `text` is plain text."""
    answer = (await heard(subject, response_format="text")).ok()
    answer.is_of("text/plain")
    Seen(answer.body.decode("utf-8", errors="replace"), "the body").text()


@GROUP.must
async def srt(subject: Subject) -> None:
    """`response_format` `srt` gives captions with times."""
    _like(await subject.once(captioned, "srt"), SRT)


@GROUP.must
async def vtt(subject: Subject) -> None:
    """`response_format` `vtt` gives captions with times."""
    _like(await subject.once(captioned, "vtt"), VTT)


def _like(answer: Answer, pattern: re.Pattern[str]) -> None:
    if not pattern.match(answer.body.decode("utf-8", errors="replace")):
        fail("captions", f"{len(answer.body)} bytes of something else")


@GROUP.must
async def verbose_json(subject: Subject) -> None:
    """`verbose_json` has `task`, `language`, `duration` and `text`."""
    found = (await subject.once(captioned, "verbose_json")).json()
    found["task"].one_of("transcribe")
    found["language"].text()
    found["text"].text()
    found["duration"].near(subject.recordings.sound.seconds, 0.5)


@GROUP.must
async def segments(subject: Subject) -> None:
    """Segments have their number, words and times."""
    for segment in (await subject.once(captioned, "verbose_json")).json()["segments"].items(least=1):
        segment["id"].whole()
        segment["text"].text()
        _in_order(segment)


@GROUP.should
async def words(subject: Subject) -> None:
    """Words have their times, one after the other."""
    before = 0.0
    for word in (await subject.once(captioned, "verbose_json")).json()["words"].items(least=1):
        word["word"].text()
        if word["start"].number() < before - 0.1:
            word["start"].is_not(f"at least {before:g}")
        before = _in_order(word)


def _in_order(timed: Seen) -> float:
    if timed["end"].number() < timed["start"].number():
        timed["end"].is_not("not before start")
    return timed["end"].number()


async def events(subject: Subject) -> Events:
    """What comes in pieces."""
    return (await heard(subject, stream="true")).events()


@GROUP.should
async def stream(subject: Subject) -> None:
    """`stream` gives `transcript.text.delta`, then `transcript.text.done` with all of it and the usage."""
    found = (await subject.once(events)).json()
    for event in found[:-1]:
        event["type"].one_of("transcript.text.delta")
    found[-1]["type"].one_of("transcript.text.done")
    if "".join(event["delta"].text(filled=False) for event in found[:-1]) != found[-1]["text"].text():
        fail("pieces that join to the text", "another text")
    found[-1]["usage"]["type"].one_of("tokens", "duration")


@GROUP.should
async def stream_done(subject: Subject) -> None:
    """`data: [DONE]` ends the stream."""
    if not (await subject.once(events)).done:
        fail("[DONE], once, at the end", "none there")


@GROUP.must
async def hints(subject: Subject) -> None:
    """`language`, `prompt` and `temperature` are taken."""
    (await heard(subject, language="en", prompt="A question.", temperature="0")).json()["text"].text()


@GROUP.should
async def chunking_strategy(subject: Subject) -> None:
    """`chunking_strategy` is taken as `auto` and as an object in both of its encodings."""
    detected = {"type": "server_vad", "threshold": "0.4"}
    ways: list[dict[str, Any]] = [
        {"chunking_strategy": "auto"},
        {"chunking_strategy": '{"type": "server_vad", "threshold": 0.4}'},
        {f"chunking_strategy[{key}]": value for key, value in detected.items()},
    ]
    for way in ways:
        (await heard(subject, **way)).json()["text"].text()


@GROUP.may
async def logprobs(subject: Subject) -> None:
    """With `include[]` `logprobs` the words have their likelihood."""
    fields: Any = {"include[]": "logprobs", "response_format": "json"}
    answer = await heard(subject, **fields)
    for token in answer.json()["logprobs"].items(least=1):
        token["logprob"].number()


@GROUP.may
async def as_json(subject: Subject) -> None:
    """The recording may come as JSON: Open WebUI sends it so."""
    audio = {"data": base64.b64encode(subject.recordings.wav).decode(), "format": "wav"}
    body = {"model": model_of(subject.names.hearing), "input_audio": audio}
    (await subject.post(PATH, body)).json()["text"].text()


@GROUP.must
async def no_sound(subject: Subject) -> None:
    """A file that is no sound is 400, in the envelope."""
    (await heard(subject, b"this is not a recording" * 20)).refused(400)


@GROUP.should
async def too_short(subject: Subject) -> None:
    """A recording under a tenth of a second is 400 `audio_too_short`, `param` `file`."""
    answer = await heard(subject, write_wav(Sound(bytes(320), 16_000)))
    answer.refused(400, param="file", code="audio_too_short")


@GROUP.must
async def no_file(subject: Subject) -> None:
    """A form without a file is 400, in the envelope."""
    model = model_of(subject.names.hearing)
    answer = await subject.ask("POST", PATH, data={}, files={"model": (None, model)})
    answer.refused(400)


@GROUP.must
async def no_model(subject: Subject) -> None:
    """A form without a model is 400, in the envelope."""
    model_of(subject.names.hearing)
    (await subject.upload(PATH, subject.recordings.wav)).refused(400)


@GROUP.must
async def unknown_model(subject: Subject) -> None:
    """A model that is not there is 404, in the envelope."""
    (await heard(subject, model="conform-no-such-model")).refused(404)


@GROUP.should
async def language(subject: Subject) -> None:
    """A language that there is not is 400, `param` `language`."""
    (await heard(subject, language="conform")).refused(400, param="language")


@GROUP.should
async def format_unknown(subject: Subject) -> None:
    """A format that is not there is 400, `param` `response_format`."""
    (await heard(subject, response_format="conform")).refused(400, param="response_format")
