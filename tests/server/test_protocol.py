"""What comes in on a connection and is no request, or not yet, or never."""

import asyncio
import json
from contextlib import AsyncExitStack

import pytest

from tests.support.leaves import Stuck
from tests.support.serving import MODEL, Served, Serving, model
from tests.support.talking import calling, line, post
from tests.support.waiting import until
from vivavoce.server.protocol import Bounds
from vivavoce.testing import Says

CHAT = "/v1/chat/completions"
BODY = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}).encode()
LENGTH = f"Content-Length: {len(BODY)}"
CHUNKED = "Transfer-Encoding: chunked"
ALIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
HIDDEN = b"0\r\n\r\n" + ALIVE
"""A second request where one of the two ways to read the first ends."""


def with_lines(*headers: str, body: bytes = BODY) -> bytes:
    return post(CHAT, b"", *headers, length=False) + body


TWO_WAYS = {
    "length and chunks": with_lines(LENGTH, CHUNKED, body=HIDDEN),
    "chunks and length": with_lines(CHUNKED, LENGTH, body=HIDDEN),
    "two lengths": with_lines(LENGTH, "Content-Length: 0", body=BODY + ALIVE),
    "the same length twice": with_lines(LENGTH, LENGTH),
    "a list of lengths": with_lines("Content-Length: 5, 5"),
    "a negative length": with_lines("Content-Length: -5"),
    "a signed length": with_lines("Content-Length: +5"),
    "a length in hexadecimal": with_lines("Content-Length: 0x5"),
    "a length beyond 64 bits": with_lines(f"Content-Length: {2**64}"),
    "chunks by another name": with_lines("Transfer-Encoding: xchunked", body=HIDDEN),
    "chunks, then something else": with_lines("Transfer-Encoding: chunked, identity", body=HIDDEN),
    "chunks, then as they are": with_lines(CHUNKED, "Transfer-Encoding: identity", body=HIDDEN),
    "a space before the colon": with_lines("Transfer-Encoding : chunked", LENGTH, body=HIDDEN),
    "a tab, and a length": with_lines("Transfer-Encoding:\tchunked", LENGTH, body=HIDDEN),
    "a header over two lines": with_lines("X-A: b\r\n c", LENGTH),
    "a zero in a header": with_lines("X-A: b\0c", LENGTH),
    "lines without carriage returns": with_lines(LENGTH).replace(b"\r\n", b"\n"),
    "a chunk of no size": with_lines(CHUNKED, body=b"zz\r\n" + HIDDEN),
    "a chunk of less than nothing": with_lines(CHUNKED, body=b"-1\r\n" + HIDDEN),
    "a chunk beyond 64 bits": with_lines(CHUNKED, body=b"f" * 17 + b"\r\n" + HIDDEN),
    "a chunk that is longer than it says": with_lines(CHUNKED, body=b"3\r\nabcdef\r\n" + HIDDEN),
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
    "an HTTP to come": b"GET / HTTP/3.0\r\nHost: localhost\r\n\r\n",
    "bytes in the path": "GET /v1/é HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
    "a tunnel": b"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("name", TWO_WAYS)
async def test_what_could_be_read_in_two_ways_is_read_in_none(serving: Serving, name: str) -> None:
    served = await serving()
    async with line(served.port) as mine:
        await mine.say(TWO_WAYS[name])
        assert await mine.error() == (400, "invalid_http")
        assert await mine.closed()


async def test_two_hosts_are_refused_whichever_is_ours(serving: Serving) -> None:
    served = await serving()
    async with line(served.port) as mine:
        for hosts in (("localhost", "evil.example"), ("evil.example", "localhost")):
            lines = "".join(f"Host: {host}\r\n" for host in hosts)
            await mine.say(f"GET /v1/models HTTP/1.1\r\n{lines}\r\n".encode())
            assert await mine.error() == (400, "invalid_http")


async def test_requests_sent_all_at_once_are_answered_one_by_one(serving: Serving) -> None:
    served = await serving()
    async with line(served.port) as mine:
        await mine.say(post(CHAT, BODY) * 3 + ALIVE)
        for _ in range(3):
            status, _, body = await mine.answer()
            assert (status, json.loads(body)["object"]) == (200, "chat.completion")
        assert (await mine.answer())[2] == b'{"status":"ok"}'


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("step", [1, 7, 10_000])
async def test_an_offer_of_another_protocol_is_declined_and_its_request_answered(
    serving: Serving, chunked: bool, step: int, caplog: pytest.LogCaptureFixture
) -> None:
    """As Java's client, and curl with `--http2`, begin."""
    served = await serving()
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY) if chunked else BODY
    whole = (with_lines(*offer, CHUNKED if chunked else LENGTH, body=body) + ALIVE) * 2
    async with line(served.port) as mine:
        for at in range(0, len(whole), step):
            await mine.say(whole[at : at + step])
        for _ in range(2):
            status, _, answer = await mine.answer()
            assert (status, json.loads(answer)["object"]) == (200, "chat.completion")
            assert (await mine.answer())[2] == b'{"status":"ok"}'
    assert caplog.messages == []


@pytest.mark.parametrize(
    "start",
    [
        b"GET /" + b"a" * 1_000_000,
        b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000,
        b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 200_000,
        with_lines(CHUNKED, body=b"1\r\na\r\n0\r\n") + b"X: a\r\n" * 200_000,
        with_lines(CHUNKED, body=b"1;") + b"a" * 1_000_000,
    ],
    ids=["path", "header", "headers", "trailers", "chunk extension"],
)
async def test_a_head_without_end_is_refused(serving: Serving, start: bytes) -> None:
    served = await serving()
    async with line(served.port) as mine:
        for at in range(0, len(start), 16_384):
            mine.writer.write(start[at : at + 16_384])
            await asyncio.sleep(0)
        try:
            assert await mine.error() == (431, "headers_too_large")
        except ConnectionError:  # it had been closed while there was still more to come
            assert start.startswith(b"POST") or len(start) > 10 * Bounds().head_bytes
    assert (await served.http.get("/health/live")).status_code == 200


