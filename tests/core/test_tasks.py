import asyncio

import pytest

from vivavoce.core.tasks import first_error, together


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
