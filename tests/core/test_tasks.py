import asyncio

import pytest

from tests.support.jumping import timed
from vivavoce.core.tasks import Patience, first_error, in_time, together


async def value(number: int, after: asyncio.Event | None = None, sets: asyncio.Event | None = None) -> int:
    if after:
        await after.wait()
    if sets:
        sets.set()
    return number


async def test_results_come_in_the_order_of_the_tasks_whichever_ends_first() -> None:
    second_done = asyncio.Event()
    assert await together([value(1, after=second_done), value(2, sets=second_done)]) == [1, 2]


async def test_nothing_to_do_gives_nothing() -> None:
    assert await together([]) == []


async def test_the_first_error_itself_is_raised_when_the_others_have_been_cancelled() -> None:
    stopped: list[str] = []

    async def waits() -> int:
        try:
            return await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            stopped.append("waits")

    async def fails_when_stopped() -> int:
        try:
            return await asyncio.Event().wait()
        finally:
            raise KeyError("late")

    async def fails() -> int:
        raise ValueError("first")

    with pytest.raises(ValueError, match="first") as failed:
        await together([waits(), fails_when_stopped(), fails()])
    assert stopped == ["waits"]
    assert failed.value.__cause__ is None


@pytest.mark.parametrize("others", [0, 1])
async def test_cancelling_stops_every_task_and_stays_a_cancellation(others: int) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def waits() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    work = [waits(), *(asyncio.sleep(0) for _ in range(others))]
    task = asyncio.create_task(together(work))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stopped.is_set()


def test_the_first_error_is_found_however_deep_it_is() -> None:
    first = ValueError()
    assert first_error(ExceptionGroup("", [ExceptionGroup("", [first, KeyError()]), KeyError()])) is first


def test_an_error_that_has_exceptions_but_is_no_group_is_itself() -> None:
    class Several(Exception):
        exceptions = ()

    several = Several()
    assert first_error(ExceptionGroup("", [several])) is several


async def test_what_is_there_at_once_is_given_without_a_timer() -> None:
    loop = asyncio.get_running_loop()
    timers = len(loop._scheduled)  # type: ignore[attr-defined]

    async def look() -> int:
        return len(loop._scheduled)  # type: ignore[attr-defined]

    assert await in_time(look(), 30) == timers


@pytest.mark.parametrize("limit", [30, None])
async def test_what_has_to_wait_is_waited_for(limit: float | None) -> None:
    there = asyncio.Event()

    async def work() -> str:
        await asyncio.sleep(0)
        await there.wait()
        await asyncio.sleep(0)
        return "done"

    asyncio.get_running_loop().call_soon(there.set)
    assert await in_time(work(), limit) == "done"


async def test_what_takes_too_long_is_cancelled() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("work")

    with pytest.raises(TimeoutError):
        await in_time(work(), 0.01)
    assert ended == ["work"]


async def test_who_is_cancelled_cancels_the_work() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("work")
            raise

    task = asyncio.create_task(in_time(work(), 30))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["work"]


@pytest.mark.parametrize("waits", [False, True])
async def test_an_error_of_the_work_is_raised(waits: bool) -> None:
    async def work() -> None:
        if waits:
            await asyncio.sleep(0)
        raise KeyError

    with pytest.raises(KeyError):
        await in_time(work(), 30)


def _timers() -> int:
    scheduled: list[asyncio.TimerHandle] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    return sum(not timer.cancelled() for timer in scheduled)


def test_many_waits_have_one_timer_and_each_its_own_time() -> None:
    async def waits() -> tuple[list[int], float]:
        patience, timers = Patience(), list[int]()

        async def work(seconds: float) -> None:
            await asyncio.sleep(0)
            timers.append(_timers())
            await asyncio.sleep(seconds)

        for _ in range(5):
            await patience.over(work(1), 2)
        with pytest.raises(TimeoutError):
            await patience.over(work(60), 10)
        now = asyncio.get_running_loop().time()
        await patience.over(work(9), 10)
        patience.end()
        return timers, now

    assert timed(waits()) == ([1] * 7, 15)


def test_a_shorter_wait_does_not_wait_for_the_timer_of_a_longer_one() -> None:
    async def waits() -> float:
        patience = Patience()
        await patience.over(asyncio.sleep(1), 3600)
        with pytest.raises(TimeoutError):
            await patience.over(asyncio.sleep(60), 2)
        await patience.over(asyncio.sleep(60), None)
        await patience.over(asyncio.sleep(1), 5)
        await asyncio.sleep(3600)  # the timers of what is over do nothing
        patience.end()
        return asyncio.get_running_loop().time()

    assert timed(waits()) == 1 + 2 + 60 + 1 + 3600


def test_who_is_cancelled_in_the_moment_in_which_the_time_is_over_is_cancelled() -> None:
    async def both() -> None:
        task = asyncio.create_task(in_time(asyncio.sleep(60), 1))
        asyncio.get_running_loop().call_at(1, task.cancel)
        await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task

    timed(both())


async def test_work_that_gives_something_when_its_time_is_over_has_given_it() -> None:
    async def stubborn() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "done"
        return "early"

    assert await in_time(stubborn(), 0.01) == "done"
    task = asyncio.current_task()
    assert task
    assert not task.cancelling()
