"""Tasks side by side that fail plainly: the first error itself, never a group of them."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TypeVar, cast

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
