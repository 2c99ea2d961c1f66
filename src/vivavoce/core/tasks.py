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


async def together(coroutines: Sequence[Coroutine[None, None, T]]) -> list[T]:
    """Run coroutines side by side and return their results in order.

    When one fails the others are cancelled and awaited, and its own error is raised.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except BaseExceptionGroup as failed:
        raise first_error(failed) from None
    return [task.result() for task in tasks]
