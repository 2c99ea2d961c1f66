"""Work on large things, off the event loop."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

LARGE_BYTES = 256 * 1024


async def aside(size: int, work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Do `work`, in a thread where `size` bytes would hold the event loop up."""
    if size > LARGE_BYTES:
        return await asyncio.to_thread(work, *arguments, **options)
    return work(*arguments, **options)