@pytest.mark.parametrize("before", [b"", ALIVE], ids=["at first", "between requests"])
@pytest.mark.parametrize("begun", [b"", b"\r\n"], ids=["nothing", "an empty line"])
async def test_who_never_asks_is_closed_without_a_word(
    serving: Serving, before: bytes, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serving(bounds=Bounds(head_s=0.3))
    monkeypatch.setattr(served.server.config, "timeout_keep_alive", 0.3)
    async with line(served.port) as mine:
        if before:
            await mine.say(before)
            assert (await mine.answer())[0] == 200
        await mine.say(begun)
        assert await mine.closed()


async def test_a_head_that_comes_byte_by_byte_has_its_time_and_no_more(serving: Serving) -> None:
    served = await serving(bounds=Bounds(head_s=0.2))
    async with line(served.port) as mine:
        asking = asyncio.create_task(mine.error())
        for byte in ALIVE + post(CHAT, BODY):
            if asking.done():
                break
            await mine.say(bytes([byte]))
            await asyncio.sleep(0.01)
        assert await asking == (408, "request_timeout")
        assert await mine.closed()


async def test_an_answer_may_take_longer_than_its_question(serving: Serving) -> None:
    stuck = Stuck("prompt")
    served = await serving(bounds=Bounds(head_s=0.4), models={MODEL: model(think=stuck)})
    async with line(served.port) as mine:
        await mine.say(post(CHAT, BODY))
        await stuck.begun.wait()
        await asyncio.sleep(0.8)  # twice its limit
        stuck.go.set()
        assert (await mine.answer())[0] == 200


async def crowd(stack: AsyncExitStack, served: Served, size: int, begin: bytes) -> None:
    """Many connections that begin, and do nothing more."""
    for _ in range(size):
        await (await stack.enter_async_context(line(served.port))).say(begin)


@pytest.mark.parametrize("begin", [b"", b"GET / HTT", post(CHAT, BODY)[:-1]], ids=["nothing", "a head", "a body"])
async def test_who_asks_is_served_however_many_only_begin_to(serving: Serving, begin: bytes) -> None:
    served = await serving(bounds=Bounds(connections=40))
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(line(served.port))
        await first.say(begin)
        await crowd(stack, served, 100, begin)
        answer = await served.http.post(CHAT, content=BODY, headers={"content-type": "application/json"})
        assert answer.status_code == 200
        assert len(served.server.server_state.connections) <= 40
        async with asyncio.timeout(5):
            await first.reader.read()  # the first to come was the first to go


async def test_where_all_have_work_one_more_is_told_to_come_again(serving: Serving) -> None:
    stuck = Stuck("prompt")
    served = await serving(bounds=Bounds(connections=3), models={MODEL: model(think=stuck)})
    async with AsyncExitStack() as stack:
        busy = [await stack.enter_async_context(line(served.port)) for _ in range(3)]
        for mine in busy:
            await mine.say(post(CHAT, BODY))
        await until(lambda: len(served.server.server_state.tasks) == 3)
        async with line(served.port) as late:
            status, headers, _ = await late.answer()
            assert (status, headers["retry-after"]) == (503, "1")
            assert await late.closed()
        stuck.go.set()
        for mine in busy:
            assert (await mine.answer())[0] == 200


async def test_nothing_is_written_into_an_answer_that_has_begun(serving: Serving) -> None:
    stuck = Stuck("speak")
    served = await serving(models={MODEL: model(speak=stuck)})
    async with line(served.port) as mine:
        await mine.say(post(CHAT, json.dumps(served.say(stream=True)).encode()))
        await stuck.begun.wait()
        async with asyncio.timeout(5):
            assert (await mine.reader.readline()).startswith(b"HTTP/1.1 200")
        await mine.say(b"\x00\x01 no HTTP\r\n\r\n")
        assert b"HTTP/1.1" not in await mine.all()
    await asyncio.wait_for(stuck.stopped.wait(), 5)


@pytest.mark.parametrize("keeps", [False, True], ids=["close", "keep-alive"])
async def test_who_never_takes_the_last_of_an_answer_is_let_go(serving: Serving, keeps: bool) -> None:
    long = Says("All work and no play. " * 400_000)
    served = await serving(bounds=Bounds(unread_s=0.1), models={MODEL: model(think=long)})
    with calling(served.port, buffer=4096) as deaf:
        deaf.sendall(post(CHAT, BODY, "Connection: keep-alive" if keeps else "Connection: close"))
        await until(lambda: bool(long.asked))
        await until(lambda: not served.server.server_state.connections)


async def test_who_takes_an_answer_slowly_gets_all_of_it(serving: Serving) -> None:
    """More than every buffer on the way holds, taken in twice the time that may pass without anything."""
    said = "All work and no play. " * 400_000
    served = await serving(bounds=Bounds(unread_s=1.0), models={MODEL: model(think=Says(said))})
    async with line(served.port, buffer=65_536) as mine:
        await mine.say(post(CHAT, BODY, "Connection: close"))
        got = bytearray()
        while piece := await mine.reader.read(100_000):
            got += piece
            await asyncio.sleep(2.0 * len(piece) / len(said))
    assert json.loads(got.split(b"\r\n\r\n", 1)[1])["choices"][0]["message"]["content"] == said
