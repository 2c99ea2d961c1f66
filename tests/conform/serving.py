"""A server of ours whose scripted brain does as a decent model does, and what is found in it."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.compat.caller import example
from tests.support.audio import OwnMedia
from tests.support.heard import Recogniser
from tests.support.serving import MODEL, VOICES, Served, run
from vivavoce.conform.check import Outcome
from vivavoce.conform.examine import Wanted, examine, groups_named, reach
from vivavoce.core.cascade import Cascade
from vivavoce.core.models import Model, ModelCard
from vivavoce.core.speaking import Phrased
from vivavoce.core.turn import Stream, TextDelta, ToolCallDelta, Turn, TurnDone, Usage
from vivavoce.server.service import Access
from vivavoce.server.sound import Sounds
from vivavoce.testing import Scripted, Speaks
from vivavoce.testing.scripted import tokens

KEY = "a-key-of-the-tests"
STORY = "Once upon a time there was a king who had three children and a garden full of trees."


class Obliging(Scripted):
    """A language model that calls what it may, answers in the shape it is told, and else tells a story."""

    def __init__(self) -> None:
        super().__init__(Scripted.Options(says=STORY))

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        """Do what is wanted."""
        choice = turn.tool_choice
        called = [tool for tool in turn.tools if choice.mode != "none" and choice.name in (None, tool.name)]
        if called and turn.messages[-1].role != "tool":
            for index, tool in enumerate(called if choice.parallel else called[:1]):
                yield ToolCallDelta(index, "", f"call_{index:024d}", tool.name)
                arguments = made_for(tool.parameters)
                yield ToolCallDelta(index, arguments[:5])
                yield ToolCallDelta(index, arguments[5:])
            yield TurnDone("tool_calls", Usage(text_out=8))
        elif turn.schema is not None:
            text = made_for(turn.schema.json)
            yield TextDelta(text, len(tokens(text)))
            yield TurnDone("stop", Usage(text_out=len(tokens(text))))
        else:
            async for event in super().generate(turn):
                yield event


def made_for(schema: str) -> str:
    """JSON that a schema allows."""
    shape: dict[str, Any] = json.loads(schema)
    return json.dumps(example(shape, shape))


def models() -> dict[str, Model]:
    """A model for chats, one that hears and one that speaks."""
    ear, voice = Recogniser(), Phrased(Speaks())
    card = ModelCard(hears=True, speaks=True, voices=VOICES)
    heard = ModelCard(hears=True, speaks=False)
    return {
        MODEL: Model(MODEL, f"{MODEL}-2024-12-17", Cascade(ear, Obliging(), voice), card, 1734393600),
        "whisper-1": Model("whisper-1", "whisper-1", None, heard, transcriber=ear),
        "gpt-4o-mini-transcribe": Model(
            "gpt-4o-mini-transcribe", "gpt-4o-mini-transcribe", None, heard, transcriber=ear
        ),
        "gpt-4o-mini-tts": Model("gpt-4o-mini-tts", "gpt-4o-mini-tts", None, card, speaker=voice),
    }


@asynccontextmanager
async def served(folder: Path, **options: Any) -> AsyncIterator[Served]:
    """The server, which wants its key."""
    given: dict[str, Any] = {"models": models(), "sounds": Sounds(OwnMedia()), "access": Access(keys=(KEY,))}
    async with run(folder, **given | options) as ours:
        yield ours


async def looked_at(
    server: Served, *groups: str, transport: httpx2.AsyncBaseTransport | None = None, **wanted: Any
) -> list[Outcome]:
    """How the checks of these groups, or of all, come out."""
    asked = Wanted(**{"url": server.url, "key": KEY, **wanted})
    async with reach(asked, transport) as subject:
        return await examine(subject, groups_named(groups), lambda _check: None)


def failing(outcomes: Sequence[Outcome], *weights: str) -> set[str]:
    """The names of the checks that fail, of what must and should hold or of these weights."""
    counted = weights or ("must", "should")
    return {each.check.name for each in outcomes if each.result == "fails" and each.check.weight in counted}
