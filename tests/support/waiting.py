"""Waiting for what tells nobody when it happens, such as the end of a process that is not ours."""

import asyncio
from collections.abc import Callable

LIMIT_S = 10.0


async def until(done: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(limit_s):
        while not done():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.002)
