"""Counts what an answer costs while it is given, and ends it where its token budget ends.

The budget is the original's: text tokens plus audio tokens, 20 a second of speech. Text streams ahead of its sound
while there is plenty left; near the end it is held back until the sound of it fits, so that what is read and what is
heard stop at the same word. Sound ends on a whole 50 ms.
"""

import math
import re
import unicodedata
from bisect import bisect_left

from vivavoce.core.audio import FRAME_SAMPLES, SAMPLE_BYTES, SPOKEN_RATE, Pcm
from vivavoce.core.turn import AudioDelta, Send, TextDelta, TurnEvent

# More than any voice needs for one character ("$7" is "seven dollars"), in audio tokens.
TOKENS_A_CHARACTER = 12
# Thai, Lao, Burmese, Khmer, kana and ideographs: no spaces between words, so any letter may be the last.
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]")


class BudgetSpent(Exception):
    """The answer has cost all it may; stop working on it."""


class Budget:
    """A `Send` in front of another: passes on what the answer can pay for."""

    def __init__(self, send: Send, limit: int | None, *, spoken: bool) -> None:
        self._send = send
        self._limit = math.inf if limit is None else limit
        self._spoken = spoken
        self._text = ""
        self._ends: list[int] = []
        self._tokens: list[int] = []
        self._released = 0
        self._said = 0
        self._samples = 0
        self._holding = False

    @property
    def text_tokens(self) -> int:
        """Tokens of the text that was passed on."""
        return self._tokens_until(self._released)

    @property
    def audio_tokens(self) -> int:
        """Tokens of the sound that was passed on."""
        return _frames(self._samples)

    async def __call__(self, event: TurnEvent) -> None:
        """Pass `event` on as far as the budget goes.

        Raises:
            BudgetSpent: this event was cut.
        """
        if isinstance(event, TextDelta):
            await self._take_text(event)
        elif isinstance(event, AudioDelta):
            await self._take_audio(event)
        else:
            await self._send(event)

    async def finish(self) -> None:
        """Fill the sound up to a whole 50 ms and pass on text that had no sound of its own.

        Raises:
            BudgetSpent: some of that text no longer fits.
        """
        await self._fill()
        end = self._words_that_fit(len(self._text))
        await self._release(end)
        if end < len(self._text):
            raise BudgetSpent

    async def _take_text(self, event: TextDelta) -> None:
        self._text += event.text
        self._ends.append(len(self._text))
        self._tokens.append((self._tokens[-1] if self._tokens else 0) + event.tokens)
        if not self._holding:
            unsaid = len(self._text) - self._said if self._spoken else 0
            worst = self._tokens[-1] + self.audio_tokens + unsaid * TOKENS_A_CHARACTER
            self._holding = worst > self._limit
        if not self._holding:
            await self._release(len(self._text))
        elif not self._spoken:
            raise BudgetSpent

    async def _take_audio(self, event: AudioDelta) -> None:
        samples, end = self._samples + event.pcm.samples, self._whole_words(event.text_end)
        if self._cost(samples, end) <= self._limit:
            await self._pass(event.pcm, samples, end)
            return
        samples, end = self._last_that_fits(samples, end)
        kept = event.pcm.data[: (samples - self._samples) * SAMPLE_BYTES]
        await self._pass(Pcm(kept, event.pcm.rate), samples, end)
        await self._fill()
        raise BudgetSpent

    async def _pass(self, pcm: Pcm, samples: int, end: int) -> None:
        self._said, self._samples = end, samples
        await self._release(end)
        await self._send(AudioDelta(pcm, end))

    async def _fill(self) -> None:
        missing = -self._samples % FRAME_SAMPLES
        if missing:
            await self._pass(Pcm(bytes(missing * SAMPLE_BYTES), SPOKEN_RATE), self._samples + missing, self._said)

    async def _release(self, end: int) -> None:
        if end > self._released:
            start, before, self._released = self._released, self.text_tokens, end
            await self._send(TextDelta(self._text[start:end], self.text_tokens - before))

    def _last_that_fits(self, samples: int, end: int) -> tuple[int, int]:
        """The longest sound on a whole 50 ms that the limit pays for, and the words in it."""
        new = samples - self._samples
        if not new:  # the words up to `end` have been heard already
            return samples, self._words_that_fit(end)
        for frame in range(samples // FRAME_SAMPLES, self._samples // FRAME_SAMPLES, -1):
            part = (frame * FRAME_SAMPLES - self._samples) / new
            said = self._whole_words(self._said + int((end - self._said) * part))
            if self._cost(frame * FRAME_SAMPLES, said) <= self._limit:
                return frame * FRAME_SAMPLES, said
        return self._samples, self._said

    def _words_that_fit(self, end: int) -> int:
        """The end of the last word up to `end` that the limit pays for without more sound."""
        while end > self._released and self._cost(self._samples, end) > self._limit:
            end = self._whole_words(end - 1)
        return end

    def _whole_words(self, end: int) -> int:
        """`end`, or the end of the word before it if it falls inside one that was not passed on yet."""
        end = min(end, len(self._text))
        while end > self._released and _inside_word(self._text, end):
            end -= 1
        return end

    def _cost(self, samples: int, end: int) -> int:
        return self._tokens_until(max(end, self._released)) + _frames(samples)

    def _tokens_until(self, end: int) -> int:
        """Tokens of the first `end` characters; a token begun counts."""
        return self._tokens[bisect_left(self._ends, end)] if end else 0


def _frames(samples: int) -> int:
    """Tokens of so much sound; one begun counts."""
    return -(-samples // FRAME_SAMPLES)


def _inside_word(text: str, at: int) -> bool:
    """Whether a word goes on at `at`; the space before a word belongs to it, as it does to its token."""
    before, here = text[at - 1 : at], text[at : at + 1]
    if not before or not here:
        return False
    if before.isspace() or here.isspace():
        return before.isspace()
    return not UNSPACED.search(before + here) or unicodedata.category(here).startswith("M")
