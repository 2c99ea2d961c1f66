"""Files on disk: found by their own project, listed in order, and gone with their names when they are deleted."""

import asyncio
import logging
import os
from pathlib import Path

import pytest

from tests.store.conftest import Clock, everything_in
from vivavoce.store.database import Database
from vivavoce.store.paging import NoSuchPlace, Part
from vivavoce.store.uploads import BLOCK_BYTES, PLACE_S, NoRoom, Upload, Uploads

SECRET = "a secret name.jsonl"


@pytest.fixture
async def uploads(database: Database, tmp_path: Path, clock: Clock) -> Uploads:
    return await Uploads.open(database, tmp_path / "uploads", clock)


def upload(
    number: int, clock: Clock, purpose: str = "batch", project: str = "mine", lives: int | None = None
) -> Upload:
    now = int(clock.now)
    return Upload(f"file-{number:022d}", project, SECRET, purpose, 6, now, None if lives is None else now + lives)


async def keep(uploads: Uploads, *wanted: Upload, room: int | None = None) -> None:
    for each in wanted:
        path = uploads.temporary()
        path.write_bytes(b"a" * each.size)
        await uploads.keep(each, path, room=room)


async def numbers(uploads: Uploads, purpose: str | None = None, **part: object) -> list[int]:
    """The numbers of what is listed, part by part, as a client reads them."""
    found: list[int] = []
    more = True
    while more:
        page, more = await uploads.list("mine", purpose=purpose, part=Part(**part))  # type: ignore[arg-type]
        found += [int(each.id.removeprefix("file-")) for each in page]
        part["after"] = page[-1].id if page else None
    return found


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_kept_file_is_found_with_its_bytes(uploads: Uploads, clock: Clock) -> None:
    kept = upload(1, clock)
    await keep(uploads, kept)
    assert await uploads.find(kept.id, "mine") == kept
    path = await uploads.path(kept.id, "mine")
    assert path
    assert path.read_bytes() == b"aaaaaa"
    assert await uploads.taken("mine") == 6 + BLOCK_BYTES


async def test_nobody_else_on_this_machine_can_read_one(uploads: Uploads, clock: Clock, tmp_path: Path) -> None:
    unfinished = uploads.temporary()
    await keep(uploads, upload(1, clock))
    kept = await uploads.path(upload(1, clock).id, "mine")
    assert kept
    assert [path.stat().st_mode & 0o777 for path in (unfinished, kept)] == [0o600, 0o600]
    assert (tmp_path / "uploads").stat().st_mode & 0o777 == 0o700


async def test_another_project_finds_lists_and_deletes_nothing(uploads: Uploads, clock: Clock) -> None:
    kept = upload(1, clock)
    await keep(uploads, kept)
    assert await uploads.find(kept.id, "another") is None
    assert await uploads.path(kept.id, "another") is None
    assert not await uploads.delete(kept.id, "another")
    assert await uploads.list("another", purpose=None, part=Part()) == ([], False)
    with pytest.raises(NoSuchPlace):
        await uploads.list("another", purpose=None, part=Part(after=kept.id))
    assert await uploads.taken("another") == 0
    assert await uploads.find(kept.id, "mine") == kept


@pytest.mark.parametrize(
    "odd",
    ["", "file-", "file-../../x", "../../etc/passwd", "\0", "file-" + "x" * 4096, "file-\ud800\ud800\ud800\ud800"],
)
async def test_what_is_no_id_of_ours_finds_nothing(uploads: Uploads, odd: str) -> None:
    assert await uploads.find(odd, "mine") is None
    assert await uploads.path(odd, "mine") is None
    assert not await uploads.delete(odd, "mine")


async def test_files_are_listed_by_time_in_either_order(uploads: Uploads, clock: Clock) -> None:
    for number in range(5):
        clock.now += number % 2  # some at the same time
        await keep(uploads, upload(number, clock, "batch" if number % 2 else "user_data"))
    assert await numbers(uploads, limit=2) == [0, 1, 2, 3, 4]
    assert await numbers(uploads, limit=2, newest_first=True) == [4, 3, 2, 1, 0]
    assert await numbers(uploads, "batch", limit=1) == [1, 3]


async def test_a_list_goes_on_from_a_deleted_file_for_a_day(uploads: Uploads, clock: Clock) -> None:
    await keep(uploads, *(upload(number, clock) for number in range(3)))
    place = Part(after=upload(1, clock).id)
    assert await uploads.delete(upload(1, clock).id, "mine")
    page, _ = await uploads.list("mine", purpose=None, part=place)
    assert [each.id for each in page] == [upload(2, clock).id]
    clock.now += PLACE_S
    await uploads.sweep()
    with pytest.raises(NoSuchPlace):
        await uploads.list("mine", purpose=None, part=place)


async def test_a_deleted_file_leaves_no_trace(uploads: Uploads, clock: Clock, tmp_path: Path) -> None:
    await keep(uploads, upload(1, clock))
    assert SECRET.encode() in everything_in(tmp_path)
    assert await uploads.delete(upload(1, clock).id, "mine")
    assert SECRET.encode() not in everything_in(tmp_path)
    assert files_in(tmp_path / "uploads") == []
    assert await uploads.find(upload(1, clock).id, "mine") is None
    assert not await uploads.delete(upload(1, clock).id, "mine")
    assert await uploads.taken("mine") == 0


