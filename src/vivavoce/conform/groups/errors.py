"""Errors: the one envelope, whatever is wrong."""

from typing import Any

from vivavoce.conform.answer import Answer
from vivavoce.conform.asking import HELLO, user
from vivavoce.conform.check import Group
from vivavoce.conform.seen import Skipped, fail
from vivavoce.conform.subject import Subject

GROUP = Group("errors")
MESSAGES: Any = [{"role": "user", "content": HELLO}]
NOBODY = "conform-no-such-model"
WRONG_KEY = "conform-wrong-key-0000"
UPLOAD_BYTES = 26_214_400
"""25 MiB: the most that transcriptions take."""


async def nobody(subject: Subject) -> Answer:
    """What is said of a model that is not there."""
    return await subject.chat(model=NOBODY, messages=MESSAGES)


async def _sent(subject: Subject, content: bytes) -> Answer:
    headers = {"content-type": "application/json"}
    return await subject.ask("POST", "/chat/completions", content=content, headers=headers)


@GROUP.must
async def unknown_model(subject: Subject) -> None:
    """A model that is not there is 404, in the envelope."""
    (await subject.once(nobody)).refused(404)


@GROUP.should
async def unknown_model_code(subject: Subject) -> None:
    """A model that is not there is `model_not_found`."""
    (await subject.once(nobody)).refused(404, code="model_not_found")


@GROUP.must
async def bad_json(subject: Subject) -> None:
    """A body that is not JSON is 400, in the envelope."""
    (await _sent(subject, b'{"model": ')).refused(400)


@GROUP.must
async def no_object(subject: Subject) -> None:
    """A body that is JSON but no object is 400, in the envelope."""
    (await _sent(subject, b"[]")).refused(400)


@GROUP.must
async def deep(subject: Subject) -> None:
    """A body a thousand lists deep is 400, in the envelope."""
    deep = b"[" * 1000 + b"]" * 1000
    body = b'{"model": "%s", "messages": %s}' % (subject.names.chat.encode(), deep)
    (await _sent(subject, body)).refused(400)


@GROUP.must
async def not_a_number(subject: Subject) -> None:
    """NaN, which is not JSON, is 400, in the envelope."""
    body = b'{"model": "%s", "messages": [{"role": "user", "content": "Hi"}], "temperature": NaN}'
    (await _sent(subject, body % subject.names.chat.encode())).refused(400)


@GROUP.must
async def unknown_url(subject: Subject) -> None:
    """A path that is not there is 404, in the envelope."""
    (await subject.post("/conform/no/such/path", {})).refused(404)


@GROUP.should
async def unknown_url_code(subject: Subject) -> None:
    """A path that is not there is `unknown_url`."""
    (await subject.post("/conform/no/such/path", {})).refused(404, code="unknown_url")


@GROUP.must
async def method(subject: Subject) -> None:
    """A method that a path does not take is 4xx, in the envelope."""
    (await subject.ask("PATCH", "/chat/completions", content=b"{}")).refused(404, 405)


@GROUP.must
async def too_large(subject: Subject) -> None:
    """A recording of more than 25 MiB is 413, in the envelope."""
    model = subject.names.hearing
    if model is None:
        raise Skipped("no model that writes down what is said; see --transcription-model")
    answer = await subject.upload("/audio/transcriptions", bytes(UPLOAD_BYTES + 1), model=model)
    answer.refused(413)


async def wrong_key(subject: Subject) -> Answer:
    """What somebody with a wrong key is told."""
    headers = {"authorization": f"Bearer {WRONG_KEY}"}
    answer = await subject.chat(headers, messages=[await user(subject, HELLO)])
    if answer.status < 300:
        raise Skipped("it takes any key")
    return answer


@GROUP.must
async def unauthorized(subject: Subject) -> None:
    """A wrong key is 401, in the envelope."""
    (await subject.once(wrong_key)).refused(401)


@GROUP.should
async def unauthorized_code(subject: Subject) -> None:
    """A wrong key is `invalid_api_key`."""
    (await subject.once(wrong_key)).refused(401, code="invalid_api_key")


@GROUP.must
async def no_key(subject: Subject) -> None:
    """No key, where one is needed, is 401, in the envelope."""
    await subject.once(wrong_key)
    (await subject.chat({"authorization": None}, messages=MESSAGES)).refused(401)


@GROUP.should
async def key_unspoken(subject: Subject) -> None:
    """The error does not repeat the wrong key."""
    if WRONG_KEY.encode() in (await subject.once(wrong_key)).body:
        fail("the key hidden", "the whole key")


@GROUP.should
async def root(subject: Subject) -> None:
    """`GET /` and `GET /v1/` are no server errors: clients warm up with them."""
    for answer in (await subject.get("/", root=subject.root), await subject.get("/")):
        if answer.status >= 500:
            fail("no server error", answer.refusal)
