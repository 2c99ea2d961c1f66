"""The words of recordings on disk: found for an hour, so many and no more, and then gone without a trace."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from tests.store.conftest import Clock, everything_in
from vivavoce.core.engines import Transcript, Word
from vivavoce.store import database as databases
from vivavoce.store.database import Database
from vivavoce.store.heard import Heard

HOUR_S = 3600
ROOM = 1024 * 1024
WORDS = [
    Transcript("Hello there.", True, 0.5, 1.25, (Word("Hello", 0.5, 0.75, 0.9), Word("there.", 0.75, 1.25)), 0.8, "en"),
    Transcript("Grüße"),
]


@pytest.fixture
def make(database: Database, clock: Clock) -> Callable[..., Heard]:
    def made(most: int = 1000, room: int = ROOM) -> Heard:
        return Heard(database, lifetime_s=HOUR_S, most=most, room=room, now=clock)

    return made


async def _written(database: Database) -> None:
    await database.write(lambda _: None)


async def test_words_are_recalled_at_once_and_from_the_disk(make: Callable[..., Heard], database: Database) -> None:
    heard = make()
    heard.remember("a1", WORDS)
    assert await heard.recall("a1") == WORDS
    await _written(database)
    assert await heard.recall("a1") == WORDS
    assert await make().recall("a1") == WORDS
    assert await heard.recall("a2") is None


async def test_that_nothing_was_said_is_known_too(make: Callable[..., Heard], database: Database) -> None:
    make().remember("a1", [])
    await _written(database)
    assert await make().recall("a1") == []


async def test_words_expire_and_are_swept_without_a_trace(
    make: Callable[..., Heard], database: Database, clock: Clock, tmp_path: Path
) -> None:
    heard = make()
    heard.remember("a1", [Transcript("a secret that was said")])
    await _written(database)
    clock.now += HOUR_S - 1
    assert await heard.recall("a1")
    await heard.sweep()
    assert b"a secret that was said" in everything_in(tmp_path)
    clock.now += 1
    assert await heard.recall("a1") is None
    await heard.sweep()
    assert b"a secret that was said" not in everything_in(tmp_path)
    heard.remember("a1", WORDS)
    await _written(database)
    assert await make().recall("a1") == WORDS


async def test_where_there_are_too_many_the_oldest_go(
    make: Callable[..., Heard], database: Database, clock: Clock, tmp_path: Path
) -> None:
    heard = make(most=3)
    for number in range(5):
        clock.now += 1
        heard.remember(f"a{number}", [Transcript(f"secret {number}")])
    await _written(database)
    assert [name for name in ("a0", "a1", "a2", "a3", "a4") if await heard.recall(name)] == ["a2", "a3", "a4"]
    assert b"secret 1" not in everything_in(tmp_path)


async def test_where_there_is_no_room_the_oldest_go(
    make: Callable[..., Heard], database: Database, clock: Clock
) -> None:
    heard = make(room=1000)
    for number in range(4):
        clock.now += 1
        heard.remember(f"a{number}", [Transcript("x" * 200)])
    clock.now += 1
    heard.remember("large", [Transcript("x" * 2000)])
    await _written(database)
    kept = [name for name in ("a0", "a1", "a2", "a3", "large") if await heard.recall(name)]
    assert kept == ["a1", "a2", "a3"]


async def test_a_line_that_is_full_drops_words_and_holds_nobody_up(
    make: Callable[..., Heard], database: Database
) -> None:
    heard, held = make(), threading.Event()

    def hold(_: object) -> None:
        held.wait(HOUR_S)

    blocking = asyncio.create_task(database.write(hold))
    await asyncio.sleep(0.01)
    for number in range(databases.WAITING_JOBS + 5):
        heard.remember(f"a{number}", WORDS)
    recalled = [await heard.recall(name) for name in ("a1", f"a{databases.WAITING_JOBS + 4}")]
    held.set()
    await blocking
    assert recalled == [WORDS, None]


async def test_a_disk_that_takes_nothing_more_does_not_fill_the_memory(
    make: Callable[..., Heard], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vivavoce.store.heard.WAITING_JOBS", 3)
    heard = make()
    monkeypatch.setattr(heard._database, "write_later", lambda _: True)
    for number in range(5):
        heard.remember(f"a{number}", WORDS)
    assert [bool(await heard.recall(f"a{number}")) for number in range(5)] == [False, False, False, False, True]


@pytest.mark.parametrize("damage", ["UPDATE heard SET words = X'7b'", "DROP TABLE heard"])
async def test_what_cannot_be_read_is_as_nothing(
    make: Callable[..., Heard], database: Database, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    make().remember("a1", WORDS)

    def spoil(connection: Connection) -> None:
        connection.execute(text(damage))

    await database.write(spoil)
    assert await make().recall("a1") is None
    assert "what was heard could not be read" in caplog.text
    assert "Hello" not in caplog.text


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from vivavoce.core.engines import Transcript
from vivavoce.store.database import Database
from vivavoce.store.heard import Heard

async def main():
    database = await Database.open(Path(sys.argv[1]))
    heard = Heard(database, lifetime_s=3600, most=50, room=1 << 20)
    for number in range(1000):
        heard.remember(f"a{number}", [Transcript(f"words {number}")])
        await asyncio.sleep(0)
        if number == 100:
            print("some", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_a_server_that_is_killed_leaves_whole_words_or_none(tmp_path: Path) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, str(tmp_path), stdout=subprocess.PIPE)
    assert child.stdout is not None
    await child.stdout.readline()
    await asyncio.sleep(0.2)
    child.kill()
    await child.wait()
    database = await Database.open(tmp_path)
    heard = Heard(database, lifetime_s=3600, most=50, room=1 << 20)
    found = {number: await heard.recall(f"a{number}") for number in range(1000)}
    whole = {number: words for number, words in found.items() if words is not None}
    assert 0 < len(whole) <= 50
    assert all(words == [Transcript(f"words {number}")] for number, words in whole.items())
    await database.close()
