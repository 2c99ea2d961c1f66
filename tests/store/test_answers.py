"""Spoken answers on disk: found for an hour, by their own project, and then gone without a trace."""

import asyncio
import errno
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import SQLAlchemyError

from tests.store.conftest import Clock, everything_in
from tests.support.waiting import until
from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.errors import NotRecorded
from vivavoce.core.turn import Speech
from vivavoce.store import database as databases
from vivavoce.store import sweeping
from vivavoce.store.answers import LIFETIME_S, Answers, SpokenAnswer
from vivavoce.store.answers import answers as table
from vivavoce.store.database import Database, StoreInUse
from vivavoce.store.segments import MINUTE_S


@pytest.fixture
def answers(database: Database, tmp_path: Path, clock: Clock) -> Answers:
    return Answers(database, tmp_path / "answers", clock)


def answer(number: int, answers: Answers, transcript: str = "Blue.") -> SpokenAnswer:
    pcm = Pcm(bytes([number % 256, 1]) * SPOKEN_RATE, SPOKEN_RATE)
    return SpokenAnswer(f"audio_{number:032x}", "mine", transcript, pcm, answers.expiry(), "theirs")


async def test_a_kept_answer_is_found(answers: Answers) -> None:
    kept = answer(1, answers)
    await answers.keep(kept)
    assert await answers.find(kept.id, "mine") == Speech(None, "Blue.", 1.0, "theirs")
    assert await answers.sound(kept.id) == kept.pcm


async def test_an_answer_to_be_kept_later_is_found_at_once(answers: Answers) -> None:
    for number in range(20):
        answers.keep_later(answer(number, answers))
        assert await answers.find(answer(number, answers).id, "mine")


async def test_another_project_finds_nothing(answers: Answers) -> None:
    await answers.keep(answer(1, answers))
    assert await answers.find(answer(1, answers).id, "another") is None


@pytest.mark.parametrize("odd", ["", "audio_", "../../etc/passwd", "audio_../x", "\0", "x" * 4096, "audio_1"])
async def test_what_is_no_id_of_ours_finds_nothing(answers: Answers, odd: str) -> None:
    assert await answers.find(odd, "mine") is None
    assert await answers.sound(odd) is None


async def test_many_answers_are_kept_at_once(answers: Answers) -> None:
    await asyncio.gather(*(answers.keep(answer(number, answers, str(number))) for number in range(100)))
    for number in (0, 50, 99):
        found = await answers.find(answer(number, answers).id, "mine")
        assert found
        assert found.transcript == str(number)


async def test_answers_are_there_when_the_store_is_opened_again(tmp_path: Path) -> None:
    first = await Database.open(tmp_path)
    answers = Answers(first, tmp_path / "answers")
    await answers.keep(answer(1, answers))
    answers.keep_later(answer(2, answers))
    await first.close()
    second = await Database.open(tmp_path)
    answers = Answers(second, tmp_path / "answers")
    for number in (1, 2):
        assert await answers.find(answer(number, answers).id, "mine")
        assert await answers.sound(answer(number, answers).id)
    await second.close()


async def test_an_answer_expires_after_an_hour(answers: Answers, clock: Clock) -> None:
    await answers.keep(answer(1, answers))
    clock.now += LIFETIME_S - 1
    assert await answers.find(answer(1, answers).id, "mine")
    clock.now += 1
    assert await answers.find(answer(1, answers).id, "mine") is None


async def test_the_sweep_deletes_rows_bytes_and_words_of_what_has_expired_and_nothing_else(
    answers: Answers, clock: Clock, tmp_path: Path
) -> None:
    old = answer(1, answers, "a secret that was spoken")
    await answers.keep(old)
    clock.now += LIFETIME_S
    young = answer(2, answers, "a younger one")
    await answers.keep(young)
    assert b"a secret that was spoken" in everything_in(tmp_path)
    await answers.sweep()
    assert await answers.sound(old.id) is None
    assert everything_in(tmp_path / "answers") == young.pcm.data
    assert b"a secret that was spoken" not in everything_in(tmp_path)
    clock.now -= LIFETIME_S
    assert await answers.find(old.id, "mine") is None
    assert await answers.find(young.id, "mine")


async def test_bytes_that_cannot_be_deleted_are_tried_again_and_hold_up_nothing_else(
    answers: Answers, clock: Clock, tmp_path: Path
) -> None:
    stuck = answer(1, answers)
    await answers.keep(stuck)
    (path,) = (tmp_path / "answers").rglob("*.pcm")
    clock.now += MINUTE_S
    other = answer(2, answers)
    await answers.keep(other)
    path.unlink()
    path.mkdir()
    clock.now += LIFETIME_S
    await answers.sweep()
    assert await answers.sound(other.id) is None
    assert list((tmp_path / "answers").iterdir()) == [path]
    path.rmdir()
    path.write_bytes(b"left")
    await answers.sweep()
    assert not path.exists()


