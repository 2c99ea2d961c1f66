"""A server behind the nginx site we ship: what passes, as it comes, and what nginx says by itself."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from tests.support.audio import audio_server, models
from tests.support.leaves import Stuck
from tests.support.nginx import in_front_of
from tests.support.serving import MODEL, Served, Serving, model, serving
from tests.support.talking import code_of
from tests.support.waiting import until
from vivavoce.account.counters import InMemory
from vivavoce.account.limits import Limits, NoHistory
from vivavoce.account.rules import Rules
from vivavoce.account.tiers import TIERS
from vivavoce.audio.wav import write_wav
from vivavoce.server.service import Access
from vivavoce.store import clock
from vivavoce.testing import Hears
from vivavoce.testing.scripted import tone

__all__ = ["serving"]

MIB = 1 << 20
LIMIT_S = 20.0


@asynccontextmanager
async def before(served: Served | int) -> AsyncIterator[tuple[httpx2.AsyncClient, Path]]:
    """A client of nginx in front of a server, or of a port, and nginx's folder."""
    port = served if isinstance(served, int) else served.port
    async with (
        in_front_of(port) as (url, folder),
        httpx2.AsyncClient(base_url=url, timeout=LIMIT_S, trust_env=False) as http,
    ):
        yield http, folder


async def test_the_first_event_of_a_stream_arrives_while_the_answer_goes_on(serving: Serving) -> None:
    stuck = Stuck("speak")
    served = await serving(models={MODEL: model(think=stuck, speak=stuck)})
    asked = {"json": served.say(stream=True)}
    async with before(served) as (http, _), http.stream("POST", "/v1/chat/completions", **asked) as answer:
        lines = answer.aiter_lines()
        async with asyncio.timeout(LIMIT_S):
            while '"data":' not in await anext(lines):
                pass
        assert not stuck.stopped.is_set()  # the engine is in the middle of it
        stuck.go.set()
        rest = [line async for line in lines]
    assert "data: [DONE]" in rest[-2:]


async def test_a_large_recording_passes_and_nothing_of_it_is_written_down(tmp_path: Path) -> None:
    recording = write_wav(tone(520))
    assert 24 * MIB - len(recording) < MIB
    async with audio_server(tmp_path, models(hear=Hears("good morning"))) as served, before(served) as (http, folder):
        files = {"file": ("call.wav", recording)}
        answer = await http.post("/v1/audio/transcriptions", data={"model": "whisper-1"}, files=files)
        assert answer.json()["text"] == "good morning"
        assert "temporary file" not in (folder / "error.log").read_text()
        kept = {path.name for path in folder.rglob("*") if path.is_file()}
        assert kept == {"error.log", "nginx.conf", "nginx.pid", "site.conf"}


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
async def test_what_is_too_large_for_us_is_refused_in_our_words(serving: Serving, chunked: bool) -> None:
    served = await serving(body_bytes=MIB)
    async with before(served) as (http, _):
        answer = await post(http, 8 * MIB, chunked=chunked)
    assert (answer.status_code, code_of(answer.content)) == (413, "request_too_large")
    assert "openai-version" in answer.headers  # it is the server's own


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
async def test_what_is_too_large_for_nginx_is_refused_in_our_words(serving: Serving, chunked: bool) -> None:
    served = await serving(body_bytes=100 * MIB)
    async with before(served) as (http, _):
        answer = await post(http, 65 * MIB, chunked=chunked)
    assert (answer.status_code, code_of(answer.content)) == (413, "request_too_large")
    assert "openai-version" not in answer.headers
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"].startswith("req_")


async def post(http: httpx2.AsyncClient, size: int, *, chunked: bool) -> httpx2.Response:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size // MIB):
            yield bytes(MIB)

    headers = {"content-type": "application/json"} | ({} if chunked else {"content-length": str(size)})
    return await http.post("/v1/chat/completions", content=pieces(), headers=headers)


async def test_where_a_file_may_be_sent_more_passes(serving: Serving) -> None:
    served = await serving()
    async with before(served) as (http, _):
        for path in ("/v1/files", "/files"):
            answer = await http.post(path, content=bytes(65 * MIB))
            assert "openai-version" in answer.headers  # whatever it says, it is not nginx that says it


