"""Counts what an answer costs while it is given, and ends it where its token budget ends.

The budget is the original's: text tokens plus audio tokens, 20 a second of speech. Text streams ahead of its sound
while there is plenty left; near the end text waits for its sound and sound for the end of its piece, so that what is
read and what is heard stop at the same word. Sound ends on a whole 50 ms.
"""

import math
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable
from itertools import chain

from vivavoce.core.audio import FRAME_SAMPLES, QUIET, SAMPLE_BYTES, SPOKEN_RATE, Pcm
from vivavoce.core.turn import AudioDelta, Send, TextDelta, TurnEvent

# More than any voice needs for one character ("$7" is "seven dollars"), in audio tokens.
TOKENS_A_CHARACTER = 12
# More than any voice needs for one piece, in audio tokens: 60 s. A piece this long is taken to be over.
LONGEST_PIECE = 1_200
# Signs at the ends of a piece that nobody says.
UNSAID = " \t\r\n.,;:!?\u2026\"'()-\u2013\u2014\u3002\uff0c\uff01\uff1f"
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
        self._tokens = [0]
        self._deltas: list[TextDelta] = []
        self._released = 0
        self._passed = 0  # deltas of which a part was passed on
        self._said = 0
        self._samples = 0
        self._holding = False
        self._held: list[AudioDelta] = []
        self._heard = 0  # samples that came, held ones too
        self._piece = (0, 0)  # where the piece being said begins: characters, samples

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
        """Pass on what is held, fill the sound up to a whole 50 ms and pass on text that had no sound of its own.

        Raises:
            BudgetSpent: some of that no longer fits.
        """
        if self._held:
            await self._pass_held(self._held[-1].text_end)
        await self._fill()
        end = len(self._text)
        while end > self._released and self._cost(self._samples, end) > self._limit:
            end = self._whole_words(end - 1)
        await self._release(end)
        if end < len(self._text):
            raise BudgetSpent

    async def _take_text(self, event: TextDelta) -> None:
        self._text += event.text
        self._ends.append(len(self._text))
        self._tokens.append(self._tokens[-1] + event.tokens)
        self._deltas.append(event)
        self._holding = self._holding or self._worst(math.inf) > self._limit
        if not self._holding:
            await self._release(len(self._text))
        elif not self._spoken:
            raise BudgetSpent

    async def _take_audio(self, event: AudioDelta) -> None:
        self._held.append(event)
        self._heard += event.pcm.samples
        if event.pcm.samples and self._cost(self._samples + 1, self._piece[0] + 1) > self._limit:
            await self._cut(len(self._text), len(self._text))  # no word fits, however it goes on
        # A piece ends with a delta without sound: only there is it certain what was said when.
        ended = not event.pcm.samples or _frames(self._heard - self._piece[1]) >= LONGEST_PIECE
        if ended or self._worst(LONGEST_PIECE) <= self._limit:
            await self._pass_held(event.text_end)
        else:
            self._holding = True
        if ended:
            self._piece = (min(event.text_end, len(self._text)), self._heard)

    async def _pass_held(self, text_end: int) -> None:
        end = self._whole_words(text_end)
        if self._cost(self._heard, self._end_of_word(text_end)) > self._limit:
            await self._cut(end, min(text_end, len(self._text)))
        held, self._held = self._held, []
        for event in held:
            await self._pass(event.pcm, min(self._whole_words(event.text_end), end))

    async def _cut(self, end: int, piece_end: int) -> None:
        """Pass on the words up to `end` that the limit pays for and their sound, if any of the piece."""
        sound = b"".join(event.pcm.data for event in self._held)
        samples_at = self._places(sound, piece_end)
        while end > self._released and self._cost(samples_at(end), end) > self._limit:
            end = self._whole_words(end - 1)
        affordable = int(self._limit - self._cost(0, end)) * FRAME_SAMPLES
        new = min(samples_at(end), affordable) - self._samples
        await self._pass(Pcm(sound[: new * SAMPLE_BYTES], SPOKEN_RATE), end)
        await self._fill()
        raise BudgetSpent

    def _places(self, sound: bytes, end: int) -> Callable[[int], int]:
        """Where words end in the piece up to `end`, on a whole 50 ms: evenly between its first and last loud sample."""
        start, before = self._piece
        text = self._text[start:end]
        first, last = start + len(text) - len(text.lstrip(UNSAID)), start + len(text.rstrip(UNSAID))
        samples = memoryview(sound).cast("h")
        # looked at from both ends: in speech that is soon over, however long the piece
        loud = next((at for at, sample in enumerate(samples) if abs(sample) > QUIET), None)
        begin = before if loud is None or self._samples != before else self._samples + loud
        quiet = next((at for at, sample in enumerate(reversed(samples)) if abs(sample) > QUIET), None)
        stop = self._heard if quiet is None else self._samples + len(samples) - quiet

        def samples_at(end: int) -> int:
            said, length = min(end, last) - first, max(last - first, 1)
            frames = _frames(begin - (begin - stop) * max(said, 0) // length)
            return max(frames * FRAME_SAMPLES, self._samples) if end > start else self._samples

        return samples_at

    async def _pass(self, pcm: Pcm, end: int) -> None:
        self._said, self._samples = end, self._samples + pcm.samples
        await self._release(end)
        await self._send(AudioDelta(pcm, end))

    async def _fill(self) -> None:
        if missing := -self._samples % FRAME_SAMPLES:
            await self._pass(Pcm(bytes(missing * SAMPLE_BYTES), SPOKEN_RATE), self._said)

    async def _release(self, end: int) -> None:
        if end > self._released:
            text, self._released = self._text[self._released : end], end
            first, self._passed = self._passed, self._begun(end)
            deltas = self._deltas[first : self._passed]
            if len(deltas) == 1 and deltas[0].text == text:
                await self._send(deltas[0])
            else:
                logprobs = tuple(chain.from_iterable(delta.logprobs for delta in deltas))
                await self._send(TextDelta(text, self._tokens[self._passed] - self._tokens[first], logprobs))

    def _whole_words(self, end: int) -> int:
        """`end`, or the end of the word before it if it falls inside one that was not passed on yet."""
        end = min(end, len(self._text))
        while end > self._released and inside_word(self._text, end):
            end -= 1
        return end

    def _end_of_word(self, at: int) -> int:
        """`at`, or where a word that goes on there ends, as far as is known: its sound is paid for with all of it."""
        while inside_word(self._text, at):
            at += 1
        return at

    def _worst(self, longest: float) -> float:
        """The most that all text so far can cost with its sound, of which no more than `longest` is to come.

        Of a budget without an end nobody asks how much.
        """
        if self._limit == math.inf:
            return 0
        tokens = self._tokens[-1]
        if not self._spoken:
            return tokens
        start, before = self._piece
        unsaid = (len(self._text) - start) * TOKENS_A_CHARACTER
        return tokens + max(_frames(before) + min(unsaid, longest), _frames(self._heard))

    def _cost(self, samples: int, end: int) -> int:
        return self._tokens_until(max(min(end, len(self._text)), self._released)) + _frames(samples)

    def _tokens_until(self, end: int) -> int:
        """Tokens of the first `end` characters; a token begun counts."""
        return self._tokens[self._begun(end)]

    def _begun(self, end: int) -> int:
        """How many of the deltas that came have a part in the first `end` characters."""
        return bisect_left(self._ends, end) + 1 if end else 0


def _frames(samples: int) -> int:
    """Tokens of so much sound; one begun counts."""
    return -(-samples // FRAME_SAMPLES)


def inside_word(text: str, at: int) -> bool:
    """Whether a word goes on at `at`; the space before a word belongs to it, as it does to its token."""
    before, here = text[at - 1 : at], text[at : at + 1]
    if not before or not here:
        return False
    if before.isspace() or here.isspace():
        return before.isspace()
    return not UNSPACED.search(before + here) or unicodedata.category(here).startswith("M")
