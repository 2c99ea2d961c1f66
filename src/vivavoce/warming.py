"""Every engine answers once, before it is said to be ready, or to be there again: what is loaded late is loaded now."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any

from vivavoce.assembly import Engine
from vivavoce.core.audio import Pcm
from vivavoce.core.breaker import Breaker
from vivavoce.core.engines import Hearing, Speaking, Utterance
from vivavoce.core.errors import BadRequest, PublicError
from vivavoce.core.streams import once
from vivavoce.core.turn import Message, Sampling, Speech, Stream, Text, Turn, TurnEvent
from vivavoce.engines.child import EngineMissing

SILENCE = Pcm(bytes(16_000), 16_000)
"""Half a second."""
TRY_S = 1.0
"""How long after a trial that came to nothing there may be another."""


async def first_answer(engine: Engine) -> None:
    """Have a process of ours answer once, to sound as well where it is a language model that hears.

    Raises:
        EngineMissing: it does not.
    """
    try:
        await warm(engine)
    except PublicError as error:
        raise EngineMissing(f"engine '{engine.name}' does not answer: {error.message}") from None
    if "think" in engine.plays and engine.card.listens:
        try:
            await _through(engine.in_time.generate(_turn(Speech(SILENCE, seconds=SILENCE.seconds))))
        except PublicError as error:
            why = f"cannot hear; is its `mmproj` made for its model? {error.message}"
            raise EngineMissing(f"engine '{engine.name}' answers what is written, but {why}") from None


async def warm(engine: Engine) -> None:
    """Have an engine answer once in each role a model gives it: what is loaded late is loaded now.

    Raises:
        PublicError: it does not answer.
    """
    plays, itself = engine.plays.intersection(engine.card.roles), engine.in_time
    if "hear" in plays:
        await _through(itself.transcribe(_silence(), Hearing()))
    if "think" in plays:
        await _through(itself.generate(_turn(Text("Hi"))))
    if "respond" in plays:
        with suppress(BadRequest):  # of a turn without sound: it is there, and that is the question
            await itself.respond(_turn(Text("Hi")), _unheard)
    if "speak" in plays:
        voice = next(iter(engine.card.voices), "")
        with suppress(*() if voice else (BadRequest,)):  # of no voice: it is there, and that is the question
            if engine.takes_words:
                await _through(itself.speak(once("Hi."), Speaking(voice)))
            if engine.says_pieces:
                await _through(itself.synthesize(Utterance("Hi.", voice)))


async def try_again(breaker: Breaker, trial: Callable[[], Awaitable[None]]) -> None:
    """Whenever an engine has had its rest, try for ever whether it answers, so that no client has to."""
    while True:
        await breaker.broken()
        await breaker.rest()
        with suppress(PublicError):
            await trial()
        if breaker.state != "closed":
            await asyncio.sleep(TRY_S)


def _turn(part: Text | Speech) -> Turn:
    return Turn((Message("user", (part,)),), sampling=Sampling(max_tokens=1))


async def _through(items: Stream[Any]) -> None:
    """Run a call to its end."""
    async with aclosing(items) as each:
        async for _ in each:
            pass


async def _unheard(event: TurnEvent) -> None:
    del event


async def _silence() -> Stream[Pcm]:
    yield SILENCE
