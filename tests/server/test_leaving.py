"""A client that leaves stops the work, wherever it is."""

import asyncio
import base64
import socket
import time
from typing import Any

import pytest

from tests.support.leaves import Stuck
from tests.support.serving import MODEL, Served, Serving, model
from tests.support.waiting import until
from vivavoce.audio.wav import write_wav
from vivavoce.testing import Says, Speaks
from vivavoce.testing.scripted import tone

QUESTION = base64.b64encode(write_wav(tone(0.5))).decode()
SPOKEN = [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": QUESTION, "format": "wav"}}]}]
AT_ONCE_S = 1.0
"""The promise is 0.2 s; the rest is slack for a busy machine."""
STAGES = ["hear", "prompt", "think", "speak"]


async def ask_and_leave(served: Served, stuck: Stuck, body: dict[str, Any]) -> float:
    """Ask, leave once the stage is reached, and give the seconds until the engine is let go."""
    asking = asyncio.create_task(served.http.post("/v1/chat/completions", json=body))
    await asyncio.wait_for(stuck.begun.wait(), 5)
    assert not stuck.stopped.is_set()
    began = time.monotonic()
    asking.cancel()
    await asyncio.wait_for(stuck.stopped.wait(), 5)
    return time.monotonic() - began


@pytest.mark.alone
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_the_work_of_a_client_that_leaves_stops_at_once(
    serving: Serving, stage: str, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = Stuck(stage)
    served = await serving(models={MODEL: model(hear=stuck, think=stuck, speak=stuck)})
    assert await ask_and_leave(served, stuck, served.say(stream=stream, messages=SPOKEN)) < AT_ONCE_S
    stuck.go.set()
    assert (await served.http.post("/v1/chat/completions", json=served.say())).status_code == 200
    assert caplog.messages == []


@pytest.mark.alone
async def test_a_client_that_leaves_after_the_first_sound_stops_what_would_follow(serving: Serving) -> None:
    stuck = Stuck("speak")
    served = await serving(models={MODEL: model(think=stuck, speak=stuck)})
    async with served.http.stream("POST", "/v1/chat/completions", json=served.say(stream=True)) as answer:
        async with asyncio.timeout(5):
            async for event in answer.aiter_lines():
                if '"data":' in event:
                    break
        assert not stuck.stopped.is_set()
        left = time.monotonic()
    await asyncio.wait_for(stuck.stopped.wait(), 5)
    assert time.monotonic() - left < AT_ONCE_S
    await until(lambda: not served.server.server_state.tasks)


async def test_a_hundred_clients_that_leave_leave_nothing(serving: Serving) -> None:
    stuck = Stuck("prompt")
    served = await serving(models={MODEL: model(think=stuck)})
    before = len(asyncio.all_tasks())
    for _ in range(100):
        stuck.begun.clear()
        stuck.stopped.clear()
        await ask_and_leave(served, stuck, served.say(stream=True))
    await until(lambda: not served.server.server_state.tasks and not served.server.server_state.connections)
    assert len(asyncio.all_tasks()) <= before + 1


async def test_a_client_that_leaves_before_its_body_is_whole_costs_nothing(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serving()
    with socket.create_connection(("127.0.0.1", served.port)) as half:
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        half.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        await until(lambda: bool(served.server.server_state.tasks))
    await until(lambda: not served.server.server_state.tasks)
    assert caplog.messages == []


async def test_a_slow_reader_holds_nobody_up(serving: Serving) -> None:
    """The answer of the slow one is larger than every buffer on the way; the fast ones have all of theirs before it."""
    long = Says(*["A sentence of some length, to be said slowly. "] * 20)
    served = await serving(models={MODEL: model(think=long, speak=Speaks(speech_ms=1000)), "fast": model()})
    body = served.say(stream=True)
    request = served.http.build_request("POST", "/v1/chat/completions", json=body).read()
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", served.port))
        slow.sendall(f"{head}Content-Length: {len(request)}\r\n\r\n".encode() + request)
        await until(lambda: bool(long.asked))
        for _ in range(5):
            async with asyncio.timeout(5):
                answer = await served.http.post("/v1/chat/completions", json=body | {"model": "fast"})
            assert answer.text.endswith("data: [DONE]\n\n")
        assert served.server.server_state.tasks  # the slow one is still at it
