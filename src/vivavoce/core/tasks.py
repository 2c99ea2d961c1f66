"""Tasks side by side that fail plainly: the first error itself, never a group of them. And work within its time."""

import asyncio
from collections.abc import Awaitable, Coroutine, Generator, Sequence
from functools import partial
from typing import Any, TypeVar, cast

T = TypeVar("T")


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error inside a group, however deep."""
    first = group.exceptions[0]
    if isinstance(first, BaseExceptionGroup):
        return first_error(cast("BaseExceptionGroup[BaseException]", first))
    return first


async def together(coroutines: Sequence[Coroutine[None, None, T]], at_once: int | None = None) -> list[T]:
    """Run coroutines side by side, at most `at_once` of them at a time, and return their results in order.

    When one fails the others are cancelled and awaited, and its own error is raised.
    """
    places = asyncio.Semaphore(at_once or max(len(coroutines), 1))

    async def run(coroutine: Coroutine[None, None, T]) -> T:
        async with places:
            return await coroutine

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(coroutine)) for coroutine in coroutines]
    except BaseExceptionGroup as failed:
        raise first_error(failed) from None
    finally:
        for coroutine in coroutines:
            coroutine.close()  # one that never got its place would warn that it was never awaited
    return [task.result() for task in tasks]


async def in_time(work: Awaitable[T], seconds: float | None) -> T:
    """What `work` gives. Only what has to wait pays for a timer: most of what is sent or streamed is there at once.

    Raises:
        TimeoutError: it took longer than `seconds`; it has been cancelled.
    """
    steps = work.__await__()
    try:
        waits_for = next(steps)
    except StopIteration as done:
        return done.value
    async with asyncio.timeout(seconds):
        return await _Rest(waits_for, steps)


class _Rest:
    """What is left of work that has begun to wait."""

    def __init__(self, waits_for: Any, steps: Generator[Any, Any, Any]) -> None:
        self._waits_for = waits_for
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, Any]:
        waits_for = self._waits_for
        while True:
            try:
                told = yield waits_for
            except BaseException as error:  # noqa: BLE001 - a cancellation, as a rule; whatever it is, it is the work's
                step = partial(self._steps.throw, error)
            else:
                step = partial(self._steps.send, told)
            try:
                waits_for = step()
            except StopIteration as done:
                return done.value
