"""A configuration read again under a server that runs."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.page import Page
from tests.support.waiting import until
from vivavoce import main
from vivavoce.config import Config, ConfigError, load
from vivavoce.core.background import GaveWay
from vivavoce.core.turn import Turn
from vivavoce.engines.child import EngineMissing
from vivavoce.generations import Generations
from vivavoce.server.lines import Lines
from vivavoce.store.batches import Leased
from vivavoce.testing import Scripted

FILE = """
[server]
port = 0
keys = %(keys)s
[engines.brain]
use = "scripted"
options = { says = "%(says)s" }
[engines.voice]
use = "espeak"
[models.talker]
think = "brain"
speak = "voice"
aliases = ["%(alias)s"]
"""


def written(folder: Path, says: str = "One two three.", keys: tuple[str, ...] = (), alias: str = "old") -> Path:
    file = folder / "my.toml"
    file.write_text(FILE % {"says": says, "keys": json.dumps(keys), "alias": alias})
    return file


@pytest.fixture
async def generations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Generations]:
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", f"{Path.cwd()}{os.pathsep}{Path.cwd() / 'src'}")
    async with main.store(Config()) as store:
        made = Generations(store)
        yield made
        await made.end()


@asynccontextmanager
async def client(app: Any) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=30) as made:
        yield made


def asked(**more: Any) -> dict[str, Any]:
    return {"model": "talker", "messages": [{"role": "user", "content": "Hi"}], **more}


async def said(http: httpx2.AsyncClient, **headers: str) -> str:
    answer = await http.post("/v1/chat/completions", json=asked(), headers=headers)
    return answer.json()["choices"][0]["message"]["content"]


async def test_a_request_stays_with_the_engines_it_came_to(
    generations: Generations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await generations.begin(load(written(tmp_path, "One two three.")))
    begun, held, generate = asyncio.Event(), asyncio.Event(), Scripted.generate

    async def hold(self: Any, turn: Turn) -> Any:
        if self is before.engines["brain"].itself:
            begun.set()
            await held.wait()
        async for event in generate(self, turn):
            yield event

    monkeypatch.setattr(Scripted, "generate", hold)
    async with client(generations) as http:
        body = asked(modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"})
        early = asyncio.create_task(http.post("/v1/chat/completions", json=body))
        await begun.wait()
        after = await generations.begin(load(written(tmp_path, "Four.")))
        assert await said(http) == "Four."
        assert not early.done()
        held.set()
        audio = (await early).json()["choices"][0]["message"]["audio"]
        assert audio["transcript"] == "One two three."
        assert len(b64decode(audio["data"])) > 10_000
    assert before.engines["voice"].pool is after.engines["voice"].pool
    assert before.engines["brain"].itself is not after.engines["brain"].itself


async def test_a_line_of_a_batch_goes_on_with_the_newest(
    generations: Generations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await generations.begin(load(written(tmp_path, "One two three.")))
    begun, generate = asyncio.Event(), Scripted.generate

    async def hold(self: Any, turn: Turn) -> Any:
        if not begun.is_set():
            begun.set()
            await asyncio.Event().wait()
        async for event in generate(self, turn):
            yield event

    monkeypatch.setattr(Scripted, "generate", hold)
    body = json.dumps(asked()).encode()
    leased = Leased("batch_a", 1, "a", "/v1/chat/completions", body, "default", None, "talker", 1, 1, "req_a")
    line = asyncio.create_task(Lines(generations).ask(leased))
    await begun.wait()
    await generations.begin(load(written(tmp_path, "Four.")))
    assert isinstance((await line).line.error, GaveWay)
    outcome = await Lines(generations).ask(leased)
    assert json.loads(outcome.body)["choices"][0]["message"]["content"] == "Four."


async def test_what_is_the_same_goes_on_and_what_is_not_ends(generations: Generations, tmp_path: Path) -> None:
    first = await generations.begin(load(written(tmp_path)))
    (voice,) = first.pools[1].pids
    text = written(tmp_path).read_text().replace('use = "espeak"', 'use = "espeak"\nworkers = 2')
    (tmp_path / "my.toml").write_text(text)
    second = await generations.begin(load(tmp_path / "my.toml"))
    assert len(second.engines["voice"].pool.pids if second.engines["voice"].pool else []) == 2
    assert second.media.pool is first.media.pool
    await until(lambda: not Path(f"/proc/{voice}").exists())
    async with client(generations) as http:
        assert await said(http) == "One two three."


async def test_one_elsewhere_that_has_answered_is_not_asked_again(generations: Generations, tmp_path: Path) -> None:
    first = await generations.begin(load(written(tmp_path)))
    assert not first.ready()
    await until(first.ready)
    second = await generations.begin(load(written(tmp_path, alias="new")))
    assert second.ready()
    third = await generations.begin(load(written(tmp_path, says="Another.")))
    assert not third.ready()
    await until(third.ready)


async def test_keys_and_names_are_the_newest(generations: Generations, tmp_path: Path) -> None:
    await generations.begin(load(written(tmp_path)))
    async with client(generations) as http:
        assert "old" in (await http.get("/v1/models")).text
        await generations.begin(load(written(tmp_path, keys=("sk-new",), alias="new")))
        assert (await http.get("/v1/models")).status_code == 401
        listed = await http.get("/v1/models", headers={"authorization": "Bearer sk-new"})
        assert [model["id"] for model in listed.json()["data"]] == ["talker", "new"]


async def test_who_may_come_in_goes_by_the_address_that_was_taken(generations: Generations, tmp_path: Path) -> None:
    bound = load(written(tmp_path))
    bound.server.host = "0.0.0.0"  # noqa: S104 - nothing listens there
    local = load(written(tmp_path))
    await generations.begin(main.as_bound(local, bound))
    async with client(generations) as http:
        assert (await http.get("/v1/models")).status_code == 401
    with pytest.raises(ConfigError, match="key 1 is easily guessed"):
        main.as_bound(load(written(tmp_path, keys=("sk-new",))), bound)


async def test_what_was_measured_goes_on_where_the_next_ones_measure(generations: Generations, tmp_path: Path) -> None:
    await generations.begin(load(written(tmp_path)))
    done = {"kind": "chat", "model": "talker", "outcome": "done"}
    async with client(generations) as http:
        for times in (1, 2):
            await said(http)
            page = Page((await http.get("/metrics")).text)
            assert page["turns_total", done] == times
            assert page["engine_calls_total", {"engine": "brain", "stage": "think", "outcome": "done"}] == times
            assert page["engine_places", {"engine": "voice"}] == 1
            await generations.begin(load(written(tmp_path, "Four.")))
        unmeasured = written(tmp_path).read_text().replace("port = 0", "port = 0\nmetrics = false")
        (tmp_path / "my.toml").write_text(unmeasured)
        await generations.begin(load(tmp_path / "my.toml"))
        assert await said(http) == "One two three."
        assert (await http.get("/metrics")).status_code == 404
        await generations.begin(load(written(tmp_path)))
        assert Page((await http.get("/metrics")).text)["turns_total", done] == 2


async def test_one_that_cannot_be_started_changes_nothing(generations: Generations, tmp_path: Path) -> None:
    first = await generations.begin(load(written(tmp_path)))
    broken = written(tmp_path).read_text().replace('use = "espeak"', 'use = "flute"')
    (tmp_path / "my.toml").write_text(broken)
    with pytest.raises(EngineMissing):
        await generations.begin(load(tmp_path / "my.toml"))
    assert all(pool.ready for pool in first.pools)
    async with client(generations) as http:
        assert await said(http) == "One two three."


async def test_a_server_reads_its_file_again_on_sighup(tmp_path: Path) -> None:
    file = written(tmp_path, "Before.")
    path = f"{Path.cwd() / 'src'}"
    environment = {**os.environ, "VIVAVOCE_HOME": str(tmp_path / "home"), "PYTHONPATH": path}
    command = [sys.executable, "-m", "vivavoce", "serve", "--config", str(file)]
    with subprocess.Popen(  # noqa: ASYNC220
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        told = (line for line in server.stderr if "vivavoce.access" not in line)
        try:
            found = re.search(r"http://\S+:\d+", await asyncio.to_thread(server.stdout.readline))
            assert found
            async with httpx2.AsyncClient(base_url=found[0], trust_env=False, timeout=20) as http:
                assert await said(http) == "Before."
                file.write_text("[server")
                server.send_signal(signal.SIGHUP)
                assert "was not taken" in await asyncio.to_thread(next, told)
                assert await said(http) == "Before."
                written(tmp_path, "After.")
                server.send_signal(signal.SIGHUP)
                assert "was read again" in await asyncio.to_thread(next, told)
                assert await said(http) == "After."
        finally:
            server.terminate()
            await asyncio.to_thread(server.communicate, timeout=30)
    assert server.returncode == 0
