"""Headers of answers."""

import uuid

from vivavoce.conform.answer import Answer
from vivavoce.conform.asking import HELLO, user
from vivavoce.conform.check import Group
from vivavoce.conform.seen import fail
from vivavoce.conform.subject import Subject

GROUP = Group("headers")
ANSWER, STREAM, ERROR = "an answer", "a stream", "an error"


async def answered(subject: Subject, what: str) -> Answer:
    """An answer, whole or streamed, or an error."""
    messages = [] if what == ERROR else [await user(subject, HELLO)]
    return await subject.chat(messages=messages, stream=what == STREAM)


@GROUP.must
async def json_type(subject: Subject) -> None:
    """An answer is `application/json`."""
    (await subject.once(answered, ANSWER)).ok().is_of("application/json")


@GROUP.must
async def event_type(subject: Subject) -> None:
    """A stream is `text/event-stream`."""
    (await subject.once(answered, STREAM)).ok().is_of("text/event-stream")


@GROUP.must
async def error_type(subject: Subject) -> None:
    """An error is `application/json`."""
    error = await subject.once(answered, ERROR)
    error.refused()
    error.is_of("application/json")


@GROUP.should
async def request_id(subject: Subject) -> None:
    """Answers, streams and errors have an `x-request-id` each, of their own."""
    ids = [_header(await subject.once(answered, what), "x-request-id") for what in (ANSWER, STREAM, ERROR)]
    if len(set(ids)) != 3:
        fail("three ids", "the same again")


@GROUP.should
async def processing_ms(subject: Subject) -> None:
    """Answers say in `openai-processing-ms` how long they took."""
    took = _header(await subject.once(answered, ANSWER), "openai-processing-ms")
    if not took.isdigit():
        fail("openai-processing-ms: a whole number", "something else")


@GROUP.may
async def client_request_id(subject: Subject) -> None:
    """`X-Client-Request-Id` is said back."""
    sent = f"conform-{uuid.uuid4()}"
    answer = await subject.chat({"x-client-request-id": sent}, messages=[])
    if _header(answer, "x-client-request-id") != sent:
        fail("the same X-Client-Request-Id", "another")


async def _kept(subject: Subject, key: str, text: str) -> Answer:
    return await subject.chat({"idempotency-key": key}, messages=[await user(subject, text)])


@GROUP.may
async def replayed(subject: Subject) -> None:
    """The same `Idempotency-Key` with the same body gives the same answer again."""
    key = f"conform-{uuid.uuid4()}"
    ids = [(await _kept(subject, key, HELLO)).json()["id"].text() for _ in range(2)]
    if ids[0] != ids[1]:
        fail("the same id", "another")


@GROUP.may
async def key_used_twice(subject: Subject) -> None:
    """The same `Idempotency-Key` with another body is refused."""
    key = f"conform-{uuid.uuid4()}"
    (await _kept(subject, key, HELLO)).ok()
    (await _kept(subject, key, "Say goodbye.")).refused(400, 409, 422)


def _header(answer: Answer, name: str) -> str:
    found = answer.headers.get(name, "")
    if not found:
        fail(f"{name} on an answer of status {answer.status}", "none")
    return found