async def test_sounds_of_a_minute_share_a_file_and_each_is_itself(
    answers: Answers, clock: Clock, tmp_path: Path
) -> None:
    kept = [answer(number, answers) for number in range(6)]
    for at, each in enumerate(kept):
        clock.now += MINUTE_S if at == 3 else 1
        await answers.keep(each)
    assert [await answers.sound(each.id) for each in kept] == [each.pcm for each in kept]
    assert len(list((tmp_path / "answers").iterdir())) == 2


async def test_a_file_is_there_as_long_as_one_of_its_sounds(answers: Answers, clock: Clock) -> None:
    first = answer(1, answers)
    await answers.keep(first)
    clock.now += MINUTE_S / 2
    second = answer(2, answers)
    await answers.keep(second)
    clock.now = first.expires_at
    await answers.sweep()
    assert await answers.sound(first.id) is None
    assert await answers.sound(second.id) == second.pcm


async def test_sweeping_goes_on_after_a_failure(
    answers: Answers,
    database: Database,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sweeping, "SWEEP_S", 0.001)
    await answers.keep(answer(1, answers))
    clock.now += LIFETIME_S
    await database.write(_rename("answers", "elsewhere"))
    sweeper = asyncio.create_task(sweeping.sweep_for_ever(answers.sweep, "expired answers"))
    await until(lambda: "could not be deleted" in caplog.text)
    await database.write(_rename("elsewhere", "answers"))
    await until(lambda: not list((tmp_path / "answers").rglob("*.pcm")))
    sweeper.cancel()
    await asyncio.gather(sweeper, return_exceptions=True)


def _rename(old: str, new: str) -> Any:
    def job(connection: Any) -> None:
        connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")

    return job


async def test_bytes_are_never_there_without_their_row(answers: Answers, database: Database, tmp_path: Path) -> None:
    await database.write(_rename("answers", "elsewhere"))
    with pytest.raises(SQLAlchemyError) as failed:
        await answers.keep(answer(1, answers, "a secret"))
    assert "a secret" not in str(failed.value)
    assert not everything_in(tmp_path / "answers")


