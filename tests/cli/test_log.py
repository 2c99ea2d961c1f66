"""What a server logs while everything goes well and badly: lines that a program can read, and nobody's secrets."""

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.support.faulty import Faulty, answered
from tests.support.talking import line
from tests.support.waiting import until
from vivavoce.audio.wav import write_wav
from vivavoce.testing.scripted import tone

SOURCE = Path(__file__).parents[2] / "src"
SECRET = "planted7f3a"
"""Part of everything here that nobody but the two sides of a request may know."""
KEY = f"sk-{SECRET}-key-of-the-configuration"
LIMIT_S = 60.0
CONFIGURATION = """\
[server]
port = 0
keys = ["$THE_KEY"]
[log]
format = "json"
level = "debug"
[engines.ear]
use = "scripted"
options = {{ hears = "heard {secret}" }}
[engines.brain]
use = "scripted"
options = {{ says = "said {secret}." }}
[engines.elsewhere]
use = "openai"
options = {{ base_url = "{url}", model = "any", api_key = "{secret}" }}
[engines.voice]
use = "espeak"
[models."good"]
hear = "ear"
think = "brain"
speak = "voice"
[models."bad"]
hear = "elsewhere"
think = "elsewhere"
speak = "voice"
"""


@dataclass
class Running:
    """A server, a client with its key, and all that it has printed."""

    http: httpx2.AsyncClient
    port: int
    said: Path
    process: subprocess.Popen[bytes]


@asynccontextmanager
async def running(folder: Path, url: str) -> AsyncIterator[Running]:
    (folder / "vivavoce.toml").write_text(CONFIGURATION.format(secret=SECRET, url=url))
    said = folder / "said"
    environment = {**os.environ, "VIVAVOCE_HOME": str(folder / "home"), "THE_KEY": KEY, "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-m", "vivavoce", "serve"]
    with (
        said.open("wb") as file,
        subprocess.Popen(  # noqa: ASYNC220
            command, stdout=file, stderr=file, env=environment, cwd=folder
        ) as process,
    ):
        try:
            await until(lambda: b"http://" in said.read_bytes() or process.poll() is not None, LIMIT_S)
            found = re.search(r"http://\S+:(\d+)", said.read_text())
            assert found, said.read_text()
            headers = {"authorization": f"Bearer {KEY}"}
            async with httpx2.AsyncClient(base_url=found[0], trust_env=False, timeout=LIMIT_S, headers=headers) as http:
                yield Running(http, int(found[1]), said, process)
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, LIMIT_S)


def spoken(name: str = "good", **more: Any) -> dict[str, Any]:
    sound = base64.b64encode(write_wav(tone(0.3))).decode()
    parts = [
        {"type": "text", "text": f"asked {SECRET}"},
        {"type": "input_audio", "input_audio": {"data": sound, "format": "wav"}},
    ]
    return {
        "model": name,
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "mp3"},
        "messages": [{"role": "user", "content": parts}],
        **more,
    }


async def ask(server: Running) -> list[int]:
    """One of every kind of request there is, right and wrong, each with something in it; their statuses."""
    http, chats = server.http, "/v1/chat/completions"
    pdf = f"data:application/pdf;base64,{base64.b64encode(b'%PDF-1.7 ' + SECRET.encode()).decode()}"
    document = {"type": "file", "file": {"filename": f"{SECRET}.pdf", "file_data": pdf}}
    upload = {"file": (f"{SECRET}.wav", write_wav(tone(0.3)))}
    noise = {"file": (f"{SECRET}.mp3", SECRET.encode() * 1000)}
    wrong = {"authorization": f"Bearer sk-{SECRET}-of-nobody-at-all-0123456789"}
    answers = [
        await http.post(chats, json=spoken(), headers={"idempotency-key": SECRET, "x-client-request-id": SECRET}),
        await http.post(chats, json=spoken(store=True, metadata={"a": SECRET}, user=SECRET)),
        await http.post(chats, json=spoken(audio={"voice": "alloy", "format": "pcm16"}, stream=True)),
        await http.post(chats, json=spoken(SECRET)),
        await http.post(chats, json=spoken("bad")),
        await http.post(chats, json=spoken(temperature=SECRET)),
        await http.post(chats, json={**spoken(), SECRET: 1}),
        await http.post(chats, json=spoken(messages=[{"role": "user", "content": [document]}])),
        await http.post(chats, content=f'{{"model": "{SECRET}'),
        await http.post(chats, content=f"\xff{SECRET}".encode("latin-1")),
        await http.post(chats, json=spoken(), headers=wrong),
        await http.post(chats, json=spoken(), headers={"authorization": f"Basic {SECRET}"}),
        await http.get(f"/v1/models/{SECRET}?key={SECRET}"),
        await http.get(f"/v1/{SECRET}"),
        await http.get(f"/v1/chat/completions/{SECRET}"),
        await http.post("/v1/audio/speech", json={"model": "good", "voice": "alloy", "input": SECRET}),
        await http.post("/v1/audio/speech", json={"model": "good", "voice": SECRET, "input": SECRET}),
        await http.post("/v1/audio/transcriptions", data={"model": "good", "prompt": SECRET}, files=upload),
        await http.post("/v1/audio/transcriptions", data={"model": "bad"}, files=upload),
        await http.post("/v1/audio/transcriptions", data={"model": "good"}, files=noise),
        await http.post("/v1/audio/transcriptions", data={"model": "good", SECRET: SECRET}, files=upload),
    ]
    async with line(server.port) as by_hand:
        await by_hand.say(f"GET /{SECRET} HTTP/1.1\r\n{SECRET}\r\n\r\n".encode())
        assert b" 400 " in await by_hand.all()
    async with http.stream("POST", chats, json=spoken(stream=True, audio={"voice": "alloy", "format": "pcm16"})):
        pass  # and leaves
    return [answer.status_code for answer in answers]


async def test_whatever_is_asked_nothing_of_it_is_in_the_log(tmp_path: Path) -> None:
    elsewhere = Faulty()
    elsewhere.says = [answered(json.dumps({"error": {"message": f"no {SECRET}"}}).encode(), 400)]
    await elsewhere.start()
    async with running(tmp_path, elsewhere.url) as server:
        statuses = await ask(server)
        assert {200, 400, 401, 404} <= set(statuses)
        assert statuses.count(200) >= 5
        await until(lambda: server.said.read_bytes().count(b" /chat/completions") >= 10)
        measured = (await server.http.get("/metrics")).text
    elsewhere.stop()
    said = server.said.read_text()
    assert len(said.splitlines()) > len(statuses)
    for where in (said, measured):
        assert SECRET not in where
        assert base64.b64encode(SECRET.encode()).decode()[:12] not in where
    assert "Traceback" not in said
    lines = [json.loads(each) for each in said.splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(each) for each in lines)
    told = [each for each in lines if each["logger"] == "vivavoce.access"]
    assert {each["status"] for each in told} >= {200, 400, 401, 404}
    assert all(each["key"].startswith("key-") for each in told if each["status"] == 200)


async def test_a_start_that_fails_is_told_in_json_as_well(tmp_path: Path) -> None:
    (tmp_path / "vivavoce.toml").write_text('[log]\nformat = "json"\n[server]\nkeys = [""]\n')
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "vivavoce", "serve"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.returncode == 1
    (only,) = [json.loads(each) for each in done.stderr.splitlines()]
    assert only["logger"] == "vivavoce.printed"
    assert "a key is empty" in only["message"]
