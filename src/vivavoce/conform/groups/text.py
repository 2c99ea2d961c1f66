"""Text in, text out. To a model that takes no text alone, a recording is sent beside it."""

from vivavoce.conform.asking import HELLO, choice, message, user, written
from vivavoce.conform.check import Group
from vivavoce.conform.subject import Subject

GROUP = Group("text")


@GROUP.must
async def answers(subject: Subject) -> None:
    """A chat is answered in text, by the assistant."""
    said = message(await subject.once(written))
    said["role"].one_of("assistant")
    said["content"].text()


@GROUP.must
async def head(subject: Subject) -> None:
    """The answer has `id`, `object`, `created` and `model`."""
    answer = await subject.once(written)
    answer["id"].text()
    answer["object"].one_of("chat.completion")
    answer["created"].whole(least=1_000_000_000)
    answer["model"].text()


@GROUP.must
async def finish_reason(subject: Subject) -> None:
    """The choice has its `index`, and ends with `stop` or `length`."""
    found = choice(await subject.once(written))
    found["index"].near(0, 0)
    found["finish_reason"].one_of("stop", "length")


@GROUP.must
async def no_sound(subject: Subject) -> None:
    """An answer in text has no `audio` in it."""
    audio = message(await subject.once(written)).get("audio")
    if audio is not None:
        audio.is_not("nothing, or null")


@GROUP.should
async def refusal_is_null(subject: Subject) -> None:
    """`refusal` is there and null, which OpenAI's schema demands."""
    message(await subject.once(written))["refusal"].null()


@GROUP.must
async def history(subject: Subject) -> None:
    """Roles system, user and assistant in turn, and content as parts, are taken."""
    last = await user(subject, "And again, please.")
    parts = [{"type": "text", "text": HELLO}]
    before = [
        {"role": "system", "content": "You are polite."},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": "Hello."},
    ]
    message((await subject.chat(messages=[*before, last])).json())["content"].text()


@GROUP.should
async def developer(subject: Subject) -> None:
    """The role developer is taken."""
    messages = [{"role": "developer", "content": "You are polite."}, await user(subject, HELLO)]
    message((await subject.chat(messages=messages)).json())["content"].text()
