"""The pool, with real processes: what it promises when they crash, hang, are cancelled, or all are taken."""

import asyncio
import gc
import logging
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, nullcontext
from pathlib import Path
from typing import Any

import pytest

from tests.support.engines import SECRET
from tests.support.news import News
from tests.support.waiting import LIMIT_S, until
from vivavoce.core import errors
from vivavoce.core.admitted import Admitted, working_for
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Card, Hearing, Utterance
from vivavoce.core.errors import EngineFailed, EngineTimeout, Overloaded, PublicError, TooLarge, TryLater
from vivavoce.engines import call as calls
from vivavoce.engines import frames
from vivavoce.engines import pool as pools
from vivavoce.engines.child import Child, EngineMissing, Spec
from vivavoce.engines.pool import Pool

Start = Callable[..., Awaitable[Pool]]
AT_ONCE_S = 1.0
"""The promise is 0.2 s; the rest is slack for a busy machine."""
TARGET = "tests.support.engines:Blocking"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A short one (a socket's path has 107 characters at most), where temporary folders are made too."""
    with tempfile.TemporaryDirectory(prefix="vv") as name:
        Path(name, "tmp").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(Path(name, "tmp")))
        monkeypatch.setenv("PYTHONPATH", f"{Path.cwd()}{os.pathsep}{Path.cwd() / 'src'}")
        yield Path(name)


@pytest.fixture
async def news(folder: Path) -> AsyncIterator[News]:
    news = News(folder / "news")
    yield news
    news.close()


@pytest.fixture
async def start(folder: Path, news: News) -> AsyncIterator[Start]:
    """Start pools; whatever a test did to them, nothing of them is left in the end."""
    started: list[Pool] = []

    async def make(*, workers: int = 1, parallel: int = 1, load: str = "", **limits: float) -> Pool:
        options = {"news": news.path, "folder": str(folder), "parallel": parallel, "load": load}
        pool = Pool(Spec("test", TARGET, options), workers=workers, **limits)
        started.append(pool)
        await pool.start()
        return pool

    yield make
    pids = [pid for pool in started for pid in pool.pids]
    for pool in started:
        await pool.stop()
    assert not [pid for pid in pids if alive(pid)]
    assert list((folder / "tmp").iterdir()) == []


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not re.search(r"^State:\s+Z", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)


async def items(pool: Pool, method: str, *arguments: Any, **how: Any) -> list[Any]:
    async with asyncio.timeout(LIMIT_S), aclosing(pool.stream(method, *arguments, **how)) as stream:
        return [item async for item in stream]


def free_places(pool: Pool) -> list[int]:
    return [worker.child.card.parallel - worker.busy for worker in pool._workers if worker.child]


async def test_a_call_yields_its_items_in_order(start: Start) -> None:
    pool = await start()
    assert await items(pool, "answer", 1000) == list(range(1000))
    assert (pool.card.name, pool.ready, len(pool.pids)) == ("blocking", True, 1)


async def test_large_sound_goes_there_and_back(start: Start) -> None:
    pool = await start()
    sound = Pcm(bytes(range(256)) * 40_000, 16_000)
    assert await items(pool, "backwards", sound) == [Pcm(sound.data[::-1], 16_000)]


async def test_a_process_that_does_not_take_a_large_call_is_killed_as_one_that_does_not_answer(start: Start) -> None:
    pool = await start(silence_s=0.2)
    os.kill(pool.pids[0], signal.SIGSTOP)
    with pytest.raises(EngineTimeout):
        await items(pool, "backwards", Pcm(bytes(10_000_000), 16_000))


async def test_tokens_are_counted_while_every_place_is_taken(start: Start, news: News, folder: Path) -> None:
    pool = await start()
    busy = asyncio.create_task(items(pool, "steps", "a"))
    await news.of("begun a")
    assert await pool.count(["one", ""]) == [3, 0]
    (folder / "a").touch()
    await busy


