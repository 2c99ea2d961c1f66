"""Lines of batches: leased in turn, finished once, whoever wakes up late; and every step of a batch's life twice."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.store.conftest import Clock, everything_in
from tests.support.batches import DAY_S, begun, results
from tests.support.entries import entry
from vivavoce.core.errors import NotRecorded
from vivavoce.store.batch_files import BatchFiles, LineError
from vivavoce.store.batch_states import BatchStates, TooMany
from vivavoce.store.batches import Batches, Leased
from vivavoce.store.database import Database
from vivavoce.store.ledger import Ledger, Wanted, ledger

WHY = LineError("batch_expired", "too late")
LEASE_S = 60.0


@pytest.fixture
def files(tmp_path: Path) -> BatchFiles:
    return BatchFiles(tmp_path / "batches")


@pytest.fixture
def states(database: Database, files: BatchFiles, clock: Clock) -> BatchStates:
    return BatchStates(database, files, clock)


@pytest.fixture
def batches(database: Database, files: BatchFiles, clock: Clock) -> Batches:
    return Batches(database, files, clock)


async def finish(batches: Batches, leased: Leased, status: int = 200) -> bool:
    row = entry(request=leased.request_id, batch=leased.batch)
    return await batches.finish(leased, status, leased.request_id, b'{"n": %d,\n "a": "x"}' % leased.number, row)


async def found(files: BatchFiles, states: BatchStates, batch: str) -> dict[str, list[str]]:
    """The custom ids in the output and in the error file."""
    told = results(files, batch, await states.results(batch))
    return {kind: [each["custom_id"] for each in listed] for kind, listed in told.items()}


async def test_a_line_is_leased_with_what_it_asks(
    states: BatchStates, batches: Batches, clock: Clock, tmp_path: Path
) -> None:
    batch = await begun(states, tmp_path, "a", 3, clock.now)
    first, second = await batches.lease("w", 2, LEASE_S)
    assert (first.batch, first.number, first.custom_id, first.body) == (batch, 1, "c1", b'{"n": 1}')
    assert (first.project, first.key_id, first.model, first.endpoint) == (
        "mine",
        "key_1",
        "model-2024",
        "/v1/chat/completions",
    )
    assert first.request_id != second.request_id
    assert [each.number for each in await batches.lease("w", 9, LEASE_S)] == [3]
    assert await batches.lease("w", 9, LEASE_S) == []


async def test_results_are_there_once_with_their_rows_in_the_ledger(
    states: BatchStates, batches: Batches, files: BatchFiles, database: Database, clock: Clock, tmp_path: Path
) -> None:
    batch = await begun(states, tmp_path, "a", 3, clock.now)
    one, two, three = await batches.lease("w", 3, LEASE_S)
    assert await finish(batches, two)
    assert await finish(batches, one, 500)
    assert not await finish(batches, two)
    assert await found(files, states, batch) == {"output": ["c2"], "error": ["c1"]}
    assert await states.ending() == []
    assert await finish(batches, three)
    told = results(files, batch, await states.results(batch))
    assert told["output"][0]["response"] == {
        "status_code": 200,
        "request_id": two.request_id,
        "body": {"n": 2, "a": "x"},
    }
    (closing,) = await states.ending()
    assert (closing.status, closing.ending, closing.total, closing.completed, closing.failed) == (
        "finalizing",
        "completed",
        3,
        2,
        1,
    )
    (row,) = await Ledger(database).sums(Wanted(only={"batch": [batch]}))
    assert row.requests == 3
    assert closing.tokens_in == row.text_in + row.audio_in
    assert closing.tokens_out == row.text_out + row.audio_out


async def test_whoever_wakes_up_late_writes_nothing(
    states: BatchStates, batches: Batches, files: BatchFiles, database: Database, clock: Clock, tmp_path: Path
) -> None:
    batch = await begun(states, tmp_path, "a", 1, clock.now)
    (late,) = await batches.lease("asleep", 1, LEASE_S)
    assert await batches.lease("awake", 1, LEASE_S) == []
    clock.now += LEASE_S
    (held,) = await batches.lease("awake", 1, LEASE_S)
    assert held.fence > late.fence
    assert held.request_id == late.request_id
    assert await batches.renew([late, held], LEASE_S) == [held]
    await batches.give_back([late])
    assert not await finish(batches, late)
    assert await found(files, states, batch) == {"output": [], "error": []}
    assert await database.read(select(ledger)) == []
    assert await finish(batches, held)
    assert not await finish(batches, late)
    assert await found(files, states, batch) == {"output": ["c1"], "error": []}
    assert len(await database.read(select(ledger))) == 1


async def test_whoever_renews_keeps_a_line_and_whoever_gives_it_back_does_not(
    states: BatchStates, batches: Batches, clock: Clock, tmp_path: Path
) -> None:
    await begun(states, tmp_path, "a", 1, clock.now)
    (held,) = await batches.lease("w", 1, LEASE_S)
    clock.now += LEASE_S - 1
    assert await batches.renew([held], LEASE_S) == [held]
    clock.now += LEASE_S - 1
    assert await batches.lease("other", 1, LEASE_S) == []
    await batches.give_back([held], wait_s=5)
    assert await batches.renew([held], LEASE_S) == []
    assert not await finish(batches, held)
    assert await batches.lease("other", 1, LEASE_S) == []
    clock.now += 5
    (again,) = await batches.lease("other", 1, LEASE_S)
    assert again.fence > held.fence


async def test_after_a_restart_every_line_is_given_out_anew(
    states: BatchStates, batches: Batches, clock: Clock, tmp_path: Path
) -> None:
    await begun(states, tmp_path, "a", 2, clock.now)
    before = await batches.lease("died", 2, LEASE_S)
    await batches.forget_leases()
    after = await batches.lease("new", 2, LEASE_S)
    assert [each.number for each in after] == [1, 2]
    assert not await finish(batches, before[0])
    assert await finish(batches, after[0])


async def test_projects_take_turns_and_each_has_its_oldest_batch_first(
    states: BatchStates, batches: Batches, clock: Clock, tmp_path: Path
) -> None:
    for name, project, numbers in (("a1", "a", 3), ("a2", "a", 3), ("b1", "b", 4), ("c1", "c", 1)):
        await begun(states, tmp_path, name, numbers, clock.now, project)
    order = [(await batches.lease("w", 1, LEASE_S))[0].batch.removeprefix("batch_") for _ in range(7)]
    assert order == ["a1", "b1", "c1", "a1", "b1", "a1", "b1"]
    rest = [each.batch.removeprefix("batch_") for each in await batches.lease("w", 99, LEASE_S)]
    assert rest == ["a2", "b1", "a2", "a2"]


async def test_what_was_written_and_never_counted_is_written_over(
    states: BatchStates, batches: Batches, files: BatchFiles, clock: Clock, tmp_path: Path
) -> None:
    batch = await begun(states, tmp_path, "a", 2, clock.now)
    one, two = await batches.lease("w", 2, LEASE_S)
    assert await finish(batches, one)
    with files.results(batch, "output").open("ab") as file:
        file.write(b"half a line of a process that died" * 1000)
    assert await finish(batches, two)
    assert [line[:14] for line in files.results(batch, "output").read_bytes().splitlines()] == [b'{"id":"batch_r'] * 2
    assert await found(files, states, batch) == {"output": ["c1", "c2"], "error": []}


async def test_a_line_whose_result_cannot_be_written_is_still_held_and_not_billed(
    states: BatchStates, batches: Batches, files: BatchFiles, database: Database, clock: Clock, tmp_path: Path
) -> None:
    batch = await begun(states, tmp_path, "a", 1, clock.now)
    (held,) = await batches.lease("w", 1, LEASE_S)
    files.results(batch, "output").mkdir()
    with pytest.raises(NotRecorded):
        await finish(batches, held)
    assert await database.read(select(ledger)) == []
    files.results(batch, "output").rmdir()
    assert await batches.renew([held], LEASE_S) == [held]
    assert await finish(batches, held)


async def test_a_cancelled_batch_keeps_what_was_done_and_says_so_of_the_rest(
    states: BatchStates, batches: Batches, files: BatchFiles, clock: Clock, tmp_path: Path
) -> None:
    batch = await begun(states, tmp_path, "a", 2500, clock.now)
    done, late, lost, told_so = await batches.lease("w", 4, LEASE_S)
    assert await finish(batches, done)
    assert await states.cancel(batch, "another") is None
    told = await states.cancel(batch, "mine")
    assert told is not None
    assert (told.status, told.cancelling_at) == ("cancelling", int(clock.now))
    assert await batches.lease("w", 9, LEASE_S) == []
    assert await batches.renew([told_so], LEASE_S) == []
    assert not await finish(batches, told_so)
    assert await states.ending() == []
    assert await finish(batches, late)
    assert await batches.renew([lost], LEASE_S) == []
    (closing,) = await states.ending()
    for _ in range(2):
        await states.give_up(batch, WHY)
    assert not await finish(batches, lost)
    for name in ("file-1", "file-2"):
        await states.close(batch, {"output": name, "error": None})
    told = results(files, batch, await states.results(batch))
    assert [each["custom_id"] for each in told["output"]] == ["c1", "c2"]
    assert [each["custom_id"] for each in told["error"]] == [f"c{n}" for n in range(3, 2501)]
    assert told["error"][0]["response"] is None
    assert told["error"][0]["error"] == {"code": "batch_expired", "message": "too late"}
    ended = await states.find(batch, "mine")
    assert ended == replace(closing, status="cancelled", cancelled_at=int(clock.now), failed=2498, output_file="file-1")
    assert await states.cancel(batch, "mine") == ended
    assert await states.ending() == []


async def test_a_batch_that_is_too_late_ends_and_nothing_of_it_is_taken_any_more(
    states: BatchStates, batches: Batches, files: BatchFiles, clock: Clock, tmp_path: Path
) -> None:
    batch = await begun(states, tmp_path, "a", 2, clock.now)
    clock.now += DAY_S - 1
    await states.expire()
    done, late = await batches.lease("w", 2, LEASE_S)
    assert await finish(batches, done)
    clock.now += 1
    assert await batches.lease("w", 2, LEASE_S) == []
    await states.expire()
    assert not await finish(batches, late)
    (closing,) = await states.ending()
    assert (closing.status, closing.ending, closing.finalizing_at) == ("finalizing", "expired", int(clock.now))
    await states.give_up(batch, WHY)
    await states.close(batch, {"output": "file-1", "error": "file-2"})
    assert await found(files, states, batch) == {"output": ["c1"], "error": ["c2"]}


async def test_a_batch_that_is_cancelled_before_it_begins_has_no_lines(
    states: BatchStates, files: BatchFiles, clock: Clock, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError):
        await begun(_Cancelling(states), tmp_path, "a", 2, clock.now)  # type: ignore[arg-type]
    (closing,) = await states.ending()
    await states.give_up(closing.id, WHY)
    assert await found(files, states, closing.id) == {"output": [], "error": []}


class _Cancelling:
    """Cancels each batch before it is begun."""

    def __init__(self, states: BatchStates) -> None:
        self.create = states.create
        self._states = states

    async def begin(self, batch: str, *more: object) -> bool:
        await self._states.cancel(batch, "mine")
        return await self._states.begin(batch, *more)  # type: ignore[arg-type]


async def test_what_ended_leaves_nothing_behind(
    database: Database, states: BatchStates, batches: Batches, clock: Clock, tmp_path: Path
) -> None:
    ended = await begun(states, tmp_path, "a", 1500, clock.now)
    alive = await begun(states, tmp_path, "b", 1, clock.now)
    (held,) = await batches.lease("w", 1, LEASE_S)
    assert await finish(batches, held)
    await states.cancel(ended, "mine")
    await states.give_up(ended, WHY)
    await states.close(ended, {"output": None, "error": None})
    (tmp_path / "batches" / "zz" / "zz1").mkdir(parents=True)
    await states.remains.tidy()
    left = [path.name for path in (tmp_path / "batches").glob("*/*")]
    assert left == ["b"]
    assert b"c1499" not in everything_in(tmp_path)
    assert [each.batch for each in await batches.lease("w", 9, LEASE_S)] == [alive]


@pytest.mark.parametrize("gone", ["input", "output"])
async def test_a_batch_whose_files_are_gone_has_failed_at_the_next_start(
    database: Database, states: BatchStates, batches: Batches, clock: Clock, tmp_path: Path, gone: str
) -> None:
    """As after a database was put back from its backup without the files beside it."""
    lost = await begun(states, tmp_path, "a", 2, clock.now)
    alive = await begun(states, tmp_path, "b", 2, clock.now)
    for held in await batches.lease("w", 3, LEASE_S):
        assert await finish(batches, held) or held.batch == alive
    (states.files.input(lost) if gone == "input" else states.files.results(lost, "output")).unlink()
    opened = await BatchStates.open(database, tmp_path / "batches", clock)
    failed = await opened.find(lost, "mine")
    assert failed is not None
    assert (failed.status, failed.failed_at) == ("failed", int(clock.now))
    assert failed.errors is not None
    assert failed.errors[0]["code"] == "server_error"
    assert [path.name for path in (tmp_path / "batches").glob("*/*")] == ["b"]
    left = await opened.find(alive, "mine")
    assert left is not None
    assert left.status == "in_progress"


async def test_a_project_has_so_many_batches_under_way_and_no_more(
    states: BatchStates, clock: Clock, tmp_path: Path
) -> None:
    batch = await begun(states, tmp_path, "a", 1, clock.now)
    kept = await states.find(batch, "mine")
    assert kept is not None
    source = tmp_path / "more"
    source.write_bytes(b"")
    with pytest.raises(TooMany):
        await states.create(replace(kept, id="batch_b", status="validating"), source, 1)
    assert [path.name for path in (tmp_path / "batches").glob("*/*")] == ["a"]
    await states.create(replace(kept, id="batch_c", status="validating", project="other"), source, 1)


async def test_prompts_wait_until_their_batch_has_ended(states: BatchStates, clock: Clock, tmp_path: Path) -> None:
    batch = await begun(states, tmp_path, "a", 3, clock.now)
    await begun(states, tmp_path, "b", 2, clock.now)
    assert [each.tokens for each in await states.waiting()] == [35]
    await states.cancel(batch, "mine")
    assert [each.tokens for each in await states.waiting()] == [35]
    await states.close(batch, {"output": None, "error": None})
    assert [each.tokens for each in await states.waiting()] == [14]


async def test_each_line_is_done_once_whatever_happens(
    states: BatchStates, batches: Batches, files: BatchFiles, database: Database, clock: Clock, tmp_path: Path
) -> None:
    """Two workers of which one sleeps now and then, and a process that dies now and then."""
    batch = await begun(states, tmp_path, "a", 60, clock.now)
    late: list[Leased] = []
    for step in range(200):
        held = await batches.lease(f"w{step % 2}", 5, LEASE_S)
        if not held and not late:
            break
        for each in held:
            if (each.number + step) % 3:
                await finish(batches, each, 200 if each.number % 4 else 429)
            else:
                late.append(each)
        if step % 4 == 0:
            clock.now += LEASE_S
        if step % 5 == 0:
            await batches.forget_leases()
        if step % 7 == 0:
            for each in late:
                await finish(batches, each)
            late.clear()
    told = await found(files, states, batch)
    assert Counter([*told["output"], *told["error"]]) == Counter(f"c{n}" for n in range(1, 61))
    rows = await database.read(select(ledger.c.request))
    assert len(rows) == 60
    (closing,) = await states.ending()
    assert (closing.completed, closing.failed) == (len(told["output"]), len(told["error"]))