async def test_a_failing_job_does_not_end_the_writer(
    answers: Answers, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise ValueError("a secret")

    with pytest.raises(ValueError, match="a secret"):
        await database.write(fail)
    database.write_later(fail)
    await answers.keep(answer(1, answers))
    assert await answers.find(answer(1, answers).id, "mine")
    assert caplog.messages == ["a write failed: ValueError"]


async def test_a_failed_job_leaves_nothing_behind(answers: Answers, database: Database) -> None:
    def insert_and_fail(connection: Any) -> None:
        connection.exec_driver_sql(
            "INSERT INTO answers (id, project, transcript, seconds, expires_at) VALUES ('audio_1', 'mine', '', 1, 9e9)"
        )
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - it has no words
        await database.write(insert_and_fail)
    assert await answers.find("audio_1", "mine") is None


async def test_answers_that_come_at_once_are_kept_in_few_transactions(answers: Answers, database: Database) -> None:
    commits: list[object] = []
    event.listen(database._engine, "commit", commits.append)
    await asyncio.gather(*(answers.keep(answer(number, answers)) for number in range(100)))
    assert len(commits) <= 4
    await answers.keep(answer(100, answers))
    assert [await answers.sound(answer(number, answers).id) for number in (0, 99, 100)] == [
        answer(number, answers).pcm for number in (0, 99, 100)
    ]


async def test_answers_that_cannot_be_kept_are_everybodys_error(answers: Answers, tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("in the way")
    kept = [answers.keep(answer(number, answers)) for number in range(3)]
    assert all(isinstance(each, NotRecorded) for each in await asyncio.gather(*kept, return_exceptions=True))


async def test_a_caller_that_leaves_does_not_undo_its_write(answers: Answers) -> None:
    keeping = asyncio.create_task(answers.keep(answer(1, answers)))
    await asyncio.sleep(0)
    keeping.cancel()
    await answers.keep(answer(2, answers))
    assert await answers.find(answer(1, answers).id, "mine")


async def test_when_too_much_waits_a_later_write_is_dropped_and_said_so(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def nothing(_: object) -> None:
        return

    monkeypatch.setattr(databases, "WAITING_JOBS", 1000)
    for _ in range(1001):
        database.write_later(nothing)
    assert caplog.messages == ["a write was dropped: 1000 wait already"]


async def test_who_writes_waits_for_room_in_the_line(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "WAITING_JOBS", 2)
    done: list[int] = []
    await asyncio.gather(*(database.write(lambda _, number=number: done.append(number)) for number in range(20)))
    assert sorted(done) == list(range(20))


async def test_who_comes_while_the_writer_is_at_work_is_written_before_it_closes(tmp_path: Path) -> None:
    opened = await Database.open(tmp_path)
    answers, at_work, go_on = Answers(opened, tmp_path / "answers"), threading.Event(), threading.Event()

    def hold(_: object) -> None:
        at_work.set()
        go_on.wait(20)

    opened.write_later(hold)
    keeping = [asyncio.create_task(answers.keep(answer(1, answers)))]
    await asyncio.to_thread(at_work.wait, 20)
    keeping.append(asyncio.create_task(answers.keep(answer(2, answers))))
    await asyncio.sleep(0)
    closing = asyncio.create_task(opened.close())
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(*keeping, closing)
    with pytest.raises(NotRecorded):
        await answers.keep(answer(3, answers))


async def test_a_full_disk_is_the_callers_error(answers: Answers, tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("in the way")
    with pytest.raises(NotRecorded):
        await answers.keep(answer(1, answers))
    (tmp_path / "answers").unlink()
    await answers.keep(answer(2, answers))


async def test_a_second_opening_is_refused(database: Database, tmp_path: Path) -> None:
    with pytest.raises(StoreInUse, match=r"\[store\] folder"):
        await Database.open(tmp_path)
    program = (
        "import asyncio, sys, pathlib; from vivavoce.store.database import Database, StoreInUse\n"
        "try: asyncio.run(Database.open(pathlib.Path(sys.argv[1])))\nexcept StoreInUse: sys.exit(7)"
    )
    run = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program, str(tmp_path)], check=False)
    assert run.returncode == 7


async def test_what_is_no_database_is_said_and_let_go(tmp_path: Path) -> None:
    (tmp_path / "vivavoce.db").write_bytes(b"no database" * 1000)
    with pytest.raises(OSError, match="cannot be used: SQLITE_NOTADB; put it back from a backup"):
        await Database.open(tmp_path)
    (tmp_path / "vivavoce.db").unlink()
    await (await Database.open(tmp_path)).close()


async def test_only_the_owner_can_read_what_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = await Database.open(tmp_path / "data")
    answers = Answers(database, tmp_path / "data" / "answers")
    await answers.keep(answer(1, answers))
    everything = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
    assert {path.stat().st_mode & 0o077 for path in everything} == {0}
    assert len(everything) >= 6
    assert caplog.messages == []
    await database.close()


async def test_a_folder_that_everybody_can_enter_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o755)
    for beside in (True, False):
        await (await Database.open(tmp_path / "data", beside=beside)).close()
    assert caplog.messages == [f"everybody on this machine can enter the data folder {tmp_path}/data: chmod 700 it"]


async def test_files_that_a_killed_server_left_without_a_row_are_deleted_and_no_others(
    answers: Answers, tmp_path: Path
) -> None:
    kept = answer(1, answers)
    await answers.keep(kept)
    (path,) = (tmp_path / "answers").iterdir()
    stray = tmp_path / "answers" / "zz" / "zzstray.pcm"
    stray.parent.mkdir()
    stray.write_bytes(b"what was said")
    await answers.sweep()
    assert list((tmp_path / "answers").rglob("*.pcm")) == [path]
    assert await answers.sound(kept.id) == kept.pcm


async def test_a_sound_that_a_killed_server_left_without_its_row_is_cut_off(database: Database, tmp_path: Path) -> None:
    killed = Answers(database, tmp_path / "answers")
    kept = answer(1, killed)
    await killed.keep(kept)
    (path,) = (tmp_path / "answers").iterdir()
    with path.open("ab") as file:
        file.write(b"what was said")
    answers = Answers(database, tmp_path / "answers")
    later = answer(2, answers)
    await answers.keep(later)
    await answers.sweep()
    assert path.read_bytes() == kept.pcm.data
    assert [await answers.sound(each.id) for each in (kept, later)] == [kept.pcm, later.pcm]


async def test_where_a_sound_was_taken_back_no_other_is_put(
    answers: Answers, database: Database, tmp_path: Path
) -> None:
    await answers.keep(answer(1, answers))
    with pytest.raises(SQLAlchemyError):
        await answers.keep(answer(1, answers))  # it has its row
    await answers.keep(answer(2, answers))
    files = await database.read(select(table.c.file, table.c.start))
    assert len({file for file, _ in files}) == 2
    assert {start for _, start in files} == {0}
    assert len(everything_in(tmp_path / "answers")) == 2 * len(answer(1, answers).pcm.data)


async def test_a_sound_that_the_disk_does_not_take_is_not_given(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "the disk fails")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fail)
        with pytest.raises(NotRecorded):
            await answers.keep(answer(1, answers))
    assert await answers.sound(answer(1, answers).id) is None
    assert not everything_in(tmp_path / "answers")
    await answers.keep(answer(2, answers))
    assert await answers.sound(answer(2, answers).id) == answer(2, answers).pcm


async def test_of_a_sound_that_is_no_longer_whole_nothing_is_given(answers: Answers, tmp_path: Path) -> None:
    await answers.keep(answer(1, answers))
    (path,) = (tmp_path / "answers").iterdir()
    os.truncate(path, 1000)
    assert await answers.sound(answer(1, answers).id) is None
    path.unlink()
    assert await answers.sound(answer(1, answers).id) is None
    with pytest.raises(NotRecorded):
        await answers.keep(answer(2, answers))
    await answers.keep(answer(3, answers))
    assert await answers.sound(answer(3, answers).id)


async def test_no_log_holds_what_was_said(answers: Answers, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await answers.keep(answer(1, answers, "a secret"))
    await answers.find(answer(1, answers).id, "mine")
    assert "a secret" not in caplog.text
