"""Bodies that come slowly, never, without end, packed, or that nobody wants."""

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.serving import MODEL, Serving
from tests.support.talking import Line, code_of, line, post
from tests.support.waiting import until
from vivavoce.server import arriving

CHAT = "/v1/chat/completions"
SPEECH = "/v1/audio/speech"
HEAR = "/v1/audio/transcriptions"
BODY = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}).encode()
CHUNKED = "Transfer-Encoding: chunked"
MB = 1024 * 1024
FORM = "Content-Type: multipart/form-data; boundary=x"
RECORDING = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n'


def begun(path: str, length: int, *headers: str) -> bytes:
    """A request up to its body."""
    return post(path, b"", f"Content-Length: {length}", *headers, length=False)


def form(length: int) -> bytes:
    return f"POST {HEAR} HTTP/1.1\r\nHost: localhost\r\n{FORM}\r\nContent-Length: {length}\r\n\r\n".encode()


BEGUN = {
    "chat": begun(CHAT, 1000),
    "speech": begun(SPEECH, 1000),
    "transcriptions, JSON": begun(HEAR, 1000),
    "transcriptions, form": form(1000) + RECORDING,
    "chunked": post(CHAT, b"", CHUNKED, length=False) + b"1\r\n{\r\n",
}


@pytest.mark.parametrize("name", BEGUN)
async def test_a_body_that_stops_coming_has_its_time_and_no_more(
    serving: Serving, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serving(silence_s=0.1)
    async with line(served.port) as mine:
        await mine.say(BEGUN[name])
        status, headers, body = await mine.answer()
        assert (status, code_of(body), headers["connection"]) == (408, "request_timeout", "close")
        assert await mine.closed()
    assert caplog.messages == []


async def test_a_body_that_comes_byte_by_byte_has_its_time_and_no_more(serving: Serving) -> None:
    served = await serving(silence_s=0.3)
    async with line(served.port) as mine:
        await mine.say(begun(CHAT, 1000))
        refused = asyncio.create_task(mine.answer())
        for _ in range(1000):  # 100 bytes a second, and never silent for long
            if refused.done():
                break
            await mine.say(b" ")
            await asyncio.sleep(0.01)
        assert (await refused)[0] == 408


async def test_a_body_may_come_for_as_long_as_it_comes(serving: Serving) -> None:
    served = await serving(silence_s=1.0)
    async with line(served.port) as mine:
        spaced = b" " * 1000 + BODY
        await mine.say(begun(CHAT, len(spaced)))
        for at in range(0, len(spaced), 100):
            await mine.say(spaced[at : at + 100])
            await asyncio.sleep(0.15)
        assert (await mine.answer())[0] == 200


async def send_until_closed(mine: Line, pieces: int, piece: bytes) -> int:
    """Send as a client that looks at nothing; the pieces sent."""
    for sent in range(pieces):
        try:
            await mine.say(piece)
        except ConnectionError:
            return sent
    return pieces


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("path", [CHAT, SPEECH, HEAR])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
async def test_a_body_over_the_limit_is_refused_and_nothing_of_it_kept(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, path: str, chunked: bool
) -> None:
    monkeypatch.setattr(arriving, "LINGER_S", 0.2)
    served = await serving(body_bytes=MB)
    head = post(path, b"", CHUNKED, length=False) if chunked else begun(path, 400 * MB)
    piece = b"%x\r\n%b\r\n" % (MB, b" " * MB) if chunked else b" " * MB
    async with line(served.port) as mine:
        await mine.say(head)
        before = resident()
        sending = asyncio.create_task(send_until_closed(mine, 400, piece))
        status, headers, body = await mine.answer()
        assert (status, headers["connection"]) == (413, "close")
        assert json.loads(body)["error"]["message"].startswith("413: Maximum content size limit (")
        await sending
        assert sending.result() < 400
        assert resident() - before < 100 * MB


async def test_a_client_that_sends_all_before_it_reads_finds_the_answer(serving: Serving) -> None:
    """Both with the answer ready at the first of the body: a client library, and the official one."""
    served = await serving(body_bytes=1000)
    for _ in range(5):
        answer = await served.http.post(
            CHAT, content=b" " * 20 * MB, headers={"content-type": "application/json"}, timeout=20
        )
        assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    long: Any = [{"role": "user", "content": "x" * 20 * MB}]
    with pytest.raises(openai.APIStatusError) as refused:
        await served.openai.chat.completions.create(model=MODEL, messages=long)
    assert refused.value.status_code == 413


@pytest.mark.parametrize("size", [100, 200_000])
async def test_a_body_nobody_wants_costs_the_connection_only_where_it_is_large(serving: Serving, size: int) -> None:
    served = await serving()
    async with line(served.port) as mine:
        await mine.say(begun("/v1/nothing", size))
        status, headers, body = await mine.answer()
        assert (status, code_of(body)) == (404, "unknown_url")
        await mine.say(b"x" * size)
        if size == 100:
            assert "connection" not in headers
            await mine.say(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await mine.answer())[0] == 200
        else:
            assert headers["connection"] == "close"
            assert await mine.closed()


async def test_the_rest_of_an_unwanted_body_has_its_time_and_no_more(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving, "LINGER_S", 0.1)
    served = await serving()
    async with line(served.port) as mine:
        await mine.say(begun("/v1/nothing", 200_000))
        assert (await mine.answer())[0] == 404
        assert await mine.closed()


async def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(serving: Serving) -> None:
    served = await serving()
    async with line(served.port) as mine:
        await mine.say(begun(CHAT, len(BODY), "Expect: 100-continue"))
        async with asyncio.timeout(5):
            assert await mine.reader.readexactly(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        await mine.say(BODY)
        assert (await mine.answer())[0] == 200


@pytest.mark.parametrize(("path", "size", "status"), [(CHAT, 100 * MB, 413), (HEAR, 100 * MB, 413), ("/no", 10, 404)])
async def test_a_client_that_waits_to_be_asked_is_told_at_once_that_nobody_will(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, path: str, size: int, status: int
) -> None:
    monkeypatch.setattr(arriving, "LINGER_S", 0.1)
    served = await serving()
    async with line(served.port) as mine:
        head = begun(path, size, "Expect: 100-continue")
        if path == HEAR:
            head = head.replace(b"Content-Type: application/json", FORM.encode())
        await mine.say(head)
        found, headers, _ = await mine.answer()
        assert (found, headers["connection"]) == (status, "close")
        assert await mine.closed()


BOMB = gzip.compress(bytes(100 * MB))
PACKED = ["gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "x-unknown"]


@pytest.mark.parametrize("path", [CHAT, SPEECH, HEAR])
@pytest.mark.parametrize("coding", PACKED)
async def test_a_packed_body_is_refused_and_never_unpacked(serving: Serving, path: str, coding: str) -> None:
    served = await serving()
    before = resident()
    packed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BOMB), BOMB)
    async with line(served.port) as mine:
        await mine.say(post(path, BOMB, f"Content-Encoding: {coding}"))
        assert await mine.error() == (415, "unsupported_encoding")
    async with line(served.port) as mine:
        await mine.say(post(path, b"", f"Transfer-Encoding: {coding}, chunked", length=False) + packed)
        assert await mine.error() == (415, "unsupported_encoding")
    assert resident() - before < 50 * MB


async def test_a_body_that_says_it_is_not_packed_is_read(serving: Serving) -> None:
    served = await serving()
    for coding in ("identity", ""):
        answer = await served.http.post(
            CHAT, content=BODY, headers={"content-type": "application/json", "content-encoding": coding}
        )
        assert answer.status_code == 200


async def test_who_leaves_while_the_rest_of_its_body_is_thrown_away_is_gone(serving: Serving) -> None:
    served = await serving()
    async with line(served.port) as mine:
        await mine.say(begun("/v1/nothing", 10 * MB))
        assert (await mine.answer())[0] == 404
    await until(lambda: not served.server.server_state.tasks)
