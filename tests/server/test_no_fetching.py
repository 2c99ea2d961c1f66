"""Nothing that a client sends makes this server reach out: no address in any place is fetched, nor even looked up."""

import asyncio
import base64
import copy
import http.client
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.audio import OwnMedia, audio_server, models
from tests.support.serving import MODEL, Served, model
from vivavoce.audio.wav import write_wav
from vivavoce.testing import Hears
from vivavoce.testing.scripted import tone

SOUND = write_wav(tone(0.2))
WORDS = {"filename": "a.txt", "file_data": "data:text/plain;base64,SGk="}
CHAT: dict[str, Any] = {
    "model": MODEL,
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    "messages": [
        {"role": "system", "content": "Be kind.", "name": "boss"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Hi"},
                {"type": "input_audio", "input_audio": {"data": base64.b64encode(SOUND).decode(), "format": "wav"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
                {"type": "file", "file": {**WORDS, "file_id": "file-1", "file_url": "x"}},
            ],
        },
        {"role": "assistant", "content": "Yes?", "audio": {"id": "audio_1"}},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"$ref": "x"}}}],
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"$ref": "x", "$id": "y"}}},
    "web_search_options": {"user_location": {"type": "approximate"}},
    "prediction": {"type": "content", "content": "x"},
    "metadata": {"webhook": "x"},
    "stop": "x",
    "user": "x",
    "safety_identifier": "x",
    "service_tier": "auto",
    "reasoning_effort": "low",
    "webhook_url": "x",
    "callback": "x",
    "base_url": "x",
}
SPEECH = {"model": "tts-1", "voice": "alloy", "input": "Hi", "instructions": "x", "response_format": "wav", "url": "x"}
FIELDS = {"model": "whisper-1", "prompt": "x", "language": "en", "response_format": "json", "url": "x", "file_url": "x"}


def addresses(port: int) -> list[str]:
    """This machine and its neighbours, by every name they have."""
    here = ["127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "017700000001", "127.1"]  # noqa: S104
    return [
        *(f"http://{host}:{port}/planted.wav" for host in here),
        f"https://127.0.0.1:{port}/planted.wav",
        f"ftp://127.0.0.1:{port}/planted.wav",
        f"tcp://127.0.0.1:{port}",
        "http://169.254.169.254/latest/meta-data/",
        "http://planted.example.org/planted.wav",
        f"file://{__file__}",
    ]


def places(body: Any) -> Iterator[list[Any]]:
    """The way to every text in a body."""
    if isinstance(body, str):
        yield []
    items = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in items:
        for way in places(value):
            yield [key, *way]


def planted(body: Any, way: list[Any], text: str) -> Any:
    """The same body with another text in one place."""
    *before, last = way
    made = inner = copy.deepcopy(body)
    for key in before:
        inner = inner[key]
    inner[last] = text
    return made


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Whatever this process connects to or looks up from here on."""
    kept: list[Any] = []
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def connecting(self: socket.socket, address: Any) -> None:
        kept.append(address)
        connect(self, address)

    def trying(self: socket.socket, address: Any) -> int:
        kept.append(address)
        return connect_ex(self, address)

    def looking(host: Any, *more: Any, **named: Any) -> Any:
        kept.append((host, *more))
        return look_up(host, *more, **named)

    monkeypatch.setattr(socket.socket, "connect", connecting)
    monkeypatch.setattr(socket.socket, "connect_ex", trying)
    monkeypatch.setattr(socket, "getaddrinfo", looking)
    return kept


@asynccontextmanager
async def trap() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A port, and what came to it: native code's connections, too."""
    came: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.read(100))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], came


@asynccontextmanager
async def watched(folder: Path, reached: list[Any]) -> AsyncIterator[tuple[Served, int]]:
    """A server and a trap; whatever is asked within reaches nothing but the server."""
    known = {**models(hear=Hears("hello")), MODEL: model()}
    async with trap() as (port, came), audio_server(folder, known, media=OwnMedia()) as served:
        served.http.event_hooks = {}
        yield served, port
        assert came == []
        # the client's own, and the processes' that read documents
        assert {address[1] for address in reached if isinstance(address, tuple)} <= {served.port}
        assert {address[0] for address in reached if isinstance(address, tuple)} <= {"127.0.0.1"}


