"""Earlier spoken answers, named by their ids."""

from typing import Any

from vivavoce.conform.asking import HELLO, aloud, choice, message, spoken, spoken_stream
from vivavoce.conform.check import Group
from vivavoce.conform.seen import Seen
from vivavoce.conform.subject import Subject

GROUP = Group("references")
NEVER = "audio_00000000000000000000000000000000"


async def _again(subject: Subject, named: str, **more: Any) -> Seen:
    earlier = {"role": "assistant", "audio": {"id": named}, **more}
    turns = [{"role": "user", "content": HELLO}, earlier, {"role": "user", "content": "And again, please."}]
    return (await subject.chat(**aloud(subject, messages=turns))).json()


async def second_turn(subject: Subject) -> Seen:
    """What is said after a whole answer that is named by its id."""
    return await _again(subject, message(await subject.once(spoken))["audio"]["id"].text())


@GROUP.must
async def to_a_whole_answer(subject: Subject) -> None:
    """The `id` of a whole answer is known in the next turn, without `content` beside it."""
    message(await subject.once(second_turn))["audio"]["transcript"].text()


@GROUP.must
async def to_a_streamed_answer(subject: Subject) -> None:
    """The `id` of a streamed answer is known in the next turn."""
    ids = [found for audio in (await subject.once(spoken_stream)).audio() if (found := audio.get("id")) is not None]
    named = ids[0] if ids else Seen(None, "delta.audio.id")
    message(await _again(subject, named.text()))["audio"]["transcript"].text()


@GROUP.must
async def with_empty_content(subject: Subject) -> None:
    """`content: ""` beside the id is taken: LangChain sends it."""
    named = message(await subject.once(spoken))["audio"]["id"].text()
    choice(await _again(subject, named, content=""))["message"]["audio"]["transcript"].text()


async def _lost(subject: Subject, **told: str) -> None:
    turns = [{"role": "user", "content": HELLO}, {"role": "assistant", "audio": {"id": NEVER}}]
    asked = aloud(subject, messages=[*turns, {"role": "user", "content": HELLO}])
    (await subject.chat(**asked)).refused(400, **told)


@GROUP.must
async def unknown(subject: Subject) -> None:
    """An `id` that is not there is 400, in the envelope."""
    await _lost(subject)


@GROUP.should
async def unknown_code(subject: Subject) -> None:
    """An `id` that is not there is `audio_not_found`, `param` `content.messages[1].audio.id`."""
    await _lost(subject, code="audio_not_found", param="content.messages[1].audio.id")


@GROUP.should
async def counted(subject: Subject) -> None:
    """The earlier answer's sound is counted among the prompt's `audio_tokens`."""
    (await subject.once(second_turn))["usage"]["prompt_tokens_details"]["audio_tokens"].whole(least=1)
