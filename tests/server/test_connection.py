"""Work for a client who may leave, whatever else goes wrong with it."""

import asyncio
from typing import NoReturn

import pytest
from starlette.types import Message

from vivavoce.server.connection import ClientGone, while_connected


class Client:
    """An ASGI `receive` whose client leaves when it is told."""

    def __init__(self) -> None:
        self.leaves = asyncio.Event()

    async def __call__(self) -> Message:
        await self.leaves.wait()
        return {"type": "http.disconnect"}


class Work:
    """Work without an end of its own."""

    def __init__(self, last: BaseException | None = None) -> None:
        """`last`: what it says when it is cancelled, in the place of that."""
        self._last = last
        self.begun = asyncio.Event()
        self.ended = False

    async def do(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if self._last is not None:
                raise self._last from None
            raise
        finally:
            self.ended = True


@pytest.mark.parametrize("last", [None, ValueError(), TimeoutError()], ids=["cancelled", "fails", "late"])
async def test_who_leaves_has_left_whatever_the_work_says_of_its_end(last: Exception | None) -> None:
    client, work = Client(), Work(last)
    doing = asyncio.create_task(while_connected(client, work.do()))
    await work.begun.wait()
    client.leaves.set()
    with pytest.raises(ClientGone):
        await doing
    assert work.ended


async def test_work_that_is_cancelled_by_another_is_cancelled() -> None:
    client, work = Client(), Work()
    doing = asyncio.create_task(while_connected(client, work.do()))
    await work.begun.wait()
    doing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doing
    assert work.ended


async def test_work_that_fails_says_why_and_leaves_nobody_listening() -> None:
    async def fail() -> NoReturn:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        await while_connected(Client(), fail())
    assert asyncio.all_tasks() == {asyncio.current_task()}