async def test_a_client_that_leaves_stops_the_engine_behind_both(serving: Serving) -> None:
    stuck = Stuck("think")
    served = await serving(models={MODEL: model(think=stuck)})
    async with before(served) as (http, _):
        for stream in (True, False):
            stuck.begun.clear()
            stuck.stopped.clear()
            asking = asyncio.create_task(http.post("/v1/chat/completions", json=served.say(stream=stream)))
            await asyncio.wait_for(stuck.begun.wait(), LIMIT_S)
            asking.cancel()
            await asyncio.wait_for(stuck.stopped.wait(), LIMIT_S)
        await until(lambda: not served.server.server_state.tasks)


async def test_what_is_said_beside_an_answer_passes_both_ways(serving: Serving) -> None:
    limits = Limits(Rules(TIERS, "1"), InMemory(clock.running), NoHistory(), clock.now)
    served = await serving(limits=limits, access=Access(("sk-one",)))
    key = {"authorization": "Bearer sk-one"}
    async with before(served) as (http, _):
        asked = {"json": served.say(), "headers": {**key, "idempotency-key": "again", "x-client-request-id": "mine"}}
        first, second = [await http.post("/v1/chat/completions", **asked) for _ in range(2)]
        wrong = await http.get("/v1/models", headers={"authorization": "Bearer sk-two"})
        asked_first = await http.options("/v1/models")
    assert int(first.headers["x-ratelimit-limit-requests"]) > 0
    assert first.headers["x-client-request-id"] == "mine"
    assert first.headers["x-request-id"].startswith("req_")
    assert "idempotent-replayed" not in first.headers
    assert (second.headers["idempotent-replayed"], second.content) == ("true", first.content)
    assert (wrong.status_code, code_of(wrong.content)) == (401, "invalid_api_key")
    assert asked_first.status_code in {401, 405}


async def test_a_server_without_keys_is_not_opened_by_nginx(serving: Serving) -> None:
    served = await serving()
    async with before(served) as (http, _):
        answer = await http.get("/v1/models", headers={"host": "voice.example.org"})
    assert (answer.status_code, code_of(answer.content)) == (403, "host_not_allowed")


async def test_where_no_server_listens_one_is_told_to_come_again() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        async with before(nobody.getsockname()[1]) as (http, _):
            answer = await http.get("/v1/models")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert code_of(answer.content) is None
    assert answer.json()["error"]["type"] == "server_error"


async def test_what_is_no_request_is_told_so_in_our_words(serving: Serving) -> None:
    served = await serving()
    async with in_front_of(served.port) as (url, _):
        port = int(url.rpartition(":")[2])
        for said in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 40000 + b"\r\n\r\n",
            b"TRACE / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: gzip\r\n\r\n",
            b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n",
            b"GET / HTTP/9.9\r\nhost: a\r\n\r\n",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            head, _, body = (await asyncio.wait_for(reader.read(), LIMIT_S)).partition(b"\r\n\r\n")
            assert b" 400 " in head
            assert code_of(body) == "invalid_http"
            writer.close()


async def test_a_web_socket_is_passed_on_and_no_other_protocol() -> None:
    seen: list[dict[str, str]] = []

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.lower().split(": ", 1) for line in head.rstrip().split("\r\n")[1:])
        seen.append(headers)
        if headers.get("upgrade") == "websocket":
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            writer.write((await reader.readexactly(5)).upper())
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    async with server, in_front_of(server.sockets[0].getsockname()[1]) as (url, _):
        for offer, last in (("websocket", b"\r\n\r\nHELLO"), ("h2c", b"no")):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            asked = f"GET /v1/realtime HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {offer}\r\n"
            forged = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Host: elsewhere\r\n\r\n"
            writer.write((asked + forged).encode())
            said = b""
            async with asyncio.timeout(LIMIT_S):
                while not said.endswith(last):
                    if said.endswith(b"\r\n\r\n") and b" 101 " in said:
                        writer.write(b"hello")
                    said += await reader.read(1000)
            writer.close()
    assert [headers.get("upgrade") for headers in seen] == ["websocket", None]
    assert [headers.get("connection") for headers in seen] == ["upgrade", None]
    assert {headers["x-forwarded-for"] for headers in seen} == {"127.0.0.1"}
    assert {headers["x-forwarded-host"] for headers in seen} == {"a"}