async def test_a_file_that_is_being_read_is_read_to_its_end(uploads: Uploads, clock: Clock) -> None:
    await keep(uploads, upload(1, clock))
    path = await uploads.path(upload(1, clock).id, "mine")
    assert path
    with path.open("rb") as reading:
        assert await uploads.delete(upload(1, clock).id, "mine")
        assert reading.read() == b"aaaaaa"


async def test_a_file_that_cannot_be_deleted_stays(
    uploads: Uploads, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await keep(uploads, upload(1, clock))

    def fail(_path: Path, **_: object) -> None:
        raise OSError

    monkeypatch.setattr(Path, "unlink", fail)
    with caplog.at_level(logging.ERROR), pytest.raises(OSError, match="deleted"):
        await uploads.delete(upload(1, clock).id, "mine")
    monkeypatch.undo()
    assert await uploads.find(upload(1, clock).id, "mine")
    assert await uploads.delete(upload(1, clock).id, "mine")


async def test_a_file_expires_with_its_bytes(uploads: Uploads, clock: Clock, tmp_path: Path) -> None:
    await keep(uploads, upload(1, clock, lives=3600), upload(2, clock))
    clock.now += 3599
    await uploads.sweep()
    assert await uploads.find(upload(1, clock).id, "mine")
    clock.now += 1
    assert await uploads.find(upload(1, clock).id, "mine") is None
    assert await uploads.path(upload(1, clock).id, "mine") is None
    assert await numbers(uploads) == [2]
    await uploads.sweep()
    assert len(files_in(tmp_path / "uploads")) == 1
    clock.now += 100 * 365 * 86_400
    await uploads.sweep()
    assert await numbers(uploads) == [2]


async def test_no_more_is_kept_than_there_is_room_for_however_many_come_at_once(
    uploads: Uploads, clock: Clock, tmp_path: Path
) -> None:
    room = 5 * (6 + BLOCK_BYTES)
    attempts = [keep(uploads, upload(number, clock), room=room) for number in range(20)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 5
    assert all(outcome is None or isinstance(outcome, NoRoom) for outcome in outcomes)
    assert await uploads.taken("mine") == room
    assert len(list((tmp_path / "uploads").glob("*/*.upload"))) == 5
    await keep(uploads, upload(30, clock, project="another"), room=room)
    assert await uploads.delete((await uploads.list("mine", purpose=None, part=Part()))[0][0].id, "mine")
    await keep(uploads, upload(31, clock), room=room)


async def test_what_came_of_batches_takes_no_room_from_what_is_sent(uploads: Uploads, clock: Clock) -> None:
    room = 6 + BLOCK_BYTES
    await keep(uploads, *(upload(number, clock, purpose="batch_output") for number in range(3)))
    assert await uploads.taken("mine") == 0
    await keep(uploads, upload(3, clock), room=room)
    assert await uploads.taken("mine") == room


async def test_files_are_there_when_the_store_is_opened_again(tmp_path: Path, clock: Clock) -> None:
    first = await Database.open(tmp_path)
    await keep(await Uploads.open(first, tmp_path / "uploads", clock), upload(1, clock))
    await first.close()
    second = await Database.open(tmp_path)
    uploads = await Uploads.open(second, tmp_path / "uploads", clock)
    path = await uploads.path(upload(1, clock).id, "mine")
    assert path
    assert path.read_bytes() == b"aaaaaa"
    await second.close()


async def test_what_a_process_left_unfinished_is_deleted_at_start(
    database: Database, uploads: Uploads, clock: Clock, tmp_path: Path
) -> None:
    await keep(uploads, upload(1, clock), upload(2, clock))
    uploads.temporary().write_bytes(b"half")
    kept = await uploads.path(upload(2, clock).id, "mine")
    assert kept
    moved = kept.with_name(f"{kept.name[2:]}x.upload")  # moved into its place, by a process that died before its row
    os.link(kept, moved)
    await Uploads.open(database, tmp_path / "uploads", clock)
    assert len(files_in(tmp_path / "uploads")) == 2
    assert await uploads.path(upload(1, clock).id, "mine")


async def test_a_file_whose_row_cannot_be_written_is_not_kept(uploads: Uploads, clock: Clock, tmp_path: Path) -> None:
    await keep(uploads, upload(1, clock))
    again = uploads.temporary()
    with pytest.raises(Exception, match="UNIQUE"):
        await uploads.keep(upload(1, clock), again)
    assert again.exists()
    assert len(list((tmp_path / "uploads").glob("*/*.upload"))) == 1
    again.unlink()
    with pytest.raises(FileNotFoundError):
        await uploads.keep(upload(2, clock), again)
    assert await uploads.find(upload(2, clock).id, "mine") is None


async def test_a_row_whose_bytes_are_gone_has_no_path(uploads: Uploads, clock: Clock) -> None:
    await keep(uploads, upload(1, clock))
    path = await uploads.path(upload(1, clock).id, "mine")
    assert path
    path.unlink()
    assert await uploads.path(upload(1, clock).id, "mine") is None
