"""What every stream of chunks keeps to, written or spoken."""

from collections.abc import Awaitable, Callable, Sequence

from vivavoce.conform.asking import Chunks
from vivavoce.conform.check import Group, Look, Weight
from vivavoce.conform.seen import Seen, fail
from vivavoce.conform.subject import Subject


def framing(stream: Chunks) -> None:
    """Every event is one line of data, and has its end."""
    if stream.events.split or not stream.events.whole:
        fail("one line of data an event", "several" if stream.events.split else "an event without its end")


def plain_events(stream: Chunks) -> None:
    """There are no lines but data and comments, such as `event:`."""
    if stream.events.named:
        fail("data and comments alone", f"{stream.events.named} other lines")


def done(stream: Chunks) -> None:
    """`data: [DONE]` is the last event."""
    if not stream.events.done:
        fail("[DONE], once, at the end", "none there")


def chunks(stream: Chunks) -> None:
    """Every chunk is a `chat.completion.chunk` with `id`, `created`, `model` and `choices`."""
    for chunk in stream.all:
        chunk["object"].one_of("chat.completion.chunk")
        chunk["id"].text()
        chunk["created"].whole()
        chunk["model"].text()
        chunk["choices"].items()


def one_head(stream: Chunks) -> None:
    """`id`, `created` and `model` are the same in all chunks."""
    for key in ("id", "created", "model"):
        found = len({str(chunk[key].value) for chunk in stream.all})
        if found > 1:
            fail(f"one {key} in all chunks", str(found))


def role(stream: Chunks) -> None:
    """The first delta names the assistant, and no other does: helpers join what comes twice."""
    deltas = stream.deltas()
    if not deltas:
        fail("deltas", "none")
    deltas[0]["role"].one_of("assistant")
    _once("role", [delta for delta in deltas if delta.get("role") is not None])


def finish_reason(stream: Chunks) -> None:
    """`finish_reason` comes once, with no words or sound after it."""
    _once("finish_reason", stream.reasons())
    stream.reasons()[0].one_of("stop", "length")
    ended = False
    for choice in stream.choices():
        if ended and _says(choice["delta"]):
            fail("nothing said after finish_reason", "more of the answer")
        ended = ended or choice.get("finish_reason") is not None


def usage_chunk(stream: Chunks) -> None:
    """With `include_usage` one chunk without choices, the last of all, has the usage."""
    _once("usage", [chunk for chunk in stream.all if chunk.get("usage") is not None])
    last = stream.all[-1]
    last["usage"]["total_tokens"].whole()
    if last["choices"].items():
        last["choices"].is_not("an empty list beside usage")


def usage_is_null_before(stream: Chunks) -> None:
    """With `include_usage` every other chunk has `usage: null`."""
    for chunk in stream.all:
        if chunk.get("usage") is None:
            chunk["usage"].null()


MUST = (framing, done, chunks, one_head, role, finish_reason, usage_chunk)
SHOULD = (plain_events, usage_is_null_before)


def add_stream_checks(group: Group, ask: Callable[[Subject], Awaitable[Chunks]]) -> None:
    """Add these checks of the stream that `ask` gives."""
    weighed: dict[Weight, tuple[Callable[[Chunks], None], ...]] = {"must": MUST, "should": SHOULD}
    for weight, checks in weighed.items():
        for check in checks:
            group.add(check.__name__.replace("_", "-"), weight, check.__doc__ or "", _look(ask, check))


def _look(ask: Callable[[Subject], Awaitable[Chunks]], check: Callable[[Chunks], None]) -> Look:
    async def look(subject: Subject) -> None:
        check(await subject.once(ask))

    return look


def _once(what: str, found: Sequence[object]) -> None:
    if len(found) != 1:
        fail(f"{what} once", f"{len(found)} times" if found else "none")


def _says(delta: Seen) -> bool:
    audio = delta.get("audio")
    said = [delta.get("content"), audio and audio.get("data"), audio and audio.get("transcript")]
    return any(each is not None and each.value for each in said)
