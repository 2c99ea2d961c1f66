"""A blocking engine seen through its process: its sound at the rates it wants and gives."""

import os
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest

from tests.support.engines import Blocking
from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.engines import Hearing, Utterance
from vivavoce.core.turn import AudioDelta, TextDelta, Turn, TurnDone, TurnEvent
from vivavoce.engines.child import Spec
from vivavoce.engines.pool import Pool
from vivavoce.engines.pooled import Pooled


@pytest.fixture
async def engine(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pooled]:
    monkeypatch.setenv("PYTHONPATH", f"{Path.cwd()}{os.pathsep}{Path.cwd() / 'src'}")
    pool = Pool(Spec("test", f"{Blocking.__module__}:{Blocking.__name__}"))
    await pool.start()
    yield Pooled(pool)
    await pool.stop()


async def pieces(*given: Pcm) -> AsyncGenerator[Pcm]:
    for pcm in given:
        yield pcm


async def test_sound_is_heard_at_the_rate_the_engine_wants(engine: Pooled) -> None:
    for rate in (8_000, 16_000, 24_000, 44_100, 48_000):
        half = Pcm(bytes(rate), rate)
        heard = [each async for each in engine.transcribe(pieces(half, half), Hearing("en"))]
        (transcript,) = heard
        samples, _, at = transcript.text.partition(" at ")
        assert at == "16000"
        assert abs(int(samples) - 16_000) <= 1
        assert transcript.language == "en"


async def test_no_sound_is_heard_as_nothing(engine: Pooled) -> None:
    assert [each async for each in engine.transcribe(pieces(), Hearing())] == []


async def test_sound_of_any_rate_is_spoken_at_ours_and_as_long(engine: Pooled) -> None:
    for rate in (8_000, 16_000, 22_050, 24_000, 48_000):
        said = [pcm async for pcm in engine.synthesize(Utterance("abcde", str(rate)))]
        assert {pcm.rate for pcm in said} == {SPOKEN_RATE}
        assert abs(sum(pcm.samples for pcm in said) - SPOKEN_RATE // 2) <= 1


@pytest.mark.parametrize("rate", [8_000, 22_050, 24_000, 48_000])
async def test_an_engine_that_answers_by_itself_is_heard_at_our_rate(engine: Pooled, rate: int) -> None:
    events: list[TurnEvent] = []

    async def send(event: TurnEvent) -> None:
        events.append(event)

    await engine.respond(Turn((), voice=str(rate)), send)
    word, *sounds, done = events
    assert (word, done) == (TextDelta("Hm."), TurnDone("stop"))
    said = [event for event in sounds if isinstance(event, AudioDelta)]
    assert {event.pcm.rate for event in said} == {SPOKEN_RATE}
    assert abs(sum(event.pcm.samples for event in said) - SPOKEN_RATE // 2) <= 2
    assert [said[0].text_end, said[-1].text_end] == [2, 3]


async def test_an_answer_without_sound_is_passed_on_as_it_is(engine: Pooled) -> None:
    events: list[TurnEvent] = []

    async def send(event: TurnEvent) -> None:
        events.append(event)

    await engine.respond(Turn(()), send)
    assert events == [TextDelta("Hm."), TurnDone("stop")]


async def test_it_is_what_its_engine_is(engine: Pooled) -> None:
    assert engine.card().roles == ("hear", "speak")
    assert await engine.count(["abc"]) == [3]
    assert await engine.call("answer", 3) == 2
    assert await engine.call("answer", 0) is None
