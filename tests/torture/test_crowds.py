"""Very many clients who mean no good, or have no time: afterwards all is as it was."""

import asyncio
import gc
import json
import random
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.support.leaves import Stuck
from tests.support.serving import MODEL, Served, Serving, model
from tests.support.talking import Line, line, post
from tests.support.waiting import until
from tests.torture.budget import TIMES
from vivavoce.server.protocol import Bounds

CHAT = "/v1/chat/completions"
CYCLES = 100 * TIMES
CROWD = 50 * TIMES
LIMIT_S = 60.0
JSON = {"content-type": "application/json"}
MB = 1024 * 1024


@pytest.fixture(autouse=True)
def _many_files() -> Iterator[None]:
    """Both ends of every connection are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def state() -> tuple[int, int, int]:
    """Open files, tasks, and bytes in memory."""
    gc.collect()
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    return len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks()), resident


async def idle(served: Served) -> None:
    now = served.server.server_state
    await until(lambda: not now.tasks and not now.connections, LIMIT_S)


async def abort(served: Served, stuck: Stuck, cycle: int) -> None:
    """Connect, come to one of many points, and go."""
    whole = post(CHAT, json.dumps(served.say(stream=cycle % 2 == 0)).encode())
    chance = random.Random(cycle)  # noqa: S311 - the same each time
    stuck.begun.clear()
    async with line(served.port) as mine:
        match cycle % 5:
            case 0:
                pass
            case 1:
                await mine.say(whole[: chance.randrange(len(whole))])
            case 2:
                await mine.say(whole)
            case 3:
                await mine.say(whole)
                await asyncio.wait_for(stuck.begun.wait(), LIMIT_S)
            case _:
                await mine.say(post(CHAT, json.dumps(served.say(stream=True)).encode()))
                await asyncio.wait_for(stuck.begun.wait(), LIMIT_S)
                mine.writer.transport.abort()


@pytest.mark.parametrize("stage", ["prompt", "speak"])
async def test_clients_that_come_and_go_leave_nothing(serving: Serving, stage: str) -> None:
    stuck = Stuck(stage)
    served = await serving(models={MODEL: model(think=stuck, speak=stuck)})
    for cycle in range(25):  # what is made once is made
        await abort(served, stuck, cycle)
    await idle(served)
    files, tasks, resident = state()
    for cycle in range(CYCLES):
        await abort(served, stuck, cycle)
    await idle(served)
    await until(lambda: state()[0] <= files + 2 and state()[1] <= tasks)
    assert state()[2] <= resident * 1.05 + 4 * MB
    stuck.go.set()
    assert (await served.http.post(CHAT, json=served.say())).status_code == 200


async def dribble(mine: Line, data: bytes) -> None:
    """A byte at a time, until nobody listens."""
    try:
        for byte in data:
            await mine.say(bytes([byte]))
            await asyncio.sleep(0.05)
    except ConnectionError:
        return


@asynccontextmanager
async def crowd(served: Served, head: bytes, body: bytes) -> AsyncIterator[list[Line]]:
    """A third sends its head byte by byte, a third its body, and a third nothing at all."""
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(line(served.port)) for _ in range(CROWD)]
        for mine in lines[1::3]:
            await mine.say(head)
        sending = [asyncio.create_task(dribble(mine, head)) for mine in lines[::3]]
        sending += [asyncio.create_task(dribble(mine, body)) for mine in lines[1::3]]
        yield lines
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)


def asking(served: Served) -> tuple[bytes, bytes]:
    body = json.dumps(served.say()).encode()
    return post(CHAT, b"", f"Content-Length: {len(body)}", length=False), body


async def test_clients_that_never_finish_asking_hold_nobody_up(serving: Serving) -> None:
    served = await serving(bounds=Bounds(connections=2 * CROWD))
    head, body = asking(served)
    async with crowd(served, head, body):
        for _ in range(5):
            async with asyncio.timeout(LIMIT_S):
                assert (await served.http.post(CHAT, content=body, headers=JSON)).status_code == 200


async def test_clients_that_never_finish_asking_are_closed(serving: Serving) -> None:
    served = await serving(bounds=Bounds(head_s=0.5, connections=2 * CROWD), silence_s=0.5)
    async with crowd(served, *asking(served)) as lines:
        for mine in lines:
            with suppress(ConnectionError):  # where there was still more to come
                answer = await mine.all()
                assert answer == b"" or answer.split()[1] == b"408"
        await idle(served)
