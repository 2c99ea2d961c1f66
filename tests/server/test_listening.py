"""How the server ends."""

import asyncio
import signal
import socket

import pytest

from tests.support.leaves import Stuck
from tests.support.serving import MODEL, Serving, model
from tests.support.waiting import until


def refuses(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) != 0


async def test_answers_under_way_are_finished_before_the_end(serving: Serving) -> None:
    stuck = Stuck("speak")
    served = await serving(models={MODEL: model(speak=stuck)}, drain_s=5)
    asking = asyncio.create_task(served.http.post("/v1/chat/completions", json=served.say(stream=True)))
    await stuck.begun.wait()
    signal.raise_signal(signal.SIGTERM)
    await until(lambda: refuses(served.port))
    stuck.go.set()
    assert (await asking).text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("hurried", [False, True], ids=["waited long enough", "told twice"])
async def test_answers_that_cannot_be_finished_say_so(
    serving: Serving, hurried: bool, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = Stuck("speak")
    served = await serving(models={MODEL: model(speak=stuck)}, drain_s=60 if hurried else 0.05)
    streaming = asyncio.create_task(served.http.post("/v1/chat/completions", json=served.say(stream=True)))
    await stuck.begun.wait()
    stuck.begun.clear()
    whole = asyncio.create_task(served.http.post("/v1/chat/completions", json=served.say()))
    await stuck.begun.wait()
    signal.raise_signal(signal.SIGTERM)
    if hurried:
        await asyncio.sleep(0)
        signal.raise_signal(signal.SIGINT)
    async with asyncio.timeout(5):
        last = (await streaming).text.rstrip("\n").split("\n\n")[-1]
        refused = await whole
    assert last.startswith('data: {"error":{"message":"That model is currently overloaded')
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert stuck.stopped.is_set()
    assert caplog.messages == []


async def test_what_a_cut_answer_had_said_is_kept(serving: Serving) -> None:
    stuck = Stuck("speak")
    served = await serving(models={MODEL: model(speak=stuck)}, drain_s=0.05)
    streaming = asyncio.create_task(served.http.post("/v1/chat/completions", json=served.say(stream=True)))
    await stuck.begun.wait()
    served.server.handle_exit(signal.SIGTERM, None)
    text = (await streaming).text
    answer_id = text.split('"audio":{"id":"')[1].split('"')[0]
    await served.service.answers._database._jobs.join()
    assert await served.service.answers.find(answer_id, "default")


async def test_connections_send_at_once_what_is_written(serving: Serving) -> None:
    served = await serving()
    await served.http.get("/v1/models")
    (connection,) = served.server.server_state.connections
    accepted = connection.transport.get_extra_info("socket")
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
