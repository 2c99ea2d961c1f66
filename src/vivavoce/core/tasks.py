"""Tasks side by side that fail plainly: the first error itself, never a group of them. And work within its time."""

import asyncio
from collections.abc import Awaitable, Coroutine, Generator, Sequence
from types import coroutine
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

    When one fails the others are cancelled and awaited, and its own error is raised. One alone needs no task.
    """
    if len(coroutines) == 1:
        return [await coroutines[0]]
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
    patience = Patience()
    try:
        return await patience.over(work, seconds)
    finally:
        patience.end()


class Patience:
    """Waits for one thing after another, each in its own time, with one timer for all of them.

    Most waits are over long before their time. So the timer is left to run, and looks when it ends whether the wait is
    late that lasts then: setting and stopping one for each would cost more than the wait.
    """

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[Any] | None = None
        self._due = 0.0
        self._late = False

    async def over(self, work: Awaitable[T], seconds: float | None) -> T:
        """What `work` gives; one at a time.

        Raises:
            TimeoutError: it took longer than `seconds`; it has been cancelled.
        """
        steps = work.__await__()
        try:
            waits_for = next(steps)
        except StopIteration as done:
            return done.value
        rest = _rest(waits_for, steps)
        if seconds is None:
            return await rest
        task = self._begin(seconds)
        others = task.cancelling()
        try:
            return await rest
        except asyncio.CancelledError as cancelled:
            if self._late and task.cancelling() == others + 1:
                raise TimeoutError from cancelled
            raise
        finally:
            self._task = None
            if self._late:
                task.uncancel()

    def end(self) -> None:
        """Wait for nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self, seconds: float) -> asyncio.Task[Any]:
        loop = asyncio.get_running_loop()
        task = cast("asyncio.Task[Any]", asyncio.current_task(loop))
        self._task, self._due, self._late = task, loop.time() + seconds, False
        if self._timer is not None and self._timer.when() > self._due:
            self.end()
        if self._timer is None:
            self._timer = loop.call_at(self._due, self._look, self._due)
        return task

    def _look(self, now: float) -> None:
        self._timer = None
        if self._task is None:
            return
        if self._due <= now:
            self._late = self._task.cancel()
        else:
            self._timer = asyncio.get_running_loop().call_at(self._due, self._look, self._due)


@coroutine
def _rest(waits_for: Any, steps: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
    """What is left of work that has begun to wait."""
    while True:
        try:
            yield waits_for
        except BaseException as error:  # noqa: BLE001 - a cancellation, as a rule; whatever it is, it is the work's
            try:
                waits_for = steps.throw(error)
            except StopIteration as done:
                return done.value
        else:
            return (yield from steps)
