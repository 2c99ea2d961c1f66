"""Voices that say one piece at a time, made into one that takes words as they come."""

import asyncio
import time
from collections.abc import AsyncIterable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from vivavoce.core.admitted import admitted
from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.engines import Speaking, Synthesizer, Utterance
from vivavoce.core.joins import Joins
from vivavoce.core.language import language_of
from vivavoce.core.pacing import Pacing, Pieces
from vivavoce.core.phrases import Cut, FirstPiece, Phrases, Piece
from vivavoce.core.speakable import speakable
from vivavoce.core.turn import AudioDelta, Send, Stream, Turn
from vivavoce.core.words import Words, arriving

READ_AHEAD = 1024
"""Words that are read before there is something to say."""


class Phrased:
    """A `Speaker` made of a `Synthesizer`: cuts the words into pieces and has them said one after another."""

    def __init__(
        self,
        synthesizer: Synthesizer,
        language: str = "en",
        first_piece: FirstPiece = "clause",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`first_piece`: what is said first of an answer that is played while it is made; `clock` tells seconds."""
        self._synthesizer = synthesizer
        self._language = language
        self._first_piece: FirstPiece = first_piece
        self._clock = clock

    async def speak(self, words: AsyncIterable[str], ask: Speaking) -> Stream[AudioDelta]:
        """Yield the sound of the words, piece by piece; a piece ends with a delta that has all its text said."""
        pacing = Pacing(self._clock, ask.speed)
        pieces = Pieces(Phrases(self._first_piece), pacing) if ask.live else Pieces(Phrases("sentence"))
        joins, before, end = Joins(ask.speed), Cut.NEVER, 0
        async with arriving(words, READ_AHEAD) as coming:
            while piece := await _next(pieces, coming):
                joins.begin(before)
                async with aclosing(self._say(piece, ask, pacing, joins)) as sounds:
                    async for sound in sounds:
                        yield sound
                before, end = piece.cut, piece.end
        if silence := joins.end():
            yield AudioDelta(Pcm(silence, SPOKEN_RATE), end)
            yield AudioDelta(Pcm(b"", SPOKEN_RATE), end)

    async def _say(self, piece: Piece, ask: Speaking, pacing: Pacing, joins: Joins) -> Stream[AudioDelta]:
        language = ask.language or language_of(piece.text, self._language)
        text = speakable(piece.text, language)
        if text:
            say = Utterance(text, ask.voice, language, ask.speed, ask.style)
            seconds, waited, length = 0.0, 0.0, piece.end - piece.start
            pause = Pcm(joins.pause(), SPOKEN_RATE)
            if pause.samples:
                pacing.sent(pause.seconds)
                yield AudioDelta(pause, piece.start)
            async with aclosing(self._synthesizer.synthesize(say)) as sounds:
                asked = self._clock()
                async for pcm in sounds:
                    waited += self._clock() - asked
                    seconds += pcm.seconds
                    said = min(length - 1, int(length * pacing.part(text, seconds)))
                    ready = Pcm(joins.add(pcm.data), SPOKEN_RATE)
                    if ready.samples:
                        pacing.sent(ready.seconds)
                        _tell(ready.seconds)
                        yield AudioDelta(ready, piece.start + said)
                    asked = self._clock()
            pacing.learn(text, seconds, waited)
        yield AudioDelta(Pcm(b"", SPOKEN_RATE), piece.end)


def _tell(seconds: float) -> None:
    """Tell the turn, where one was let in, how much more its listener has to hear."""
    turn = admitted()
    if turn is not None:
        turn.sounded(seconds, asyncio.get_running_loop().time())


async def _next(pieces: Pieces, coming: Words) -> Piece | None:
    """The next piece to say, once there is one; None where all was said."""
    while True:
        while pieces.hungry and (words := coming.take()) is not None:
            pieces.feed(words)
        if coming.ended:
            pieces.end()
        if coming.ended or not pieces.hungry:
            return pieces.next()
        if not await coming.within(pieces.patience_s) and (piece := pieces.next(due=True)):
            return piece


class ByLanguage:
    """A `Synthesizer` that hands each piece to the one that speaks its language."""

    def __init__(self, voices: Mapping[str, Synthesizer], otherwise: Synthesizer) -> None:
        self._voices = voices
        self._otherwise = otherwise

    def synthesize(self, say: Utterance) -> Stream[Pcm]:
        """Yield the sound of one piece as it is made."""
        return self._voices.get(say.language, self._otherwise).synthesize(say)


class Renamed:
    """A `Synthesizer`, a `Speaker` or a `Responder` whose voices go by other names."""

    def __init__(self, engine: Any, names: Callable[[str], str]) -> None:
        self._engine = engine
        self._names = names

    async def respond(self, turn: Turn, send: Send) -> None:
        """Answer; see `core.engines.Responder`. Whose turn it is stays here."""
        voice = None if turn.voice is None else self._names(turn.voice)
        await self._engine.respond(replace(turn, voice=voice, project=""), send)

    def synthesize(self, say: Utterance) -> Stream[Pcm]:
        """Yield the sound of one piece as it is made."""
        return self._engine.synthesize(replace(say, voice=self._names(say.voice)))

    def speak(self, words: AsyncIterable[str], ask: Speaking) -> Stream[AudioDelta]:
        """Yield the sound of the words as they come."""
        return self._engine.speak(words, replace(ask, voice=self._names(ask.voice)))
