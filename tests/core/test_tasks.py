import asyncio

import pytest

from vivavoce.core.tasks import first_error, in_time, together


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


async def test_cancelling_stops_every_task_and_stays_a_cancellation() -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def waits() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    task = asyncio.create_task(together([waits()]))
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
