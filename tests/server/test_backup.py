"""A backup made while the server works, and a server started on it."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.serving import MODEL, Serving
from tests.support.talker import TALKER
from vivavoce.account.keys import KeyRing, Wish
from vivavoce.store.backup import back_up
from vivavoce.store.database import FILE, Database
from vivavoce.testing.serving import serving as serving_apart

CHAT = "/v1/chat/completions"
AT_ONCE = 6
LIMIT_S = 60
SPOKEN: dict[str, Any] = {
    "model": "talker",
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    "messages": [{"role": "user", "content": "Hi"}],
    "store": True,
}


async def worked_on(url: str, key: str, data: Path, copy: Path) -> tuple[list[Any], int]:
    """Ask without a pause, and make a backup in the middle of it; what was answered before, and how many in all."""
    answered: list[Any] = []
    headers = {"authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(base_url=url, timeout=LIMIT_S, trust_env=False, headers=headers) as client:
        over = asyncio.Event()

        async def ask() -> None:
            while not over.is_set():
                response = await client.post(CHAT, json=SPOKEN)
                assert response.status_code == 200, response.text
                answered.append((response.headers["x-request-id"], response.json()))

        asking = [asyncio.create_task(ask()) for _ in range(AT_ONCE)]
        while len(answered) < AT_ONCE:
            await asyncio.sleep(0.01)
            assert not any(task.done() for task in asking)
        before = list(answered)
        await asyncio.to_thread(back_up, data, copy)
        over.set()
        await asyncio.gather(*asking)
    return before, len(answered)


async def a_key(data: Path) -> str:
    database = await Database.open(data, beside=True)
    ring = await KeyRing.open(database, data)
    made = await ring.create(Wish("phone", "shop"))
    await database.close()
    return made.value


async def test_a_backup_made_under_load_is_a_server_with_all_that_was_answered_before(
    serving: Serving, tmp_path: Path
) -> None:
    (tmp_path / "vivavoce.toml").write_text(TALKER)
    data, copy = tmp_path / "data", tmp_path / "copy"
    key = await a_key(data)
    with serving_apart(tmp_path) as server:
        before, in_all = await worked_on(server.url, key, data, copy)
    with closing(sqlite3.connect(copy / FILE)) as database:
        requests = {row[0] for row in database.execute("SELECT request FROM ledger")}
        spoken = list(database.execute("SELECT file, start + size FROM answers"))
    assert {request for request, _ in before} <= requests
    assert len(requests) <= in_all
    assert len(requests) <= len(spoken) <= len(requests) + AT_ONCE, "each answer is kept, and then its row"
    assert all((copy / "answers" / file).stat().st_size >= end for file, end in spoken)
    http = (await serving(copy)).http
    assert (await http.get("/v1/models", headers={"authorization": "Bearer sk-vv-no"})).status_code == 401
    headers = {"authorization": f"Bearer {key}"}
    for _, told in before:
        answer_id = told["choices"][0]["message"]["audio"]["id"]
        sound = await http.get(f"/v1/audio/answers/{answer_id}?format=wav", headers=headers)
        assert (sound.status_code, sound.content[:4]) == (200, b"RIFF")
        assert (await http.get(f"{CHAT}/{told['id']}", headers=headers)).status_code == 200
        messages = [*SPOKEN["messages"], {"role": "assistant", "audio": {"id": answer_id}}, *SPOKEN["messages"]]
        further = await http.post(CHAT, json=SPOKEN | {"model": MODEL, "messages": messages}, headers=headers)
        assert further.status_code == 200


async def test_only_its_owner_can_read_it_and_it_is_there_when_it_is_whole(tmp_path: Path) -> None:
    await (await Database.open(tmp_path / "data")).close()
    (tmp_path / "data" / "answers" / "ab").mkdir(parents=True)
    (tmp_path / "data" / "answers" / "ab" / "abc.pcm").write_bytes(b"\0\1")
    copied = back_up(tmp_path / "data", tmp_path / "copy")
    assert copied.files == 1
    assert sorted(str(each.relative_to(tmp_path / "copy")) for each in (tmp_path / "copy").rglob("*")) == [
        "answers",
        "answers/ab",
        "answers/ab/abc.pcm",
        FILE,
    ]
    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "copy", *(tmp_path / "copy").rglob("*"))}
    assert modes == {0}
    assert {path.name for path in tmp_path.iterdir()} == {"data", "copy"}


async def test_what_cannot_be_copied_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    with pytest.raises(OSError, match="no server has kept anything here yet"):
        back_up(data, tmp_path / "copy")
    await (await Database.open(data)).close()
    (tmp_path / "taken").mkdir()
    for target, why in ((tmp_path / "taken", "is there already"), (data / "copy", "is within the data folder")):
        with pytest.raises(OSError, match=why):
            back_up(data, target)
    (tmp_path / "killed.unfinished").mkdir()
    with pytest.raises(OSError, match="delete it"):
        back_up(data, tmp_path / "killed")
    (tmp_path / "killed.unfinished").rmdir()
    whole = (data / FILE).read_bytes()
    half = len(whole) // 8192 * 4096
    (data / FILE).write_bytes(whole[:half] + b"\xa5" * (len(whole) - half))
    with pytest.raises(OSError, match=r"SQLITE_CORRUPT|is damaged"):
        back_up(data, tmp_path / "copy")
    (data / FILE).write_bytes(whole)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vivavoce.store.backup.shutil.copyfileobj", full)
    (data / "keys.secret").write_bytes(bytes(32))
    with pytest.raises(OSError, match="No space left"):
        back_up(data, tmp_path / "copy")
    assert {path.name for path in tmp_path.iterdir()} == {"data", "taken"}
