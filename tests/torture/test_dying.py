"""An engine that dies while it answers, again and again, and at any moment."""

import asyncio
import hashlib
import json
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from tests.support.page import Page
from tests.support.schemas import events
from tests.support.waiting import until
from tests.torture.budget import TIMES
from vivavoce import main
from vivavoce.config import load
from vivavoce.core import breaker
from vivavoce.engines import pool as pools
from vivavoce.engines.pool import Pool
from vivavoce.generations import Generations, Store
from vivavoce.store.ledger import ledger
from vivavoce.store.looking import looking

ROUNDS = 2 * TIMES
AT_ONCE = 6
LIMIT_S = 60.0
KEY = "a-key-of-a-test"
PROJECT = f"key-{hashlib.sha256(KEY.encode()).hexdigest()[:32]}"
CONFIG = """
[server]
keys = ["a-key-of-a-test"]
[limits]
tier = "own"
[tiers.own]
turns = 6
[budgets."%s"]
usd = 1000
[engines.brain]
use = "scripted"
options = { says = "%s", token_ms = 3 }
[engines.voice]
use = "espeak"
[models.talker]
think = "brain"
speak = "voice"
price = { text_in = 1, text_out = 1, audio_in = 1, audio_out = 1 }
"""
SPOKEN = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}, "stream": True}


class Server:
    """Everything but the socket, in this process."""

    def __init__(self, store: Store, voice: Pool, http: httpx2.AsyncClient) -> None:
        self.store = store
        self.voice = voice
        self.http = http

    async def ask(self, **more: Any) -> httpx2.Response:
        body = {"model": "talker", "messages": [{"role": "user", "content": "Hi"}], **more}
        return await self.http.post("/v1/chat/completions", json=body)

    async def kill(self, number: int = signal.SIGKILL) -> None:
        """Kill the voice's process, as soon as there is one."""
        await until(lambda: self.voice.pids != [], LIMIT_S)
        os.kill(self.voice.pids[0], number)

    async def is_ready(self, wanted: bool) -> None:
        async with asyncio.timeout(LIMIT_S):
            while (ready := await self.http.get("/health/ready")).is_success != wanted:  # noqa: ASYNC110 - we are a client
                await asyncio.sleep(0.01)
        if not wanted:
            assert ready.json() == {"status": "starting", "missing": ["voice"]}

    async def measured(self) -> Page:
        return Page((await self.http.get("/metrics")).text)


@asynccontextmanager
async def serving(folder: Path, says: str) -> AsyncIterator[Server]:
    (folder / "my.toml").write_text(CONFIG % (PROJECT, says))
    config = load(folder / "my.toml")
    config.store.folder = str(folder / "data")
    async with main.store(config) as store:
        generations = Generations(store)
        try:
            running = await generations.begin(config)
            voice = running.engines["voice"].pool
            assert voice is not None
            transport, headers = httpx2.ASGITransport(generations), {"authorization": f"Bearer {KEY}"}
            async with httpx2.AsyncClient(
                transport=transport, base_url="http://localhost", headers=headers, timeout=LIMIT_S
            ) as http:
                yield Server(store, voice, http)
        finally:
            await generations.end()


async def test_an_engine_that_crashes_while_it_speaks_is_told_of_and_there_again(tmp_path: Path) -> None:
    async with serving(tmp_path, "One two three. " * 20) as server:
        await server.is_ready(wanted=True)
        os.kill(server.voice.pids[0], signal.SIGSTOP)
        cut = asyncio.create_task(server.ask(**SPOKEN))
        await until(lambda: server.voice.busy == 1)
        queued = asyncio.create_task(server.ask(**SPOKEN))
        await until(lambda: server.voice.waiting > 0)
        for number in (signal.SIGSEGV, signal.SIGCONT):
            os.kill(server.voice.pids[0], number)
        assert json.loads(events((await cut).text)[-1])["error"]["type"] == "server_error"
        await server.is_ready(wanted=False)
        await server.is_ready(wanted=True)
        assert events((await queued).text)[-1] == "[DONE]"
        assert (await server.measured())["engine_restarts_total", {"engine": "voice"}] == 1


