"""Every role of an engine, asked once, as one call that gives what came."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeAlias

from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Hearing, Utterance
from vivavoce.core.turn import AudioDelta, Message, Stream, Text, TextDelta, Turn, TurnEvent

HELLO = (Message("user", (Text("hello"),)),)
Role: TypeAlias = Callable[[Any], Awaitable[str]]


async def think(engine: Any) -> str:
    """The words of an answer."""
    async with aclosing(engine.generate(Turn(HELLO))) as events:
        return "".join([event.text async for event in events if isinstance(event, TextDelta)])


async def respond(engine: Any) -> str:
    """The words of a spoken answer, and its bytes of sound."""
    text, sound = "", b""

    async def send(event: TurnEvent) -> None:
        nonlocal text, sound
        text += event.text if isinstance(event, TextDelta) else ""
        sound += event.pcm.data if isinstance(event, AudioDelta) else b""

    await engine.respond(Turn(HELLO, voice="alloy"), send)
    return f"{text} ({len(sound)})"


async def hear(engine: Any) -> str:
    """What is heard."""

    async def recording() -> Stream[Pcm]:
        yield Pcm(bytes(3200), 16_000)

    async with aclosing(engine.transcribe(recording(), Hearing())) as heard:
        return " ".join([transcript.text async for transcript in heard])


async def speak(engine: Any) -> str:
    """How many bytes of sound are said."""
    async with aclosing(engine.synthesize(Utterance("Hello.", "alloy"))) as sounds:
        return f"({sum([len(pcm.data) async for pcm in sounds])})"


ROLES: dict[str, Role] = {"think": think, "respond": respond, "hear": hear, "speak": speak}
