"""JSON of every bad kind, at every place that takes JSON: told so, fast, and nobody else waits."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.server.test_forms import HOSTILE
from tests.support.audio import OwnMedia
from tests.support.heard import Recogniser
from tests.support.serving import MODEL, Served, Serving, model
from tests.support.talking import code_of, line
from vivavoce.core.models import Model
from vivavoce.core.speaking import Phrased
from vivavoce.server.sound import Sounds
from vivavoce.testing import Speaks

HERE = b"@@"
FORM = "multipart/form-data; boundary=x"
CPU_S = 1.0
"""Of the whole process, for one body. None takes a tenth of it; the rest is slack for a busy machine."""
HELD_S = 0.5
"""Of processor time, for which nobody else may be kept waiting."""


@dataclass(frozen=True)
class Place:
    """An endpoint, and a good body for it but for a text where `HERE` stands; the text may be nothing but words."""

    path: str
    body: bytes


def place(path: str, **body: object) -> Place:
    return Place(path, json.dumps({"model": MODEL, **body}).encode().replace(b'"@@"', HERE))


CHAT = place("/v1/chat/completions", messages=[{"role": "user", "content": "@@"}])
PLACES = [
    CHAT,
    place("/v1/chat/completions/chatcmpl-1", metadata={"key": "@@"}),
    place("/v1/audio/speech", voice="alloy", input="@@"),
    place("/v1/audio/transcriptions", input_audio={"data": "@@"}),
    place("/v1/audio/translations", input_audio={"data": "@@"}),
]
MILLION = 1_000_000
BAD_TEXTS = {
    "no string": b"words",
    "half a string": b'"words',
    "an unknown escape": b'"\\x41"',
    "half an escape": b'"\\u12"',
    "a line end in a string": b'"one\ntwo"',
    "a zero in a string": b'"one\0two"',
    "no UTF-8": b'"\xff\xfe"',
    "UTF-8 that is too long": b'"\xc0\xaf"',
    "a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "the first half of a pair": b'"\\ud800"',
    "the second half of a pair": b'"\\udc00"',
    "the halves the wrong way round": b'"\\udc00\\ud800"',
    "not a number": b"NaN",
    "without end": b"Infinity",
    "before any beginning": b"-Infinity",
    "a number beyond all": b"1e999",
    "a whole number beyond all": b"9" * 5000,
    "nothing below zero": b"-0",
    "a number with a zero before it": b"012",
    "null": b"null",
    "true": b"true",
    "an object": b"{}",
    "a list of a list": b"[[]]",
    "a thousand deep": b"[" * 1000 + b"]" * 1000,
    "a hundred thousand deep": b"[" * 100_000 + b"]" * 100_000,
    "a thousand objects deep": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "a million values": b"[" + b"1," * MILLION + b"1]",
    "a million empty objects": b"[" + b"{}," * MILLION + b"{}]",
    "ten million characters": b'"' + b"x" * 10 * MILLION + b'"',
    "five million escapes": b'"' + b"\\u00e9" * 5 * MILLION + b'"',
    "ten million quotes": b'"' + b'\\"' * 10 * MILLION + b'"',
}
BAD_BODIES = {
    "nothing": b"",
    "spaces": b" " * MILLION,
    "null": b"null",
    "a word": b'"model"',
    "a number": b"1",
    "a list": b"[]",
    "an empty object": b"{}",
    "an open object": b"{",
    "a comma too many": b'{"model":"m",}',
    "two objects": b"{}{}",
    "single quotes": b"{'model': 'm'}",
    "a comment": b"/* */{}",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"model": "m"}'.encode("utf-16"),
    "UTF-32": '{"model": "m"}'.encode("utf-32"),
    "a form": b"model=m&input=hello",
    "a key of a million characters": b'{"' + b"k" * MILLION + b'": 1}',
    "a million keys": b"{" + b'"k":1,' * MILLION + b'"k":1}',
    "a hundred thousand lists deep": b"[" * 100_000,
    "a hundred thousand objects deep": b'{"a":' * 100_000,
    "a model of ten million characters": b'{"model": "' + b"m" * 10 * MILLION + b'"}',
    "zeros": bytes(MILLION),
}


@asynccontextmanager
async def watched() -> AsyncIterator[None]:
    """See that the event loop is never held up for long."""
    longest, ended = 0.0, asyncio.Event()

    async def watch() -> None:
        nonlocal longest
        while not ended.is_set():
            began = time.process_time()
            await asyncio.sleep(0.005)
            longest = max(longest, time.process_time() - began)

    watching = asyncio.create_task(watch())
    yield
    ended.set()
    await watching
    assert longest < HELD_S


async def refused(served: Served, path: str, body: bytes, case: str) -> str | None:
    """Send it; the code of the error, which is in the envelope with all its keys, and short."""
    began = time.process_time()
    async with watched():
        answer = await served.http.post(path, content=body, headers={"content-type": "application/json"})
    assert time.process_time() - began < CPU_S, case
    assert answer.status_code in {400, 404}, (case, answer.status_code, answer.text[:500])
    assert answer.status_code == 400 or case.startswith("a model"), case
    assert len(answer.content) < 1000, case
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}, case
    assert error["type"] == "invalid_request_error", case
    return error["code"]


@pytest.fixture
async def served(serving: Serving) -> Served:
    speaker = Phrased(Speaks())
    known = model()
    every = Model(MODEL, MODEL, known.responder, known.card, transcriber=Recogniser(), speaker=speaker)
    return await serving(models={MODEL: every}, sounds=Sounds(OwnMedia()))


@pytest.mark.parametrize("where", PLACES, ids=lambda where: where.path)
async def test_a_text_that_is_none_is_told_so(served: Served, where: Place, caplog: pytest.LogCaptureFixture) -> None:
    for case, text in BAD_TEXTS.items():
        await refused(served, where.path, where.body.replace(HERE, text), case)
    assert caplog.messages == []


@pytest.mark.parametrize("where", PLACES, ids=lambda where: where.path)
async def test_a_body_that_is_none_is_told_so(served: Served, where: Place, caplog: pytest.LogCaptureFixture) -> None:
    for case, body in BAD_BODIES.items():
        await refused(served, where.path, body, case)
    assert caplog.messages == []


@pytest.mark.parametrize("where", [CHAT, PLACES[-1]], ids=lambda where: where.path)
async def test_what_stands_in_a_field_nobody_knows_is_passed_over_or_told(
    served: Served, where: Place, caplog: pytest.LogCaptureFixture
) -> None:
    good = where.body.replace(HERE, b'"Hi"')
    for case, text in BAD_TEXTS.items():
        began = time.process_time()
        async with watched():
            body = good[:-1] + b',"unknown":' + text + b"}"
            answer = await served.http.post(where.path, content=body, headers={"content-type": "application/json"})
        assert time.process_time() - began < CPU_S, case
        assert answer.status_code in {200, 400, 404}, case  # 404 where the path names what is not there
    assert caplog.messages == []


async def test_of_a_name_that_comes_twice_the_last_counts(served: Served) -> None:
    good = CHAT.body.replace(HERE, b'"Hi"')
    for first, last in ((1, 2), (2, 1)):
        body = good[:-1] + b',"n":%d,"n":%d}' % (first, last)
        answer = await served.http.post(CHAT.path, content=body, headers={"content-type": "application/json"})
        assert len(answer.json()["choices"]) == last


async def test_a_number_just_below_zero_is_zero(served: Served) -> None:
    good = CHAT.body.replace(HERE, b'"Hi"')
    for field, status in ((b'"temperature":-0.0', 200), (b'"seed":-0', 200), (b'"n":-0', 400)):
        body = good[:-1] + b"," + field + b"}"
        answer = await served.http.post(CHAT.path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code == status


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/v1/audio/translations"])
async def test_a_form_that_is_none_is_told_so(served: Served, path: str, name: str) -> None:
    began = time.process_time()
    async with watched():
        answer = await served.http.post(path, content=HOSTILE[name], headers={"content-type": FORM})
    assert time.process_time() - began < CPU_S
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


ODD_IDS = [
    "%00",
    "%ff",
    "%0d%0aX-Odd:%20yes",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "x" * 4096,
    "%F0%9F%98%80",
    "%25s",
]


@pytest.mark.parametrize("where", ["/v1/models/", "/v1/chat/completions/", "/v1/chat/completions/%s/messages"])
async def test_odd_ids_in_a_path_name_nothing(served: Served, where: str, caplog: pytest.LogCaptureFixture) -> None:
    for odd in ODD_IDS:
        async with line(served.port) as mine:
            path = where.replace("%s", odd) if "%s" in where else where + odd
            await mine.say(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            status, headers, body = await mine.answer()
        assert status == 404, odd
        assert code_of(body)
        assert len(body) < 1000
        assert "x-odd" not in headers
    assert caplog.messages == []