async def test_one_that_crashes_again_and_again_is_given_a_rest_and_asked_again_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "REST_S", 0.2)
    monkeypatch.setattr(pools, "BACK_OFF_S", (0.0,))
    stands = asyncio.Event()  # the clock, so that the rest lasts as long as the test wants
    async with serving(tmp_path, "One two three.") as server:
        await server.is_ready(wanted=True)
        at = time.monotonic()
        server.voice.breaker._clock = lambda: at if stands.is_set() else time.monotonic()
        while server.voice.breaker.state == "closed":
            stands.clear()
            died = server.voice.restarts
            await server.kill(signal.SIGSEGV)
            at = time.monotonic()
            stands.set()
            await until(lambda died=died: server.voice.restarts > died or server.voice.breaker.state != "closed")
        for body in (SPOKEN, {**SPOKEN, "stream": False, "audio": {"voice": "alloy", "format": "wav"}}):
            refused = await server.ask(**body)
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "engine_down")
            assert int(refused.headers["retry-after"]) >= 1
        assert (await server.ask()).status_code == 200, "what needs no voice goes on"
        await server.is_ready(wanted=False)
        assert (await server.measured())["engine_breaker", {"engine": "voice"}] == 2
        stands.clear()
        await server.is_ready(wanted=True)
        assert events((await server.ask(**SPOKEN)).text)[-1] == "[DONE]"
        assert (await server.measured())["engine_breaker", {"engine": "voice"}] == 0


async def test_whenever_an_engine_is_killed_nothing_is_billed_by_halves_or_stays_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "REST_S", 0.1)
    monkeypatch.setattr(pools, "BACK_OFF_S", (0.0,))
    chance = random.Random(8)  # noqa: S311 - the same moments each time, as far as that can be
    told: list[httpx2.Response] = []
    async with serving(tmp_path, "One two three. Four five six. " * 3) as server:

        async def ask(number: int) -> None:
            body = {**SPOKEN, "stream": True, "stream_options": {"include_usage": True}}
            whole = {**SPOKEN, "stream": False, "audio": {"voice": "alloy", "format": "wav"}}
            told.append(await server.ask(**(body if number % 2 else whole)))

        for _ in range(ROUNDS):
            await server.is_ready(wanted=True)
            asking = [asyncio.create_task(ask(number)) for number in range(AT_ONCE)]
            await asyncio.sleep(chance.uniform(0, 0.5))
            await server.kill()
            async with asyncio.timeout(LIMIT_S):
                await asyncio.gather(*asking)
        await server.is_ready(wanted=True)
        page = await server.measured()
        assert [each.value for each in page.samples if each.name == "vivavoce_active_turns"] == [0.0]
        assert page["waiting_turns", {}] == 0
        for what in ("engine_busy", "engine_waiting"):
            assert page[what, {"engine": "voice"}] == 0
        taken = {name: full for name, (full, _) in server.store.counters._marks.items()}
        again = await asyncio.gather(*(server.ask() for _ in range(AT_ONCE)))
        assert [answer.status_code for answer in again] == [200] * AT_ONCE, "every turn of the key is free"
    with looking(tmp_path / "data", ledger) as look:
        rows = {row.request: row for row in look(select(ledger))}
    assert len(told) == len({answer.headers["x-request-id"] for answer in told}) == ROUNDS * AT_ONCE
    for answer in told:
        row, usage = rows[answer.headers["x-request-id"]], usage_of(answer)
        if usage is not None:
            assert (row.status, row.text_out + row.audio_out) == ("completed", usage["completion_tokens"])
        else:
            assert row.status in {"failed", "refused"}
            assert row.status == "failed" or row.cost_in + row.cost_out == 0
    asked = [rows[answer.headers["x-request-id"]] for answer in told]
    spent = sum(row.cost_in + row.cost_out for row in asked)
    assert [full for name, full in taken.items() if name.startswith("turns ")] == [0]
    assert [full for name, full in taken.items() if name.startswith("usd ")] == [spent]


def usage_of(answer: httpx2.Response) -> dict[str, Any] | None:
    """What a whole answer says it cost; None where it is not whole."""
    if not answer.is_success:
        assert answer.status_code in {500, 503}
        return None
    if answer.headers["content-type"] == "application/json":
        return answer.json()["usage"]
    data = events(answer.text)
    if data[-1] != "[DONE]":
        assert "error" in json.loads(data[-1])
        return None
    return next(chunk["usage"] for chunk in map(json.loads, data[:-1]) if chunk.get("usage"))
