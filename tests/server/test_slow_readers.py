"""Readers that take less than there is for them: each holds up its own answer, and nothing else."""

import asyncio
import json
import signal
import socket
import sys

import pytest

from tests.support.serving import MODEL, Served, Serving, model
from tests.support.talking import calling, line, post
from tests.support.waiting import until
from vivavoce.core.turn import Stream, TextDelta, ToolCallDelta, Turn, TurnDone
from vivavoce.server.protocol import Bounds
from vivavoce.server.unsent import UNSENT_BYTES
from vivavoce.testing import Scripted

STEP = "All work and no play. " * 50
SMALL = 4096


class Tells(Scripted):
    """Says `STEP` so many times, and counts how often it has."""

    def __init__(self, times: int = 1_000_000) -> None:
        super().__init__(Scripted.Options())
        self._times = times
        self.said = 0
        self.stopped = asyncio.Event()

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        del turn
        try:
            while self.said < self._times:
                self.said += 1
                yield TextDelta(STEP)
                await asyncio.sleep(0)
            yield TurnDone()
        finally:
            self.stopped.set()


def asked(port: int) -> socket.socket:
    """A streamed answer asked for, of which nothing is read."""
    deaf = calling(port, buffer=SMALL)
    body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    deaf.sendall(post("/v1/chat/completions", json.dumps(body).encode(), "Connection: close"))
    return deaf


async def until_it_waits(long: Tells) -> None:
    """Until nothing more has been said for a while."""
    said = -1
    while said != long.said or not said:
        said = long.said
        await asyncio.sleep(0.1)


async def test_who_takes_nothing_in_the_middle_of_an_answer_is_let_go(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    long = Tells()
    served = await serving(bounds=Bounds(unread_s=0.1), models={MODEL: model(think=long)})
    with asked(served.port):
        await asyncio.wait_for(long.stopped.wait(), 10)
        await until(lambda: not served.server.server_state.connections and not served.server.server_state.tasks)
    assert caplog.messages == []


async def test_who_takes_little_at_a_time_gets_all_of_it(serving: Serving) -> None:
    """One message waits three times as long as nothing may be taken, and some of it is taken all the while."""
    times = 700
    served = await serving(bounds=Bounds(unread_s=0.5), models={MODEL: model(think=Tells(times))})
    body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    async with line(served.port, buffer=SMALL) as mine:
        await mine.say(post("/v1/chat/completions", json.dumps(body).encode(), "Connection: close"))
        got = bytearray()
        while len(got) < 100_000:
            got += await mine.reader.read(1000)
            await asyncio.sleep(0.015)
        while piece := await mine.reader.read(100_000):
            got += piece
    assert got.count(STEP.encode()) == times
    assert b"data: [DONE]" in got


@pytest.mark.skipif(sys.platform != "linux", reason="other systems hold as much as they like")
async def test_no_more_is_made_than_fits_on_a_short_way(serving: Serving) -> None:
    long = Tells()
    served = await serving(models={MODEL: model(think=long)})
    with asked(served.port):
        await until_it_waits(long)
        assert len(STEP) < UNSENT_BYTES / 4 < long.said * len(STEP) < UNSENT_BYTES * 4


async def ended(served: Served) -> None:
    """Tell the server to end, and wait until it has."""
    served.server.handle_exit(signal.SIGTERM, None)
    await until(lambda: not served.server.server_state.connections and not served.server.server_state.tasks)


async def test_the_end_waits_for_nobody_who_takes_nothing(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    long = Tells()
    served = await serving(drain_s=0.05, models={MODEL: model(think=long)})
    with asked(served.port):
        await until_it_waits(long)
        await ended(served)
    assert long.stopped.is_set()
    assert caplog.messages == []
