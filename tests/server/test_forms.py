"""Multipart bodies of every shape, and the time that hostile ones take."""

import contextlib
import time
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.types import Message

from vivavoce.core.errors import BadRequest
from vivavoce.server.connection import ClientGone
from vivavoce.server.forms import Form, read_form
from vivavoce.wire.transcription_errors import UploadTooLarge

HEADERS = {b"content-type": b"multipart/form-data; boundary=x"}
LIMIT = 1_000_000
FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a;\\"b"\r\n\r\n'
END = b"\r\n--x--\r\n"


def receiving(parts: list[bytes], *, leaves: bool = False) -> Callable[[], Awaitable[Message]]:
    messages: list[Message] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages.append({"type": "http.disconnect"} if leaves else {"type": "http.request", "body": b""})

    async def receive() -> Message:
        return messages.pop(0)

    return receive


async def read(*parts: bytes, headers: dict[bytes, bytes] = HEADERS, limit: int = LIMIT) -> Form:
    return await read_form(receiving(list(parts)), headers, limit)


@given(st.binary(max_size=400), st.integers(1, 50))
@example(b"\r\n--x", 1)
@example(b"\r\n--x-", 1)
async def test_a_recording_of_any_bytes_cut_anywhere_arrives_whole(sound: bytes, step: int) -> None:
    if b"\r\n--x" in b"\r\n" + sound + b"\r\n":
        sound = sound.replace(b"x", b"y")
    field = b"--x\r\ncontent-disposition: form-data; name=model\r\n\r\nwhisper\r\n"
    body = field + FILE + sound + END
    form = await read(*(body[at : at + step] for at in range(0, len(body), step)))
    assert form == Form([("model", "whisper")], sound)


@settings(max_examples=200)
@given(st.binary(max_size=300), st.sampled_from([b"", FILE, b"--x\r\n", b"--x\r\nContent-Disposition: form-data; "]))
async def test_any_bytes_are_a_form_or_refused(body: bytes, start: bytes) -> None:
    with contextlib.suppress(BadRequest):
        await read(start + body)


@given(st.binary(max_size=60))
async def test_any_content_type_is_a_form_or_refused(kind: bytes) -> None:
    with pytest.raises(BadRequest):
        await read(b"", headers={b"content-type": b"multipart/form-data;" + kind})


HOSTILE = {
    "ten thousand parts": b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" * 10_000,
    "a header of a megabyte": b"--x\r\nContent-Disposition: " + b"a" * LIMIT,
    "a header name of a megabyte": b"--x\r\n" + b"a" * LIMIT,
    "many headers": b"--x\r\n" + b"a: b\r\n" * 10_000,
    "a field of two megabytes": b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n" + b"a" * 2 * LIMIT,
    "two recordings": FILE + b"one\r\n" + FILE + b"two" + END,
    "a part without a name": b"--x\r\n\r\nhello" + END,
    "no end": FILE + b"sound",
    "not text": b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff" + END,
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_forms_are_refused_fast(name: str) -> None:
    body = HOSTILE[name]
    began = time.process_time()
    with pytest.raises(BadRequest):
        await read(*(body[at : at + 65_536] for at in range(0, len(body), 65_536)))
    assert time.process_time() - began < 0.5


async def test_the_limit_is_the_recordings_alone() -> None:
    assert (await read(FILE + bytes(LIMIT) + END)).file == bytes(LIMIT)
    with pytest.raises(UploadTooLarge) as refused:
        await read(FILE + bytes(LIMIT + 1) + END)
    assert refused.value.message.startswith("413: Maximum content size limit (1000000) exceeded (")
    announced = HEADERS | {b"content-length": b"99999999"}
    with pytest.raises(UploadTooLarge, match="99999999 bytes read"):
        await read(b"", headers=announced)


async def test_a_large_recording_goes_through_a_file() -> None:
    sound = bytes(range(256)) * 20_000
    form = await read(FILE, *(sound[at : at + 100_000] for at in range(0, len(sound), 100_000)), END, limit=len(sound))
    assert form.file == sound


async def test_a_client_that_leaves_is_gone() -> None:
    with pytest.raises(ClientGone):
        await read_form(receiving([FILE], leaves=True), HEADERS, LIMIT)


async def test_a_boundary_too_long_is_refused() -> None:
    with pytest.raises(BadRequest):
        await read(b"", headers={b"content-type": b"multipart/form-data; boundary=" + b"x" * 1000})
