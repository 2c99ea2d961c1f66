"""How the server ends."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from tests.support.leaves import Stuck
from tests.support.serving import MODEL, Served, Serving, model
from tests.support.waiting import until
from vivavoce.core.speaking import Phrased

CHAT, SPEECH = "/v1/chat/completions", "/v1/audio/speech"


TOLD = '"code":"server_shutting_down"}}'
STREAMS = 20


def refuses(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) != 0


def events(answer: httpx2.Response) -> list[str]:
    return answer.text.replace("\r\n", "\n").removesuffix("\n\n").split("\n\n")


async def begin(served: Served, stuck: Stuck, *, path: str, **body: Any) -> asyncio.Task[httpx2.Response]:
    """Ask, and wait until it is worked on."""
    stuck.begun.clear()
    asking = asyncio.create_task(served.http.post(path, json=body))
    await asyncio.wait({asking, stuck_at := asyncio.create_task(stuck.begun.wait())}, return_when="FIRST_COMPLETED")
    assert stuck_at.done()
    return asking


async def streams(served: Served, stuck: Stuck, number: int = STREAMS) -> list[asyncio.Task[httpx2.Response]]:
    """Chats that are spoken and texts that are read aloud, in events, in turn."""
    aloud = {"model": MODEL, "voice": "alloy", "input": "Hello.", "response_format": "pcm", "stream_format": "sse"}
    spoken = served.say(stream=True)
    asked = [(SPEECH, aloud) if each % 2 else (CHAT, spoken) for each in range(number)]
    return [await begin(served, stuck, path=path, **body) for path, body in asked]


@asynccontextmanager
async def speaking(serving: Serving, **options: Any) -> AsyncIterator[tuple[Served, Stuck]]:
    """A server whose voice stops in the middle."""
    stuck = Stuck("speak")
    made = replace(model(speak=stuck), speaker=Phrased(stuck))
    served = await serving(models={MODEL: made}, **options)
    try:
        yield served, stuck
    finally:
        stuck.go.set()


async def test_told_to_end_it_takes_nothing_new_and_finishes_what_it_has(serving: Serving) -> None:
    async with speaking(serving, drain_s=30) as (served, stuck):
        under_way = await streams(served, stuck)
        signal.raise_signal(signal.SIGTERM)
        await until(lambda: served.service.ending.refuses)
        ready = await served.http.get("/health/ready")
        assert (ready.status_code, ready.json()) == (503, {"status": "ending"})
        assert (await served.http.get("/health/live")).status_code == 200
        for body in (served.say(), served.say(stream=True)):
            refused = await served.http.post(CHAT, json=body)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
            assert refused.json()["error"]["code"] == "server_shutting_down"
            assert refused.headers["connection"] == "close"
        assert not any(each.done() for each in under_way)
        stuck.go.set()
        async with asyncio.timeout(10):
            answers = [await each for each in under_way]
        assert [events(answer)[-1] for answer in answers] == ["data: [DONE]"] * STREAMS
        await until(lambda: refuses(served.port))


async def test_for_a_while_it_is_only_not_ready(serving: Serving) -> None:
    async with speaking(serving, unready_s=60, drain_s=60) as (served, stuck):
        stuck.go.set()
        signal.raise_signal(signal.SIGTERM)
        await until(lambda: served.service.ending.begun)
        assert (await served.http.get("/health/ready")).status_code == 503
        answer = await served.http.post(CHAT, json=served.say())
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        signal.raise_signal(signal.SIGTERM)
        await until(lambda: refuses(served.port))


async def test_who_asks_again_and_again_does_not_hold_up_the_end(serving: Serving) -> None:
    async with speaking(serving, drain_s=60) as (served, stuck):
        (one,) = await streams(served, stuck, 1)
        signal.raise_signal(signal.SIGTERM)
        await until(lambda: served.service.ending.refuses)

        async def ask() -> None:
            while not refuses(served.port):
                with suppress(httpx2.HTTPError):
                    await served.http.post(CHAT, json=served.say())

        asking = [asyncio.create_task(ask()) for _ in range(4)]
        stuck.go.set()
        assert events(await one)[-1] == "data: [DONE]"
        async with asyncio.timeout(10):
            await asyncio.gather(*asking)


@pytest.mark.parametrize("hurried", [False, True], ids=["waited long enough", "told twice"])
async def test_answers_that_cannot_be_finished_say_so(
    serving: Serving, hurried: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with speaking(serving, drain_s=60 if hurried else 0.05) as (served, stuck):
        under_way = await streams(served, stuck)
        whole = await begin(served, stuck, path=CHAT, **served.say())
        signal.raise_signal(signal.SIGTERM)
        if hurried:
            await asyncio.sleep(0)
            signal.raise_signal(signal.SIGINT)
        async with asyncio.timeout(10):
            last = [events(await each)[-1] for each in under_way]
            refused = await whole
        assert [(said.startswith('data: {"error":'), said.endswith(TOLD)) for said in last] == [(True, True)] * STREAMS
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert stuck.stopped.is_set()
        assert caplog.messages == []


async def test_sound_alone_is_cut(serving: Serving) -> None:
    async with speaking(serving, drain_s=60) as (served, stuck):
        body = {"model": MODEL, "voice": "alloy", "input": "Hello.", "response_format": "pcm"}
        sound = await begin(served, stuck, path=SPEECH, **body)
        for _ in range(2):
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(0)
        with pytest.raises(httpx2.RemoteProtocolError):
            await sound


async def test_what_a_cut_answer_had_said_is_kept(serving: Serving) -> None:
    stuck = Stuck("speak")
    served = await serving(models={MODEL: model(speak=stuck)}, drain_s=0.05)
    streaming = asyncio.create_task(served.http.post("/v1/chat/completions", json=served.say(stream=True)))
    await stuck.begun.wait()
    served.server.handle_exit(signal.SIGTERM, None)
    text = (await streaming).text
    answer_id = text.split('"audio":{"id":"')[1].split('"')[0]
    await served.service.answers._database.write(lambda _: None)
    assert await served.service.answers.find(answer_id, "default")


async def test_connections_send_at_once_what_is_written(serving: Serving) -> None:
    served = await serving()
    await served.http.get("/v1/models")
    (connection,) = served.server.server_state.connections
    accepted = connection.transport.get_extra_info("socket")
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
