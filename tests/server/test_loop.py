"""Large things are worked on beside the event loop, or piece by piece: no step of it takes long."""

import asyncio
import base64
import gc
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.types import Message

from tests.support.heard import Recogniser
from tests.support.serving import MODEL, Served, Serving, model
from vivavoce.audio.wav import write_wav
from vivavoce.core.aside import LARGE_BYTES
from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.listening import Piecewise
from vivavoce.core.models import Model
from vivavoce.engines.child import Spec
from vivavoce.engines.pool import Pool
from vivavoce.server.connection import send_whole
from vivavoce.server.sound import Sounds
from vivavoce.testing.scripted import Scripted, tone

pytestmark = pytest.mark.alone
ANSWER_S = 600
LETTERS = 47_000_000
ANSWER_BYTES = 2 * SPOKEN_RATE * ANSWER_S
MOST_COPIES = 4
"""As many as letting go of what was copied aside may take, which is done in one go."""
TRIES = 5


class Long(Scripted):
    """Says ten minutes, a second at a time."""

    async def synthesize(self, say: Any) -> AsyncIterator[Pcm]:  # type: ignore[override]
        del say
        second = tone(1)
        for _ in range(ANSWER_S):
            yield second
            await asyncio.sleep(0)


class Quick:
    """Stands for the media process: gives at once as many bytes as ten minutes of MP3 are."""

    async def call(self, method: str, *arguments: Any, wait_s: float | None = None) -> bytes:
        del method, arguments, wait_s
        return bytes(9_600_000)


class Steps:
    """The event loop's steps, and the processor time that each took of its thread.

    Not how long it took: while other work has the processor, that is anything.
    """

    def __init__(self) -> None:
        self._longest = 0.0
        self._run = asyncio.Handle._run

    def run(self, handle: asyncio.Handle) -> None:
        began = time.thread_time()
        self._run(handle)
        self._longest = max(self._longest, time.thread_time() - began)

    async def hardly_work(self, size: int, work: Callable[[], Awaitable[object]], copies: int = MOST_COPIES) -> None:
        """None of them works as long as some `copies` of `size` bytes take; in the best of a few tries, for the
        processor itself has better and worse moments.
        """
        tries: list[tuple[float, float]] = []
        while len(tries) < TRIES:
            gc.collect()
            await asyncio.sleep(0)
            self._longest = 0.0
            await work()
            longest, one_copy = self._longest, copying_s(size)
            if longest < copies * one_copy:
                return
            tries.append((longest, one_copy))
        raise AssertionError([f"{1000 * longest:.1f} ms, one copy {1000 * one:.1f} ms" for longest, one in tries])


def copying_s(size: int) -> float:
    """Seconds of processor time that a copy of so many bytes takes, the fastest of three."""
    data, copies, times = bytearray(range(256)) * (size // 256), list[bytes](), list[float]()
    for _ in range(3):
        began = time.thread_time()
        copies.append(bytes(data))
        times.append(time.thread_time() - began)
    return min(times)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    steps = Steps()

    def run(handle: asyncio.Handle) -> None:
        steps.run(handle)

    monkeypatch.setattr(asyncio.Handle, "_run", run)
    return steps


@pytest.fixture
async def served(serving: Serving) -> Served:
    ear = Recogniser()
    made = model(hear=ear, speak=Long(Scripted.Options()))
    hearing = Model(made.name, made.snapshot, made.responder, made.card, transcriber=Piecewise(ear))
    return await serving(models={MODEL: hearing}, sounds=Sounds(Quick(), 3600))


async def posted(post: Callable[[], httpx2.Response]) -> None:
    """Post in a thread of its own."""
    assert (await asyncio.to_thread(post)).status_code == 200


async def test_a_recording_of_twenty_five_megabytes(served: Served, steps: Steps) -> None:
    sound = write_wav(Pcm(bytes(25_000_000), 48_000))

    def post() -> httpx2.Response:
        url = f"{served.url}/v1/audio/transcriptions"
        return httpx2.post(url, data={"model": MODEL}, files={"file": ("a.wav", sound)}, timeout=30, trust_env=False)

    await steps.hardly_work(len(sound), lambda: posted(post))


async def test_a_body_of_forty_eight_megabytes(served: Served, steps: Steps) -> None:
    data = base64.b64encode(write_wav(Pcm(bytes(LETTERS // 4 * 3), 48_000))).decode()
    part = f'{{"type":"input_audio","input_audio":{{"data":"{data}","format":"wav"}}}}'
    body = f'{{"model":"{MODEL}","messages":[{{"role":"user","content":[{part}]}}]}}'.encode()

    def post() -> httpx2.Response:
        headers = {"content-type": "application/json"}
        url = f"{served.url}/v1/chat/completions"
        return httpx2.post(url, content=body, headers=headers, timeout=30, trust_env=False)

    await steps.hardly_work(len(body), lambda: posted(post))


@pytest.mark.parametrize("form", ["mp3", "wav"])
async def test_an_answer_of_ten_minutes(served: Served, form: str, steps: Steps) -> None:
    body = served.say(audio={"voice": "alloy", "format": form})
    body = body | {"max_completion_tokens": 16_384}

    def post() -> httpx2.Response:
        return httpx2.post(f"{served.url}/v1/chat/completions", json=body, timeout=30, trust_env=False)

    await steps.hardly_work(ANSWER_BYTES, lambda: posted(post))


async def test_ten_minutes_to_an_engines_process_and_back(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{Path.cwd()}{os.pathsep}{Path.cwd() / 'src'}")
    pool, sound = Pool(Spec("test", "tests.support.engines:Blocking", {})), Pcm(os.urandom(ANSWER_BYTES), SPOKEN_RATE)
    await pool.start()

    async def call() -> None:
        async with aclosing(pool.stream("backwards", sound)) as items:
            async for back in items:
                assert back.samples == sound.samples

    try:
        await steps.hardly_work(ANSWER_BYTES, call, copies=1)
    finally:
        await pool.stop()


@pytest.mark.parametrize("size", [0, 1, LARGE_BYTES, LARGE_BYTES + 1, 3 * LARGE_BYTES])
async def test_an_answer_is_sent_in_pieces_of_which_the_last_is_the_last(size: int) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    body = os.urandom(size)
    await send_whole(send, 200, [], body)
    start, *parts = sent
    assert start["headers"] == [(b"content-length", str(size).encode())]
    assert b"".join(part["body"] for part in parts) == body
    assert max(len(part["body"]) for part in parts) <= LARGE_BYTES
    assert [part.get("more_body", False) for part in parts] == [True] * (len(parts) - 1) + [False]
    assert len(parts) == max(-(-size // LARGE_BYTES), 1)
