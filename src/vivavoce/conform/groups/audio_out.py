"""Spoken answers, whole."""

from vivavoce.conform.asking import aloud, choice, message, said, spoken
from vivavoce.conform.check import Group, Look
from vivavoce.conform.seen import fail
from vivavoce.conform.sound import RATE, decoded, is_file
from vivavoce.conform.subject import Subject, recorded

GROUP = Group("audio-out")
HOUR_S = 3600


def _format(form: str) -> Look:
    async def look(subject: Subject) -> None:
        is_file(decoded(message(await subject.once(spoken, form))["audio"]["data"]), form)

    return look


for name in ("mp3", "flac", "opus", "pcm16"):
    GROUP.add(name, "must", f"`format` `{name}` gives such a file.", _format(name))
GROUP.add("aac", "should", "`format` `aac` gives such a file.", _format("aac"))


@GROUP.must
async def wav(subject: Subject) -> None:
    """`format` `wav` gives a WAV of one channel of 16 bits in which something is heard."""
    (await subject.once(said)).is_heard()


@GROUP.should
async def wav_rate(subject: Subject) -> None:
    """A WAV has 24000 samples a second."""
    if (rate := (await subject.once(said)).rate) != RATE:
        fail(f"{RATE} samples a second", str(rate))


@GROUP.must
async def transcript(subject: Subject) -> None:
    """The words are in `audio.transcript`."""
    message(await subject.once(spoken))["audio"]["transcript"].text()


@GROUP.should
async def content_is_null(subject: Subject) -> None:
    """`content` is null beside the sound."""
    message(await subject.once(spoken))["content"].null()


@GROUP.must
async def identity(subject: Subject) -> None:
    """The sound has an `id`, by which a later turn may name it."""
    message(await subject.once(spoken))["audio"]["id"].text()


@GROUP.must
async def expires_at(subject: Subject) -> None:
    """`audio.expires_at` is later than `created`."""
    answer = await subject.once(spoken)
    message(answer)["audio"]["expires_at"].whole(answer["created"].whole() + 1)


@GROUP.should
async def for_an_hour(subject: Subject) -> None:
    """The sound is there for an hour."""
    answer = await subject.once(spoken)
    message(answer)["audio"]["expires_at"].near(answer["created"].whole() + HOUR_S, 60)


@GROUP.must
async def finish_reason(subject: Subject) -> None:
    """A spoken answer ends with `stop` or `length`."""
    choice(await subject.once(spoken))["finish_reason"].one_of("stop", "length")


@GROUP.should
async def refusal_and_annotations(subject: Subject) -> None:
    """`refusal` is null and `annotations` a list."""
    found = message(await subject.once(spoken))
    found["refusal"].null()
    found["annotations"].items()


@GROUP.must
async def to_a_recording(subject: Subject) -> None:
    """A recording is answered aloud."""
    content = [recorded(subject.recordings.wav, "wav")]
    answer = (await subject.chat(**aloud(subject, messages=[{"role": "user", "content": content}]))).json()
    message(answer)["audio"]["transcript"].text()


@GROUP.should
async def silent_unless_asked(subject: Subject) -> None:
    """With `modalities` `["text"]` an `audio` object changes nothing: the answer is text."""
    content = [recorded(subject.recordings.wav, "wav")]
    asked = aloud(subject, messages=[{"role": "user", "content": content}], modalities=["text"])
    message((await subject.chat(**asked)).json())["content"].text()


@GROUP.should
async def custom_voice(subject: Subject) -> None:
    """A voice may be named as an object with its `id`."""
    audio = {"voice": {"id": subject.names.voice}, "format": "wav"}
    message((await subject.chat(**aloud(subject, audio=audio))).json())["audio"]["data"].text()


@GROUP.may
async def sound_alone(subject: Subject) -> None:
    """`modalities` `["audio"]` is answered aloud."""
    message((await subject.chat(**aloud(subject, modalities=["audio"]))).json())["audio"]["data"].text()


@GROUP.should
async def several_answers(subject: Subject) -> None:
    """With `n` 2 there are two sounds, each with an `id` of its own."""
    answer = (await subject.chat(**aloud(subject, n=2))).json()
    ids = {choice(answer, index)["message"]["audio"]["id"].text() for index in (0, 1)}
    if len(ids) != 2:
        fail("two ids", "the same twice")


@GROUP.must
async def unknown_voice(subject: Subject) -> None:
    """A voice that is not there is 400, in the envelope."""
    (await subject.chat(**aloud(subject, audio={"voice": "conform-nobody", "format": "wav"}))).refused(400)


@GROUP.should
async def unknown_voice_param(subject: Subject) -> None:
    """A voice that is not there is told with `param` `audio.voice`."""
    asked = aloud(subject, audio={"voice": "conform-nobody", "format": "wav"})
    (await subject.chat(**asked)).refused(400, param="audio.voice")


@GROUP.should
async def unknown_format(subject: Subject) -> None:
    """A format that is not there is 400, `param` `audio.format`."""
    asked = aloud(subject, audio={"voice": subject.names.voice, "format": "conform"})
    (await subject.chat(**asked)).refused(400, param="audio.format")


@GROUP.should
async def no_audio_object(subject: Subject) -> None:
    """`modalities` with audio but no `audio` object is 400, `param` `audio`."""
    (await subject.chat(**aloud(subject, audio=None))).refused(400, param="audio")