async def test_whoever_reaches_out_is_caught(reached: list[Any]) -> None:
    async with trap() as (port, came):
        visitor = http.client.HTTPConnection("localhost", port, timeout=10)
        await asyncio.to_thread(visitor.request, "GET", "/planted.wav")
        await asyncio.to_thread(visitor.getresponse)
        assert reached[0][0] == "localhost"
        assert reached[-1][1] == port
        assert came[0].startswith(b"GET /planted.wav")


async def test_an_address_in_any_place_of_a_body_is_not_fetched(tmp_path: Path, reached: list[Any]) -> None:
    async with watched(tmp_path, reached) as (served, port):
        asked = 0
        for path, body in (("/v1/chat/completions", CHAT), ("/v1/audio/speech", SPEECH)):
            for way in places(body):
                answer = await served.http.post(path, json=planted(body, way, addresses(port)[0]))
                assert answer.status_code < 500
                asked += 1
        assert asked > 40


async def test_no_kind_of_address_is_fetched_where_one_may_be_expected(tmp_path: Path, reached: list[Any]) -> None:
    content = CHAT["messages"][1]["content"]
    async with watched(tmp_path, reached) as (served, port):
        for address in addresses(port):
            for part in (
                {"type": "image_url", "image_url": {"url": address}},
                {"type": "input_audio", "input_audio": {**content[1]["input_audio"], "data": address}},
                {"type": "audio_url", "audio_url": {"url": address}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": address}},
                {"type": "file", "file": {"file_id": address}},
                {"type": "file", "file": {"file_url": address}},
            ):
                answer = await served.post(messages=[{"role": "user", "content": [part]}])
                assert 400 <= answer.status_code < 500


async def test_no_field_of_a_form_is_fetched_nor_what_a_file_says_it_is_made_of(
    tmp_path: Path, reached: list[Any]
) -> None:
    async with watched(tmp_path, reached) as (served, port):
        address = addresses(port)[0]
        for name in FIELDS:
            form = {**FIELDS, name: address}
            answer = await served.http.post("/v1/audio/transcriptions", data=form, files={"file": ("a.wav", SOUND)})
            assert answer.status_code < 500
        for kind in ("transcriptions", "translations"):
            form = {"model": (None, "whisper-1"), "file": (None, address)}
            assert (await served.http.post(f"/v1/audio/{kind}", files=form)).status_code == 400
        for named, lists in lists_of(address):
            upload = {"file": (named, lists)}
            answer = await served.http.post("/v1/audio/transcriptions", data={"model": "whisper-1"}, files=upload)
            assert answer.status_code == 400
            data = base64.b64encode(lists).decode()
            part = {"type": "input_audio", "input_audio": {"data": data, "format": "mp3"}}
            assert (await served.post(messages=[{"role": "user", "content": [part]}])).status_code == 400


def lists_of(address: str) -> list[tuple[str, bytes]]:
    """Files that are lists of addresses, in the formats that libraries of sound would follow."""
    return [
        ("a.m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n".encode()),
        ("a.ffconcat", f"ffconcat version 1.0\nfile '{address}'\nduration 1\n".encode()),
        ("a.sdp", b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n"),
        ("a.pls", f"[playlist]\nFile1={address}\nNumberOfEntries=1\n".encode()),
        ("a.mpd", f'<?xml version="1.0"?><MPD><BaseURL>{address}</BaseURL></MPD>'.encode()),
        ("a.m3u8", f"#EXTM3U\n#EXTINF:1,\nfile://{__file__}\n#EXT-X-ENDLIST\n".encode()),
    ]


async def test_ids_and_names_that_are_addresses_name_nothing(tmp_path: Path, reached: list[Any]) -> None:
    async with watched(tmp_path, reached) as (served, port):
        for address in addresses(port):
            for path in ("/v1/models/", "/v1/chat/completions/", "/v1/files/", "/v1/batches/"):
                assert 400 <= (await served.http.get(path + address)).status_code < 500
            headers = {"host": f"127.0.0.1:{served.port}", "referer": address, "forwarded": f"for={address}"}
            answer = await served.http.get("/v1/models", headers=headers)
            assert answer.status_code == 200
            sent = {"file": (address, address.encode())}
            file = await served.http.post("/v1/files", data={"purpose": "user_data"}, files=sent)
            assert file.status_code == 200
            batch = {"input_file_id": address, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
            for body in (batch, batch | {"input_file_id": file.json()["id"], "endpoint": address}):
                assert 400 <= (await served.http.post("/v1/batches", json=body)).status_code < 500