@pytest.mark.alone
async def test_a_killed_process_fails_its_calls_at_once_and_is_there_again_within_two_seconds(
    start: Start, news: News
) -> None:
    pool = await start(parallel=2)
    calls = [asyncio.create_task(items(pool, "steps", name)) for name in "ab"]
    await news.of("begun a")
    await news.of("begun b")
    os.kill(pool.pids[0], signal.SIGKILL)
    done, _ = await asyncio.wait(calls, timeout=AT_ONCE_S)
    assert [type(call.exception()) for call in done] == [EngineFailed, EngineFailed]
    assert not pool.ready
    await until(lambda: pool.ready, limit_s=2)
    assert await items(pool, "answer", 2) == [0, 1]
    assert pool.restarts == 1


async def test_a_crash_in_the_engine_is_its_callers_failure_alone(start: Start) -> None:
    pool = await start()
    with pytest.raises(EngineFailed):
        await items(pool, "crash")
    assert await items(pool, "answer", 1, wait_s=5.0) == [0]


async def test_calls_in_line_outlive_a_crash(start: Start, news: News) -> None:
    pool = await start()
    first = asyncio.create_task(items(pool, "steps", "a"))
    await news.of("begun a")
    waiting = [asyncio.create_task(items(pool, "answer", 1, wait_s=5.0)) for _ in range(5)]
    await until(lambda: pool.load.waiting == 5)
    os.kill(pool.pids[0], signal.SIGKILL)
    with pytest.raises(EngineFailed):
        await first
    assert await asyncio.gather(*waiting) == [[0]] * 5


async def test_a_process_that_dies_again_and_again_is_waited_for_longer(start: Start) -> None:
    pool = await start()
    for _ in range(2):
        os.kill(pool.pids[0], signal.SIGKILL)
        await until(lambda: not pool.ready)
        await until(lambda: pool.ready)
    assert pool.restarts == 2
    assert list(pools.BACK_OFF_S) == sorted(pools.BACK_OFF_S)


