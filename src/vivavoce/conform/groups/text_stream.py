"""Text in, text out, in pieces."""

from vivavoce.conform.asking import HELLO, message, streamed, user, written_stream
from vivavoce.conform.check import Group
from vivavoce.conform.seen import Seen, fail
from vivavoce.conform.streams import add_stream_checks
from vivavoce.conform.subject import Subject

GROUP = Group("text-stream")
add_stream_checks(GROUP, written_stream)


@GROUP.must
async def words(subject: Subject) -> None:
    """The pieces of `content`, joined, are an answer."""
    deltas = (await subject.once(written_stream)).deltas()
    joined = "".join(content.text(filled=False) for delta in deltas if (content := delta.get("content")) is not None)
    Seen(joined, "the joined delta.content").text()


@GROUP.must
async def no_sound(subject: Subject) -> None:
    """No chunk has sound in it."""
    for audio in (await subject.once(written_stream)).audio():
        audio.is_not("nothing, or null")


@GROUP.should
async def no_usage_unasked(subject: Subject) -> None:
    """Without `include_usage` no chunk has usage."""
    asked = await streamed(subject, messages=[await user(subject, HELLO)], stream_options=None)
    for chunk in asked.all:
        if chunk.get("usage") is not None:
            chunk["usage"].is_not("nothing, or null")


@GROUP.must
async def refused_before_it_begins(subject: Subject) -> None:
    """A stream that cannot begin is an error's status, not an event of a stream."""
    model = "conform-no-such-model"
    messages = [{"role": "user", "content": HELLO}]
    (await subject.chat(model=model, messages=messages, stream=True)).refused()


@GROUP.should
async def several_answers(subject: Subject) -> None:
    """With `n` 2, the chunks of both answers are told apart by `index`, and both end."""
    asked = await streamed(subject, messages=[await user(subject, HELLO)], n=2)
    for index in (0, 1):
        if len(asked.reasons(index)) != 1:
            fail(f"choice {index}: one finish_reason", str(len(asked.reasons(index))))


@GROUP.must
async def as_whole(subject: Subject) -> None:
    """`stream: false` and `stream: null` give a whole answer."""
    for stream in (False, None):
        message((await subject.chat(messages=[await user(subject, HELLO)], stream=stream)).json())
