"""What people do at the page, and engines for what it does then."""

import asyncio
import base64
import mimetypes
import wave
from array import array
from io import BytesIO
from math import sqrt
from pathlib import Path

from playwright.async_api import Locator

from tests.support.browser import QUESTION, Visit
from vivavoce.core.turn import Message, Stream, Text, TextDelta, ToolCallDelta, Turn, TurnDone
from vivavoce.testing import Calls, Scripted

FIXTURES = QUESTION.parent
WORDS = "what is the capital of france"
HEARD = "What is the capital of France?"
SPOKEN_MS = 2600
"""The recorded question, and time for the microphone to open."""
QUIET = 0.003
"""Less than this, of 1, is silence: see the ear of `tests.support.browser`."""
DROP = """([selector, name, kind, data]) => {
  const file = new File([Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))], name, { type: kind })
  const dataTransfer = new DataTransfer()
  dataTransfer.items.add(file)
  for (const type of ['dragenter', 'dragover', 'drop'])
    document.querySelector(selector).dispatchEvent(
      new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }))
}"""

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


async def speak(visit: Visit) -> None:
    """Hold the button until the question is over."""
    await visit.at("#talk").hover()
    await visit.page.mouse.down()
    await visit.state("listening")
    await visit.page.wait_for_timeout(SPOKEN_MS)
    await visit.page.mouse.up()


async def drop(visit: Visit, file: Path) -> None:
    """Drop a file on the conversation."""
    data = base64.b64encode(file.read_bytes()).decode()
    kind = mimetypes.guess_type(file.name)[0] or ""
    await visit.page.evaluate(DROP, ["#conversation", file.name, kind, data])


async def settings(visit: Visit) -> None:
    """Open them."""
    if not await visit.at("#model").is_visible():
        await visit.at("#settings > summary").click()


async def saved(visit: Visit, link: Locator) -> bytes:
    """What a link downloads."""
    async with visit.page.expect_download() as download:
        await link.click()
    return (await (await download.value).path()).read_bytes()


def sounding_s(data: bytes) -> float:
    """Seconds of sound in a WAV file, without its silence, in steps of a hundredth."""
    with wave.open(BytesIO(data)) as file:
        step, samples = file.getframerate() // 100, array("h", file.readframes(file.getnframes()))
    pieces = [samples[start : start + step] for start in range(0, len(samples), step)]
    return sum(sqrt(sum(height**2 for height in piece) / len(piece)) / 32768 > QUIET for piece in pieces) / 100


def said(message: Message) -> str:
    """The words of a message as the model was given it."""
    return " ".join(
        part.text if isinstance(part, Text) else str(getattr(part, "transcript", "")) for part in message.parts
    )


class Endless(Scripted):
    """A language model that goes on until it is stopped."""

    def __init__(self) -> None:
        super().__init__(Scripted.Options())
        self.stopped = asyncio.Event()
        self.asked: list[Turn] = []

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        """Say a sentence every twentieth of a second."""
        self.asked.append(turn)
        self.stopped.clear()
        try:
            while True:
                yield TextDelta("And then another thing happened. ", 5)
                await asyncio.sleep(0.05)
        finally:
            self.stopped.set()


class AsksFirst(Calls):
    """Calls the tool, and then says what came of it."""

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        """Call, or say."""
        if turn.messages[-1].role != "tool":
            async for event in super().generate(turn):
                yield event
            return
        self.asked.append(turn)
        yield TextDelta("It is sunny there.", 4)
        yield TurnDone("stop")
