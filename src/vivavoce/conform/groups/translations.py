"""`/audio/translations`."""

from typing import Any

from vivavoce.conform.answer import Answer
from vivavoce.conform.check import Group
from vivavoce.conform.groups.transcriptions import heard, model_of
from vivavoce.conform.seen import Seen, Skipped
from vivavoce.conform.subject import Subject

GROUP = Group("translations")
PATH = "/audio/translations"


async def offered(subject: Subject) -> Answer:
    """What comes for a recording."""
    answer = await _asked(subject)
    if answer.status in {404, 405, 501}:
        raise Skipped(f"not offered: {answer.refusal}")
    return answer


async def _asked(subject: Subject, data: bytes | None = None, **fields: Any) -> Answer:
    return await heard(subject, data, path=PATH, model=model_of(subject.names.captions), **fields)


@GROUP.should
async def json(subject: Subject) -> None:
    """A recording in English gives JSON with its `text`."""
    (await subject.once(offered)).json()["text"].text()


@GROUP.should
async def text(subject: Subject) -> None:
    """`response_format` `text` is plain text."""
    await subject.once(offered)
    answer = (await _asked(subject, response_format="text")).ok()
    answer.is_of("text/plain")
    Seen(answer.body.decode("utf-8", errors="replace"), "the body").text()


@GROUP.should
async def verbose_json(subject: Subject) -> None:
    """`verbose_json` has `task` `translate` and `language` `english`."""
    await subject.once(offered)
    found = (await _asked(subject, response_format="verbose_json")).json()
    found["task"].one_of("translate")
    found["language"].one_of("english")
    found["text"].text()


@GROUP.must
async def no_sound(subject: Subject) -> None:
    """A file that is no sound is 400, in the envelope."""
    await subject.once(offered)
    (await _asked(subject, b"this is not a recording" * 20)).refused(400)