async def test_an_engine_that_will_not_start_again_is_tried_for_ever_and_said_so(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    pool = await start(load="once")
    os.kill(pool.pids[0], signal.SIGKILL)
    await until(lambda: pool.restarts >= 3)
    assert not pool.ready
    assert "engine test does not start: engine 'test': RuntimeError: only once" in caplog.text
    with pytest.raises(TryLater):
        await items(pool, "answer", 1, wait_s=0.01)
    with pytest.raises(TryLater):
        await pool.count(["a"])


async def test_a_hung_process_is_killed_and_there_again(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    pool = await start(silence_s=0.6)
    before = pool.pids
    with pytest.raises(EngineTimeout):
        await items(pool, "hang", "a")
    await until(lambda: pool.ready)
    assert pool.pids != before
    assert await items(pool, "answer", 1) == [0]
    assert "has not answered for" in caplog.text


async def test_a_hung_process_whose_caller_left_is_killed_for_the_next_one(start: Start, news: News) -> None:
    pool = await start(silence_s=0.6)
    call = asyncio.create_task(items(pool, "hang", "a"))
    await news.of("begun a")
    call.cancel()
    with pytest.raises(EngineTimeout):
        await items(pool, "answer", 1)
    assert await items(pool, "answer", 1, wait_s=5.0) == [0]


async def test_beats_keep_a_slow_call_alive(start: Start, news: News, folder: Path) -> None:
    pool = await start(silence_s=0.8)
    call = asyncio.create_task(items(pool, "steps", "a"))
    await news.of("begun a")
    done, _ = await asyncio.wait([call], timeout=1.6)
    assert not done
    (folder / "a").touch()
    assert await call == ["a", "a done"]


@pytest.mark.alone
async def test_cancelling_reaches_the_engine_between_two_items_and_frees_its_place(start: Start, news: News) -> None:
    pool = await start()
    call = asyncio.create_task(items(pool, "steps", "a"))
    await news.of("begun a")
    call.cancel()
    began = time.monotonic()
    await news.of("closed a")
    assert time.monotonic() - began < AT_ONCE_S
    assert free_places(pool) == [1]
    assert await items(pool, "answer", 1) == [0]
    assert "ended a" not in news.lines


async def test_closing_the_stream_early_cancels_the_call(start: Start, news: News) -> None:
    pool = await start()
    async with aclosing(pool.stream("steps", "a")) as stream:
        assert await anext(stream) == "a"
    await news.of("closed a")
    assert free_places(pool) == [1]


async def test_those_who_wait_are_served_first_come_first_served(start: Start, news: News, folder: Path) -> None:
    pool = await start()
    first = asyncio.create_task(items(pool, "steps", "first"))
    await news.of("begun first")
    names = ["a", "b", "c", "d"]
    for name in names:
        (folder / name).touch()
    waiting: list[asyncio.Task[list[Any]]] = []
    for number, name in enumerate(names, 1):
        waiting.append(asyncio.create_task(items(pool, "steps", name)))
        await until(lambda wanted=number: pool.load.waiting == wanted)
    waiting.pop(1).cancel()
    (folder / "first").touch()
    await asyncio.gather(first, *waiting)
    await news.of("ended d")
    assert [line[6:] for line in news.lines if line.startswith("begun")] == ["first", "a", "c", "d"]


async def test_who_was_let_in_goes_first_and_who_speaks_before_who_is_heard(
    start: Start, news: News, folder: Path
) -> None:
    pool = await start()
    order: list[str] = []

    async def call(name: str, method: str, *arguments: Any, turn: Admitted | None) -> None:
        with working_for(turn) if turn else nullcontext():
            await items(pool, method, *arguments, wait_s=LIMIT_S)
        order.append(name)

    first = asyncio.create_task(items(pool, "steps", "first"))
    await news.of("begun first")
    silence = Pcm(bytes(320), 16_000)
    turns = [Admitted("", 0.0) for _ in range(4)]
    hears, begins, runs_short, has_plenty = turns
    now = asyncio.get_running_loop().time()
    runs_short.sounded(1.0, now)
    has_plenty.sounded(1000.0, now)
    saying = "synthesize", Utterance("a", "8000")
    waiting = [
        asyncio.create_task(call("new", *saying, turn=None)),
        asyncio.create_task(call("has plenty", *saying, turn=has_plenty)),
        asyncio.create_task(call("heard", "transcribe", silence, Hearing(), turn=hears)),
        asyncio.create_task(call("begins", *saying, turn=begins)),
        asyncio.create_task(call("runs short", *saying, turn=runs_short)),
    ]
    await until(lambda: pool.load.waiting == 5)
    assert [turn.calls for turn in turns] == [1, 1, 1, 1]
    (folder / "first").touch()
    await asyncio.gather(first, *waiting)
    assert order == ["runs short", "begins", "heard", "has plenty", "new"]
    assert [turn.calls for turn in turns] == [0, 0, 0, 0]
    assert (pool.load.busy, pool.load.waiting, pool.load.places) == (0, 0, 1)
    assert pool.load.call_s.value
    assert pool.load.pace > 0


async def test_who_was_let_in_waits_for_longer_than_who_was_not(start: Start, news: News, folder: Path) -> None:
    pool = await start(wait_s=0.01)
    first = asyncio.create_task(items(pool, "steps", "first"))
    await news.of("begun first")
    with working_for(Admitted("", 0.0)):
        patient = asyncio.create_task(items(pool, "answer", 1))
    await until(lambda: pool.load.waiting == 1)
    with pytest.raises(Overloaded) as told:
        await items(pool, "answer", 1)
    assert told.value.whole_s == 3  # a second, as nothing was measured, for each of the two before it, and itself
    (folder / "first").touch()
    assert await patient == [0]
    await first


async def test_who_was_let_in_does_not_wait_for_what_does_not_run(start: Start) -> None:
    pool = await start(load="once", wait_s=0.01)
    os.kill(pool.pids[0], signal.SIGKILL)
    await until(lambda: not pool.pids)
    with working_for(Admitted("", 0.0)), pytest.raises(Overloaded):
        await items(pool, "answer", 1)


async def test_nobody_waits_longer_than_agreed(start: Start, news: News, folder: Path) -> None:
    pool = await start(wait_s=0.05)
    call = asyncio.create_task(items(pool, "steps", "a"))
    await news.of("begun a")
    with pytest.raises(Overloaded):
        await items(pool, "answer", 1)
    with pytest.raises(Overloaded):
        await items(pool, "answer", 1, wait_s=0)
    (folder / "a").touch()
    await call
    assert await items(pool, "answer", 1, wait_s=0) == [0]


async def test_no_place_is_lost_whatever_is_cancelled_when(start: Start) -> None:
    pool = await start(workers=2, parallel=2, wait_s=0.02)
    dice = random.Random(7)  # noqa: S311 - the same cancels in every run
    calls: list[asyncio.Task[list[Any]]] = []
    for _ in range(200):
        how = dice.choice(["answer", "answer", "steps", "bug"])
        arguments = {"answer": [dice.randrange(50)], "steps": ["never"], "bug": []}[how]
        calls.append(asyncio.create_task(items(pool, how, *arguments)))
        if dice.random() < 0.7:
            for _ in range(dice.randrange(4)):
                await asyncio.sleep(0)
        if dice.random() < 0.6:
            dice.choice(calls).cancel()
        if dice.random() < 0.2:
            await asyncio.wait([dice.choice(calls)], timeout=0.01)
    for call in calls:
        if dice.random() < 0.5:
            call.cancel()
    for call in calls:
        call.cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert free_places(pool) == [2, 2]
    assert not pool.load.waiting
    allowed = (list, asyncio.CancelledError, Overloaded, EngineFailed)
    assert all(isinstance(result, allowed) for result in results)
    assert pool.restarts == 0
    assert await items(pool, "answer", 3) == [0, 1, 2]


async def test_calls_are_spread_over_the_least_busy_processes(start: Start, news: News) -> None:
    pool = await start(workers=2, parallel=2)
    assert len(set(pool.pids)) == 2
    calls = [asyncio.create_task(items(pool, "steps", name)) for name in "abcd"]
    for name in "abcd":
        await news.of(f"begun {name}")
    assert [worker.busy for worker in pool._workers] == [2, 2]
    for call in calls:
        call.cancel()
    for name in "abcd":
        await news.of(f"closed {name}")


async def test_a_slow_reader_does_not_hold_the_engine(start: Start, news: News) -> None:
    pool = await start()
    async with aclosing(pool.stream("ended", "a", 500)) as stream:
        assert await anext(stream) == 0
        await news.of("ended a")
        await until(lambda: free_places(pool) == [1])
        assert await items(pool, "answer", 1, wait_s=0) == [0]
        assert [item async for item in stream] == list(range(1, 500))


async def test_an_engine_that_never_ends_is_stopped_and_its_items_are_not_logged(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(calls, "WAITING_ITEMS", 10)
    pool = await start()
    async with aclosing(pool.stream("answer", 424_242)) as stream:
        await anext(stream)
        await until(lambda: free_places(pool) == [1])
        with pytest.raises(EngineFailed):
            [item async for item in stream]
    assert "engine test: more than 10 items in one call" in caplog.messages


@pytest.mark.parametrize("method", ["bug", "missing_file"])
async def test_a_bug_is_logged_with_an_id_and_without_its_words(
    start: Start, method: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    pool = await start()
    with pytest.raises(EngineFailed) as failed:
        await items(pool, method)
    assert SECRET not in str(failed.value)
    bug = re.search(r"engine test: bug ([0-9a-f]{12})$", caplog.text, re.MULTILINE)
    assert bug
    printed = capfd.readouterr().err
    assert re.search(rf"bug {bug[1]}: \w+Error at engines.py:\d+ {method}", printed)
    assert SECRET not in caplog.text + printed
    assert pool.restarts == 0
    assert await items(pool, "answer", 1) == [0]


async def test_an_item_no_frame_can_hold_is_a_bug(start: Start) -> None:
    pool = await start()
    with pytest.raises(EngineFailed):
        await items(pool, "unspeakable")
    assert await items(pool, "answer", 1) == [0]


async def test_a_call_left_without_an_end_fails_and_costs_the_process_its_life(start: Start) -> None:
    pool = await start()
    with pytest.raises(EngineFailed):
        await items(pool, "leave")
    assert await items(pool, "answer", 1, wait_s=5.0) == [0]


@pytest.mark.parametrize("kind", ["BadRequest", "BadAudio", "NotFound", "Forbidden", "Unauthorized", "TooLarge"])
async def test_what_an_engine_tells_the_client_arrives_as_it_was(start: Start, kind: str) -> None:
    pool = await start()
    with pytest.raises(PublicError) as refused:
        await items(pool, "refuse", kind)
    error = refused.value
    assert type(error) is getattr(errors, kind)
    assert (error.message, error.param, error.code) == ("no", "messages", "because")


async def test_the_other_errors_of_the_tree_arrive_too(start: Start) -> None:
    pool = await start()
    for kind in (Overloaded, errors.RateLimited, EngineTimeout):
        with pytest.raises(kind):
            await items(pool, "refuse", kind.__name__)
    with pytest.raises(EngineFailed, match="gave up"):
        await items(pool, "refuse", "EngineFailed")
    with pytest.raises(errors.BadRequest) as refused:
        await items(pool, "refuse", "OwnRefusal")
    assert (type(refused.value), refused.value.code) == (errors.BadRequest, "own")


async def test_more_than_a_frame_holds_is_refused_before_it_is_sent(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = await start()
    monkeypatch.setattr(frames, "FRAME_LIMIT", 1000)
    with pytest.raises(TooLarge):
        await items(pool, "answer", bytes(2000))
    assert pool.ready


@pytest.mark.parametrize(
    ("load", "options", "why"),
    [
        ("runtime", {}, "engine 'test': RuntimeError: no weights there"),
        ("bug", {}, "engine 'test': KeyError: 'a bug' (at engines.py"),
        ("abort", {}, "engine 'test' ended while it was loaded"),
        ("wait", {}, "engine 'test' was not loaded within 0.4 s"),
        ("", {"lod": 1}, "engine 'test': options: Object contains unknown field `lod`"),
        ("", {"parallel": "two"}, "engine 'test': options: Expected `int`, got `str`"),
    ],
)
async def test_an_engine_that_cannot_be_loaded_is_one_clear_line(
    folder: Path, load: str, options: dict[str, Any], why: str, news: News
) -> None:
    pool = Pool(Spec("test", TARGET, {"load": load, **options}), start_s=0.4 if load == "wait" else 20)
    with pytest.raises(EngineMissing) as missing:
        await pool.start()
    assert why in str(missing.value)
    assert "\n" not in str(missing.value)
    assert list((folder / "tmp").iterdir()) == []


async def test_an_engine_that_is_not_there_is_one_clear_line(folder: Path) -> None:
    for target, why in [("no.such:Thing", "ModuleNotFoundError"), ("tests.support.engines:Nobody", "AttributeError")]:
        with pytest.raises(EngineMissing, match=why):
            await Pool(Spec("test", target)).start()
    assert list((folder / "tmp").iterdir()) == []


async def test_where_one_process_of_several_cannot_start_none_is_left(folder: Path, news: News) -> None:
    options = {"news": news.path, "folder": str(folder), "load": "once"}
    with pytest.raises(EngineMissing, match="only once"):
        await Pool(Spec("test", TARGET, options), workers=3).start()
    loading = [int(line.split()[1]) for line in (await news.one("loading", 1), *news.lines)]
    await until(lambda: not any(map(alive, loading)))
    assert list((folder / "tmp").iterdir()) == []


async def test_pools_start_side_by_side(start: Start) -> None:
    started = await asyncio.gather(*(start() for _ in range(3)))
    assert len({pid for pool in started for pid in pool.pids}) == 3


async def test_stopping_ends_a_hung_process_and_fails_what_is_under_way(start: Start, news: News) -> None:
    pool = await start()
    call = asyncio.create_task(items(pool, "hang", "a"))
    await news.of("begun a")
    pids = pool.pids
    await pool.stop()
    assert not any(map(alive, pids))
    with pytest.raises(EngineFailed):
        await call


async def test_stopping_waits_for_the_end_of_the_pipe_too(folder: Path) -> None:
    """On a busy machine it is told after that of the process; whoever does not wait leaves it open."""
    holds = ("sh", "-c", "sleep 0.3 & exit")  # the pipe, for longer than the process lives
    process = await asyncio.create_subprocess_exec(*holds, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    await until(lambda: process.returncode is not None)
    await Child(process, folder / "tmp", Card()).stop()
    assert process.stdout
    assert process.stdout.at_eof()
    assert not (folder / "tmp").exists()


async def test_stopping_while_a_process_starts_again_leaves_nothing(start: Start, news: News) -> None:
    pool = await start()
    os.kill(pool.pids[0], signal.SIGKILL)
    loading = await news.one("loading", 2)
    await pool.stop()
    assert not alive(int(loading.split()[1]))


async def test_a_file_left_where_sockets_are_made_is_in_nobodys_way(start: Start, folder: Path) -> None:
    left = folder / "tmp" / "vivavoce-left"
    left.mkdir()
    (left / "engine").touch()
    pool = await start()
    assert await items(pool, "answer", 1) == [0]
    (left / "engine").unlink()
    left.rmdir()


PARENT = f"""
import asyncio, sys
from vivavoce.engines.child import Spec
from vivavoce.engines.pool import Pool
async def main():
    pool = Pool(Spec("test", {TARGET!r}, {{"folder": "/nowhere"}}), workers=2)
    await pool.start()
    print(*pool.pids, flush=True)
    async for _ in pool.stream("steps", "never"): pass
asyncio.run(main())
"""


async def test_processes_end_with_their_parent_and_leave_no_folder(folder: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(folder / "tmp")}
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env=environment) as parent:  # noqa: ASYNC220
        assert parent.stdout
        pids = [int(pid) for pid in (await asyncio.to_thread(parent.stdout.readline)).split()]
        parent.kill()
    assert len(pids) == 2
    await until(lambda: not any(map(alive, pids)))
    await until(lambda: list((folder / "tmp").iterdir()) == [])


async def test_an_engine_nobody_calls_gives_its_memory_back_and_is_there_for_the_next_call(start: Start) -> None:
    pool = await start(unload_s=0.05, wait_s=0.01)
    (pid,) = pool.pids
    await until(lambda: not pool.pids)
    await until(lambda: not alive(pid))
    assert pool.ready
    assert pool.card.name == "blocking"
    answers = await asyncio.gather(*(items(pool, "answer", 3) for _ in range(5)), return_exceptions=True)
    assert [0, 1, 2] in answers
    assert pool.restarts == 0
    await until(lambda: not pool.pids)
    assert await pool.count(["one"]) == [3]


async def test_an_engine_at_work_is_not_unloaded(start: Start, news: News, folder: Path) -> None:
    pool = await start(unload_s=0.05, wait_s=0.01)
    busy = asyncio.create_task(items(pool, "steps", "a"))
    await news.of("begun a")
    await asyncio.sleep(0.15)
    assert len(pool.pids) == 1
    (folder / "a").touch()
    assert (await busy)[-1] == "a done"


async def test_an_engine_that_sleeps_and_cannot_start_again_is_overloaded(start: Start) -> None:
    pool = await start(load="once", unload_s=0.05, wait_s=0.01)
    pool._start_s = 0.5  # not for the first time: that succeeds, however busy the machine is
    await until(lambda: not pool.pids)
    with pytest.raises(Overloaded):
        await items(pool, "answer", 1)
    await until(lambda: not pool.ready)


async def test_nothing_is_left_for_the_garbage_collector_to_complain_of(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    pool = await start(silence_s=0.6)
    for method in ("crash", "bug", "leave"):
        with pytest.raises(EngineFailed):
            await items(pool, method, wait_s=5.0)
    stream = pool.stream("answer", 3, wait_s=5.0)
    assert await anext(stream) == 0
    await stream.aclose()
    await pool.stop()
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio" and record.levelno >= logging.WARNING]
