"""The database locked for half a minute, and read from for as long, while many ask."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from tests.support.talker import TALKER
from tests.torture.budget import MINUTES
from vivavoce.store.database import FILE
from vivavoce.store.ledger import ledger
from vivavoce.store.looking import looking
from vivavoce.testing.serving import serving

pytestmark = pytest.mark.skipif(not MINUTES, reason="it takes minutes")
LOCKED_S = 30.0
AT_ONCE = 8
LIMIT_S = 60
CHAT = "/v1/chat/completions"
SPOKEN: dict[str, Any] = {
    "model": "talker",
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    "messages": [{"role": "user", "content": "Hi"}],
}


@contextmanager
def connected(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / "data" / FILE, isolation_level=None)) as other:
        yield other


async def asked(url: str, over: asyncio.Event) -> dict[str, str]:
    """How each request of many was answered, asked without a pause until it is over."""
    found: dict[str, str] = {}
    async with httpx2.AsyncClient(base_url=url, timeout=LIMIT_S, trust_env=False) as client:

        async def ask() -> None:
            while not over.is_set():
                response = await client.post(CHAT, json=SPOKEN)
                error = response.json().get("error") or {"code": "given"}
                found[response.headers["x-request-id"]] = error["code"]
                assert (await client.get("/v1/models")).status_code == 200
                await asyncio.sleep(0.05)

        await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
    return found


async def while_it_lasts(url: str, seconds: float) -> dict[str, str]:
    over = asyncio.Event()
    asking = asyncio.create_task(asked(url, over))
    await asyncio.wait([asking], timeout=seconds)
    over.set()
    return await asking


def given(folder: Path) -> set[str]:
    with looking(folder / "data", ledger) as look:
        return {row.request for row in look(select(ledger.c.request).where(ledger.c.status == "completed"))}


def test_locked_for_half_a_minute_it_gives_nothing_for_nothing_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "vivavoce.toml").write_text(TALKER)
    with serving(tmp_path) as server:
        first = asyncio.run(while_it_lasts(server.url, 1))
        with connected(tmp_path) as other:
            other.execute("BEGIN IMMEDIATE")
            meanwhile = asyncio.run(while_it_lasts(server.url, LOCKED_S))
        afterwards = asyncio.run(while_it_lasts(server.url, 10))
    assert set(first.values()) == {"given"}
    assert set(meanwhile.values()) == {"not_recorded"}
    assert list(afterwards.values())[-1] == "given"
    assert {request for request, how in (first | meanwhile | afterwards).items() if how == "given"} == given(tmp_path)


def test_read_from_for_half_a_minute_it_goes_on_and_its_log_is_short_again(tmp_path: Path) -> None:
    (tmp_path / "vivavoce.toml").write_text(TALKER)
    log = tmp_path / "data" / f"{FILE}-wal"
    with serving(tmp_path) as server:
        with connected(tmp_path) as other:
            other.execute("BEGIN")
            other.execute("SELECT count(*) FROM ledger").fetchone()
            found = asyncio.run(while_it_lasts(server.url, LOCKED_S))
            assert log.stat().st_size > 5_000_000
        found |= asyncio.run(while_it_lasts(server.url, 1))
        assert set(found.values()) == {"given"}
        while log.stat().st_size > 5_000_000:
            found |= asyncio.run(while_it_lasts(server.url, 1))
    assert set(found) == given(tmp_path)
