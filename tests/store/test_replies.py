"""Answers on disk to be given again: whole or not at all, for a day, in so much room and no more."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.conftest import Clock, everything_in
from vivavoce.store import replies as module
from vivavoce.store.database import Database
from vivavoce.store.replies import BLOCK_BYTES, Replies, Reply

DAY_S = 24 * 3600
HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-odd", b"caf\xe9")]


@pytest.fixture
def make(database: Database, tmp_path: Path, clock: Clock) -> Callable[[int], Replies]:
    return lambda room: Replies(database, tmp_path / "replies", lifetime_s=DAY_S, room=room, now=clock)


@pytest.fixture
def replies(make: Callable[[int], Replies]) -> Replies:
    return make(1024 * 1024)


def reply(body: bytes, request: str = "asked") -> Reply:
    return Reply(request, 200, HEADERS, body)


def bodies(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.reply") if path.is_file()]


async def test_a_kept_answer_is_found_bit_for_bit_and_no_other(replies: Replies) -> None:
    kept = reply(bytes(range(256)) * 100)
    await replies.keep("a1", kept)
    assert await replies.find("a1") == kept
    assert await replies.find("a2") is None


async def test_an_empty_answer_is_one_too(replies: Replies) -> None:
    await replies.keep("a1", reply(b""))
    assert await replies.find("a1") == reply(b"")


async def test_answers_are_there_when_the_store_is_opened_again(tmp_path: Path) -> None:
    for again in (False, True):
        database = await Database.open(tmp_path)
        replies = Replies(database, tmp_path / "replies", lifetime_s=DAY_S, room=BLOCK_BYTES)
        if not again:
            await replies.keep("a1", reply(b"said"))
        assert await replies.find("a1") == reply(b"said")
        await database.close()


async def test_an_answer_expires_and_its_name_is_free_again(replies: Replies, clock: Clock) -> None:
    await replies.keep("a1", reply(b"old"))
    clock.now += DAY_S - 1
    assert await replies.find("a1")
    clock.now += 1
    assert await replies.find("a1") is None
    await replies.keep("a1", reply(b"new", "asked otherwise"))
    await replies.sweep()
    assert await replies.find("a1") == reply(b"new", "asked otherwise")


async def test_the_sweep_leaves_nothing_of_what_has_expired(replies: Replies, clock: Clock, tmp_path: Path) -> None:
    await replies.keep("a1", reply(b"a secret that was spoken", "digest-of-the-old"))
    clock.now += DAY_S
    await replies.keep("a2", reply(b"a younger one"))
    await replies.sweep()
    left = everything_in(tmp_path)
    assert b"a secret that was spoken" not in left
    assert b"digest-of-the-old" not in left
    assert [path.stem for path in bodies(tmp_path)] == ["a2"]


async def test_only_the_owner_can_read_what_is_kept(replies: Replies, tmp_path: Path) -> None:
    await replies.keep("a1", reply(b"said"))
    (path,) = bodies(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert {folder.stat().st_mode & 0o777 for folder in (path.parent, path.parent.parent)} == {0o700}


@pytest.mark.parametrize("damage", [b"", b"sai", b"sais", None])
async def test_a_file_that_is_not_whole_is_as_none(replies: Replies, tmp_path: Path, damage: bytes | None) -> None:
    """So a server that is killed while it writes leaves nothing that could be taken for an answer."""
    await replies.keep("a1", reply(b"said"))
    (path,) = bodies(tmp_path)
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    assert await replies.find("a1") is None
    await replies.keep("a1", reply(b"said"))
    assert await replies.find("a1") == reply(b"said")


async def test_where_there_is_no_room_the_oldest_go(
    make: Callable[[int], Replies], clock: Clock, tmp_path: Path
) -> None:
    replies = make(4 * BLOCK_BYTES)
    for number in range(4):
        clock.now += 1
        await replies.keep(f"a{number}", reply(b"small"))
    clock.now += 1
    await replies.keep("large", reply(b"x" * (2 * BLOCK_BYTES)))
    found = [name for name in ("a0", "a1", "a2", "a3", "large") if await replies.find(name)]
    assert found == ["a2", "a3", "large"]
    assert sorted(path.stem for path in bodies(tmp_path)) == ["a2", "a3", "large"]


async def test_the_largest_is_never_more_than_all(
    make: Callable[[int], Replies], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert make(1000).largest == 1000
    monkeypatch.setattr(module, "REPLY_BYTES", 500)
    assert make(1000).largest == 500


async def test_a_full_disk_is_said_and_holds_nobody_up(
    replies: Replies, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "replies").write_text("in the way")
    await replies.keep("a1", reply(b"a secret"))
    assert caplog.messages == [
        "a file beside the database cannot be written: EEXIST",
        "an answer could not be kept for its key: NotRecorded",
    ]
    assert await replies.find("a1") is None
    (tmp_path / "replies").unlink()
    await replies.keep("a1", reply(b"a secret"))
    assert await replies.find("a1")
