"""Engines that do as they are told: the words are written down beforehand, the sound is a tone.

`Scripted` plays all three roles and can be named in TOML (`use = "scripted"`); `Hears`, `Says` and `Speaks` play one
each and keep what they were asked.
"""

import asyncio
import math
import re
from array import array
from collections.abc import AsyncIterable, Sequence
from functools import cache

import msgspec

from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.engines import Card, Hearing, Transcript, Utterance
from vivavoce.core.turn import Stream, TextDelta, ToolCallDelta, Turn, TurnDone, Usage

TONE_HZ = 200
TONE_HEIGHT = 8000
TOKEN = re.compile(r"\s*\S+\s*|\s+")


@cache
def _one_second_of_tone() -> bytes:
    wave = (TONE_HEIGHT * math.sin(2 * math.pi * TONE_HZ * n / SPOKEN_RATE) for n in range(SPOKEN_RATE))
    return array("h", [int(height) for height in wave]).tobytes()


def tone(seconds: float) -> Pcm:
    """A tone of so many seconds, on a whole sample, at `SPOKEN_RATE`."""
    whole = _one_second_of_tone() * math.ceil(seconds)
    return Pcm(whole, SPOKEN_RATE).until(seconds)


def tokens(text: str) -> list[str]:
    """Scripted tokens: a word with its trailing space."""
    return TOKEN.findall(text)


class Scripted:
    """One engine for all three roles."""

    class Options(msgspec.Struct, forbid_unknown_fields=True):
        """What to say and hear, and how long each step takes."""

        says: str = "Hello there. Bye."
        hears: str = "hello world"
        token_ms: float = 0
        """Per token thought."""
        hear_ms: float = 0
        """Per transcription."""
        char_ms: float = 0
        """Until a piece's sound is ready, per character of it."""
        speech_ms: float = 60
        """How long the sound lasts, per character."""
        voices: list[str] = msgspec.field(default_factory=lambda: ["alloy", "echo"])

    def __init__(self, options: Options) -> None:
        self._options = options

    @staticmethod
    def foretold(options: Options) -> Card:
        """All of its card that counts."""
        return Card(roles=("hear", "think", "speak"), voices=tuple(options.voices))

    def card(self) -> Card:
        """Plays every role, any number of calls at once."""
        roles = ("hear", "think", "speak")
        return Card("scripted", roles, tuple(self._options.voices), parallel=1000)

    async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        """Hear what the script says is heard."""
        del ask
        seconds = sum([pcm.seconds async for pcm in audio])
        await asyncio.sleep(self._options.hear_ms / 1000)
        yield Transcript(self._options.hears, end_s=seconds)

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        """Say what the script says, token by token, as far as `max_tokens` and `stop` allow."""
        said = self._options.says
        for stop in turn.sampling.stop:
            said = said.split(stop, 1)[0]
        script = tokens(said)
        allowed = script[: turn.sampling.max_tokens]
        for token in allowed:
            await asyncio.sleep(self._options.token_ms / 1000)
            yield TextDelta(token)
        reason = "stop" if len(allowed) == len(script) else "length"
        yield TurnDone(reason, Usage(text_out=len(allowed)))

    async def count(self, texts: Sequence[str]) -> list[int]:
        """Scripted tokens of each text."""
        return [len(tokens(text)) for text in texts]

    async def synthesize(self, say: Utterance) -> Stream[Pcm]:
        """Sound a tone for as long as the text would take."""
        await asyncio.sleep(len(say.text) * self._options.char_ms / 1000)
        yield tone(len(say.text) * self._options.speech_ms / 1000 / say.speed)


class Hears(Scripted):
    """A transcriber that hears the given texts, one call after another, the last one for ever."""

    def __init__(self, *texts: str) -> None:
        super().__init__(Scripted.Options())
        self._texts = list(texts)
        self.asked: list[Hearing] = []

    async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        """Hear the next text."""
        self.asked.append(ask)
        text = self._texts.pop(0) if len(self._texts) > 1 else self._texts[0]
        yield Transcript(text, end_s=sum([pcm.seconds async for pcm in audio]))


class Says(Scripted):
    """A language model that says the given pieces, each one delta; keeps the turns it was asked."""

    def __init__(self, *pieces: str) -> None:
        super().__init__(Scripted.Options(says="".join(pieces)))
        self._pieces = pieces
        self.asked: list[Turn] = []

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        """Say the pieces."""
        self.asked.append(turn)
        for piece in self._pieces:
            yield TextDelta(piece, len(tokens(piece)))
        yield TurnDone("stop", Usage(text_out=sum(len(tokens(piece)) for piece in self._pieces)))


class Calls(Scripted):
    """A language model that calls the given functions, each a name and its arguments; keeps the turns it was asked."""

    def __init__(self, *calls: tuple[str, str]) -> None:
        super().__init__(Scripted.Options())
        self._calls = calls
        self.asked: list[Turn] = []

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        """Call the functions, the arguments of each in two pieces."""
        self.asked.append(turn)
        for index, (name, arguments) in enumerate(self._calls):
            yield ToolCallDelta(index, "", f"call_{index:024d}", name)
            half = len(arguments) // 2
            yield ToolCallDelta(index, arguments[:half])
            yield ToolCallDelta(index, arguments[half:])
        words = sum(len(tokens(name + " " + arguments)) for name, arguments in self._calls)
        yield TurnDone("tool_calls", Usage(text_out=words))


class Speaks(Scripted):
    """A synthesizer that sounds a tone of `speech_ms` a character; keeps the utterances it was asked."""

    def __init__(self, speech_ms: float = 10) -> None:
        super().__init__(Scripted.Options(speech_ms=speech_ms))
        self.asked: list[Utterance] = []

    async def synthesize(self, say: Utterance) -> Stream[Pcm]:
        """Sound a tone."""
        self.asked.append(say)
        async for pcm in super().synthesize(say):
            yield pcm
