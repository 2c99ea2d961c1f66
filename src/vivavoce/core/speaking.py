"""Voices that say one piece at a time, made into one that takes words as they come."""

from collections.abc import AsyncIterable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.engines import Speaking, Synthesizer, Utterance
from vivavoce.core.language import language_of
from vivavoce.core.phrases import Phrases, Piece
from vivavoce.core.speakable import speakable
from vivavoce.core.turn import AudioDelta, Send, Stream, Turn

# A usual pace, until a piece has been heard to its end.
CHARACTERS_A_SECOND = 15.0


class _Pace:
    """How fast a voice has been speaking, for telling how far it is in a piece."""

    def __init__(self, speed: float) -> None:
        self._a_second = CHARACTERS_A_SECOND * speed

    def part(self, text: str, seconds: float) -> float:
        """How much of `text` is said after `seconds` of it."""
        return min(seconds * self._a_second / len(text), 1.0)

    def learn(self, text: str, seconds: float) -> None:
        """`text` took so long."""
        if seconds:
            self._a_second = len(text) / seconds


class Phrased:
    """A `Speaker` made of a `Synthesizer`: cuts the words into pieces and has them said one after another."""

    def __init__(self, synthesizer: Synthesizer, language: str = "en") -> None:
        self._synthesizer = synthesizer
        self._language = language

    async def speak(self, words: AsyncIterable[str], ask: Speaking) -> Stream[AudioDelta]:
        """Yield the sound of the words, piece by piece; a piece ends with a delta that has all its text said."""
        cutter, pace = Phrases(), _Pace(ask.speed)
        async for delta in words:
            for piece in cutter.feed(delta):
                async with aclosing(self._say(piece, ask, pace)) as sounds:
                    async for sound in sounds:
                        yield sound
        for piece in cutter.end():
            async with aclosing(self._say(piece, ask, pace)) as sounds:
                async for sound in sounds:
                    yield sound

    async def _say(self, piece: Piece, ask: Speaking, pace: _Pace) -> Stream[AudioDelta]:
        language = ask.language or language_of(piece.text, self._language)
        text = speakable(piece.text, language)
        if text:
            say = Utterance(text, ask.voice, language, ask.speed, ask.style)
            seconds, length = 0.0, piece.end - piece.start
            async with aclosing(self._synthesizer.synthesize(say)) as sounds:
                async for pcm in sounds:
                    seconds += pcm.seconds
                    said = min(length - 1, int(length * pace.part(text, seconds)))
                    yield AudioDelta(pcm, piece.start + said)
            pace.learn(text, seconds)
        yield AudioDelta(Pcm(b"", SPOKEN_RATE), piece.end)


class ByLanguage:
    """A `Synthesizer` that hands each piece to the one that speaks its language."""

    def __init__(self, voices: Mapping[str, Synthesizer], otherwise: Synthesizer) -> None:
        self._voices = voices
        self._otherwise = otherwise

    def synthesize(self, say: Utterance) -> Stream[Pcm]:
        """Yield the sound of one piece as it is made."""
        return self._voices.get(say.language, self._otherwise).synthesize(say)


class Renamed:
    """A `Synthesizer`, or a `Responder`, whose voices go by other names."""

    def __init__(self, engine: Any, names: Callable[[str], str]) -> None:
        self._engine = engine
        self._names = names

    async def respond(self, turn: Turn, send: Send) -> None:
        """Answer; see `core.engines.Responder`. Whose turn it is stays here."""
        voice = None if turn.voice is None else self._names(turn.voice)
        await self._engine.respond(replace(turn, voice=voice, project=""), send)

    def synthesize(self, say: Utterance) -> Stream[Pcm]:
        """Yield the sound of one piece as it is made."""
        renamed = Utterance(say.text, self._names(say.voice), say.language, say.speed, say.style)
        return self._engine.synthesize(renamed)
