"""Engines that fail again and again are given a rest."""

import asyncio
from collections.abc import AsyncIterable
from contextlib import aclosing
from typing import Any

import pytest

from tests.support.jumping import timed
from tests.support.roles import ROLES
from tests.support.watch import Clock
from vivavoce.core.audio import Pcm
from vivavoce.core.breaker import FAILURES, LONGEST_S, REST_S, WITHIN_S, Breaker, Guarded
from vivavoce.core.engines import Speaking
from vivavoce.core.errors import BadRequest, EngineDown, EngineFailed, EngineTimeout, Overloaded, PublicError
from vivavoce.core.streams import once
from vivavoce.core.turn import AudioDelta, Stream, TextDelta, Turn
from vivavoce.core.wrappers import Fallback
from vivavoce.testing import Scripted


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("brain", clock)


def breaks(breaker: Breaker) -> None:
    assert [breaker.failed() for _ in range(FAILURES)] == [False] * (FAILURES - 1) + [True]


def test_failures_one_after_another_open_it_for_a_while(
    breaker: Breaker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    assert breaker.state == "closed"
    breaks(breaker)
    assert breaker.state == "open"
    assert caplog.messages == ["engine brain failed again and again: it is given 5 s of rest. "]
    assert not breaker.failed(), "while it rests nothing new is known"
    clock.now += REST_S
    assert breaker.state == "trial"


def test_a_success_between_two_failures_forgets_them(breaker: Breaker) -> None:
    for _ in range(3):
        assert not any(breaker.failed() for _ in range(FAILURES - 1))
        breaker.succeeded()
    assert breaker.state == "closed"


def test_failures_long_ago_do_not_count(breaker: Breaker, clock: Clock) -> None:
    for _ in range(3 * FAILURES):
        assert not breaker.failed()
        clock.now += WITHIN_S / (FAILURES - 1)


def test_what_fails_with_what_failed_before_is_one_failure(breaker: Breaker, clock: Clock) -> None:
    for _ in range(FAILURES - 1):
        began = clock.now
        clock.now += 1
        assert not any(breaker.failed(since=began) for _ in range(20))
    began = clock.now
    clock.now += 1
    assert breaker.failed(since=began)


def test_each_trial_that_fails_doubles_its_rest_and_one_that_does_not_ends_it(breaker: Breaker, clock: Clock) -> None:
    breaks(breaker)
    rests: list[float] = []
    for _ in range(8):
        before = clock.now
        while breaker.state == "open":
            clock.now += 1
        rests.append(clock.now - before)
        assert breaker.failed()
    assert rests == [min(REST_S * 2**times, LONGEST_S) for times in range(8)]
    breaker.succeeded()
    assert breaker.state == "closed"
    breaks(breaker)
    clock.now += REST_S
    assert breaker.state == "trial"


def test_who_is_refused_is_told_when_it_may_be_there_again(breaker: Breaker, clock: Clock) -> None:
    breaks(breaker)
    clock.now += 2
    down = breaker.down()
    assert (down.status, down.whole_s, down.code) == (503, 3, "engine_down")
    assert down.message == "That model is failing at the moment. You can retry your request in 3 seconds."
    breaker.recover_s = 40
    assert breaker.down().whole_s == 43
    clock.now += 100
    breaker.recover_s = 0
    assert breaker.down().message.endswith("in 1 second.")
    assert Breaker().down().whole_s == 1


def test_one_can_wait_until_it_breaks_and_while_it_rests() -> None:
    async def work() -> tuple[bool, float, bool, float]:
        loop = asyncio.get_running_loop()
        breaker = Breaker(clock=loop.time)
        loop.call_later(3, breaks, breaker)
        await breaker.broken()
        at = loop.time()
        rested = await breaker.rest()
        breaker.failed()
        loop.call_later(1, breaker.succeeded)
        again = await breaker.rest()
        assert not await breaker.rest()
        return rested, at, again, loop.time()

    rested, at, again, end = timed(work())
    assert (rested, again) == (True, True)
    assert (at, end) == pytest.approx((3, 3 + REST_S + 1))


class Broken(Scripted):
    """Fails while there is an `error`, after giving what it has where it is told to."""

    def __init__(self, error: PublicError | None = None) -> None:
        super().__init__(Scripted.Options())
        self.error = error
        self.asked = 0
        self.go = asyncio.Event()
        self.go.set()

    async def _fail(self) -> None:
        self.asked += 1
        await self.go.wait()
        if self.error is not None:
            raise self.error

    async def respond(self, turn: Turn, send: Any) -> None:
        await self._fail()
        await send(TextDelta("Hi."))

    async def generate(self, turn: Turn) -> Stream[Any]:
        await self._fail()
        async for event in super().generate(turn):
            yield event

    async def transcribe(self, audio: AsyncIterable[Pcm], ask: Any) -> Stream[Any]:
        await self._fail()
        async for heard in super().transcribe(audio, ask):
            yield heard

    async def synthesize(self, say: Any) -> Stream[Pcm]:
        await self._fail()
        async for pcm in super().synthesize(say):
            yield pcm

    async def speak(self, words: AsyncIterable[str], ask: Speaking) -> Stream[AudioDelta]:
        await self._fail()
        async for word in words:
            yield AudioDelta(Pcm(bytes(2 * len(word)), 24_000), len(word))


async def speak_words(engine: Any) -> str:
    async with aclosing(engine.speak(once("Hello."), Speaking("alloy"))) as sounds:
        return f"({sum([len(sound.pcm.data) async for sound in sounds])})"


EVERY = {**ROLES, "speak words": speak_words}


@pytest.mark.parametrize("error", [EngineFailed("gone"), EngineTimeout()], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("role", EVERY)
async def test_one_elsewhere_that_failed_again_and_again_is_not_asked_until_it_may_be(
    breaker: Breaker, clock: Clock, role: str, error: PublicError
) -> None:
    engine = Broken(error)
    guarded = Guarded(engine, breaker)
    for _ in range(FAILURES):
        with pytest.raises(type(error)):
            await EVERY[role](guarded)
    with pytest.raises(EngineDown):
        await EVERY[role](guarded)
    assert engine.asked == FAILURES
    clock.now += REST_S
    engine.error = None
    assert await EVERY[role](guarded)
    assert (breaker.state, await guarded.count(["Hi there"])) == ("closed", [2])


async def test_one_that_refuses_or_is_full_is_there(breaker: Breaker) -> None:
    for error in (BadRequest("no"), Overloaded()):
        for _ in range(2 * FAILURES):
            with pytest.raises(type(error)):
                await ROLES["think"](Guarded(Broken(error), breaker))
    assert breaker.state == "closed"


async def test_on_trial_one_call_at_a_time_is_sent_to_it(breaker: Breaker, clock: Clock) -> None:
    engine = Broken()
    guarded = Guarded(engine, breaker)
    engine.go.clear()
    early = asyncio.create_task(ROLES["think"](guarded))
    await asyncio.sleep(0)
    breaks(breaker)
    clock.now += REST_S
    trial = asyncio.create_task(ROLES["think"](guarded))
    await asyncio.sleep(0)
    with pytest.raises(EngineDown) as told:
        await ROLES["think"](guarded)
    assert (told.value.whole_s, engine.asked) == (1, 2)
    trial.cancel()
    await asyncio.wait([trial])
    trial = asyncio.create_task(ROLES["think"](guarded))
    await asyncio.sleep(0)
    assert engine.asked == 3, "whoever was on trial has left"
    engine.go.set()
    assert await trial == await early == "Hello there. Bye."
    assert breaker.state == "closed"


async def test_another_stands_in_at_once(breaker: Breaker) -> None:
    engine, other = Broken(EngineFailed()), Scripted(Scripted.Options(says="I am here."))
    both = Fallback([Guarded(engine, breaker), other])
    for _ in range(2 * FAILURES):
        assert await ROLES["think"](both) == "I am here."
    assert engine.asked == FAILURES
