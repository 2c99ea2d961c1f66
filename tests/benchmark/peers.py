"""Servers of somebody else's, of a known pace, without a network; and what is measured of them."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2

from vivavoce.benchmark.climbing import Climb, Plan
from vivavoce.benchmark.machine import Machine
from vivavoce.benchmark.questions import Questions
from vivavoce.benchmark.reaching import reached
from vivavoce.conform.examine import Wanted
from vivavoce.conform.sound import RATE, Sound

URL = "http://peer.test"
SPEECH = Sound(bytes(range(240)) * 4, RATE)  # 20 ms
MACHINE = Machine("a processor", 2, 8192, "a system 1", "3.11.0")
QUICK = Plan(limit_s=1, most=4, turns=4, pause_s=0)
Body = dict[str, Any]


class Parts(httpx2.AsyncByteStream):
    """A body that comes bit by bit."""

    def __init__(self, parts: AsyncIterator[bytes]) -> None:
        self._parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._parts:
            yield part


@dataclass
class Peer:
    """Answers with a word, then two halves of its sound, and a pause before each."""

    pauses_s: tuple[float, ...] = (0.01, 0.01, 0.01)
    sound_s: float = 0.03
    """Of each half."""
    room: int = 1000
    """How many it answers at once."""
    models: tuple[str, ...] = ("a-model-with-audio",)
    gives_id: bool = True
    takes_id: bool = True
    refuses: Callable[[Body], bool] = lambda _body: False
    asked: list[Body] = field(default_factory=list[Body])
    under_way: int = 0

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/v1/models":
            return httpx2.Response(200, json={"data": [{"id": name} for name in self.models]})
        if request.url.path == "/v1/audio/transcriptions":
            await asyncio.sleep(self.pauses_s[0])
            return httpx2.Response(200, json={"text": "hello"})
        body = json.loads(await request.aread())
        self.asked.append(body)
        if self.under_way >= self.room:
            return httpx2.Response(503, headers={"retry-after": "1"}, json={"error": {"code": "full"}})
        named = any("audio" in message for message in body["messages"])
        if self.refuses(body) or (named and not self.takes_id):
            return httpx2.Response(400, json={"error": {"code": "invalid_value", "param": "messages"}})
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Parts(self.lines()))

    async def lines(self) -> AsyncIterator[bytes]:
        """The events."""
        self.under_way += 1
        try:
            async for delta in self.deltas():
                yield f"data: {json.dumps(delta)}\r\n\r\n".encode()
            yield b"data: [DONE]\n\n"
        finally:
            self.under_way -= 1

    async def deltas(self) -> AsyncIterator[Body]:
        """The chunks."""
        half = base64.b64encode(b"\1\2" * round(self.sound_s * RATE)).decode()
        names = {"id": "audio_1"} if self.gives_id else {}
        for pause_s, audio in zip(
            self.pauses_s, ({**names, "transcript": "Hello."}, {"data": half}, {"data": half}), strict=True
        ):
            await asyncio.sleep(pause_s)
            yield {"choices": [{"index": 0, "delta": {"audio": audio}, "finish_reason": None}]}


async def climbed(peer: Any, plan: Plan = QUICK, *, sounds: tuple[Sound, ...] = (SPEECH,), wait_s: float = 20) -> Climb:
    """What is measured of it."""
    async with reached(Wanted(URL), wait_s, httpx2.MockTransport(peer)) as (base, asked, processes):
        climb = Climb(base, asked, Questions(list(sounds)), plan, processes, lambda _told: None, MACHINE)
        await climb.run()
        return climb
