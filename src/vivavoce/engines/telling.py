"""What another server's answer tells, as events of ours, whichever of the known dialects it is in.

Words come in `delta.content` or in `delta.audio.transcript`; in `delta.refusal` where it refuses, and then they are the
answer. Sound comes in `delta.audio.data`, or, as vLLM-Omni sends it, in `delta.content` of a chunk whose `modality` is
`audio`; as bare samples, or as a WAV file a chunk. Source: the peers' own code, as summed up in the reference on peers,
sections 1 and 6.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vivavoce.audio.wav import read_wav
from vivavoce.core.audio import SAMPLE_BYTES, SPOKEN_RATE, Pcm
from vivavoce.core.errors import EngineFailed
from vivavoce.core.speaking import CHARACTERS_A_SECOND
from vivavoce.core.turn import AudioDelta, Reason, Sampling, TextDelta, TokenLogprob, ToolCallDelta, TurnDone, Usage
from vivavoce.engines.chat_chunks import END, REASONS, Chunk, Delta
from vivavoce.engines.logprobs import Logprobs, Spelling
from vivavoce.engines.reasoning import Aloud

if TYPE_CHECKING:
    from vivavoce.audio.resample import Resampler

BYTES_A_TOKEN = 4
"""A usual figure for English; used only where the other server has no tokenizer to ask."""


def tokens(text: str) -> int:
    """About how many tokens a text is."""
    return max(1, round(len(text.encode()) / BYTES_A_TOKEN)) if text else 0


class Telling:
    """One answer, as it comes."""

    def __init__(self, sampling: Sampling) -> None:
        """`sampling` says whether it was to tell how likely its words are."""
        self._spelling = Spelling(sampling)
        self.usage: Usage | None = None
        """What the other server counted, if it did."""
        self.samples = 0
        """How much sound came."""
        self._text = 0
        self._called = False
        self._refused = False
        self._reason: Reason | None = None
        self._origin: str | None = None
        self._sound = _Sound()
        self._aloud = Aloud()

    @property
    def owes_sound(self) -> bool:
        """Whether it has words that nobody heard; a refusal, and what a limit broke off, need not be heard."""
        return self._reason == "stop" and bool(self._text) and not (self.samples or self._refused)

    def read(self, chunk: Chunk) -> Iterator[TextDelta | AudioDelta | ToolCallDelta]:
        """The events of a chunk.

        Raises:
            EngineFailed: its sound cannot be read.
        """
        if chunk is END:
            self._reason = self._reason or "stop"
        if chunk.usage is not None:
            self.usage = chunk.usage.told()
        for choice in chunk.choices:
            if choice.delta is not None:
                yield from self._added(choice.delta, choice.logprobs, sounds=chunk.modality == "audio")
            if choice.message is not None:
                for index, call in enumerate(choice.message.tool_calls or ()):
                    call.index = index
                yield from self._added(choice.message, choice.logprobs, sounds=False)
            if choice.finish_reason:
                self._reason = REASONS.get(choice.finish_reason, "stop")

    def end(self) -> Iterator[TextDelta | AudioDelta | ToolCallDelta | TurnDone]:
        """What was held back, and the end.

        Raises:
            EngineFailed: the answer was broken off.
        """
        if self._reason is None:
            raise EngineFailed("The model behind this server broke off.")
        yield from self._said(*self._aloud.rest())
        rest = self._sound.end()
        self.samples += rest.samples
        if self.samples:
            yield AudioDelta(rest, self._text)
        # some say `stop` where a function was named
        reason: Reason = "tool_calls" if self._called else self._reason
        yield TurnDone(reason, self.usage or Usage(), self._origin)

    def _said(self, text: str, told: tuple[TokenLogprob, ...] = ()) -> Iterator[TextDelta]:
        if text:
            self._text += len(text)
            yield TextDelta(text, len(told) or tokens(text), told)

    def _added(
        self, delta: Delta, told: Logprobs | None, *, sounds: bool
    ) -> Iterator[TextDelta | AudioDelta | ToolCallDelta]:
        said = delta.audio
        if said is not None and said.id:
            self._origin = said.id
        text = (said.transcript if said is not None else None) or ("" if sounds else delta.content)
        if not text and delta.refusal:
            text, self._refused = delta.refusal, True
        for piece, logprobs in self._spelling.pieces(text or "", told):
            yield from self._said(*self._aloud.piece(piece, logprobs))
        data = delta.content if sounds else said.data if said is not None else None
        if data and (pcm := self._sound.read(data)).data:
            self.samples += pcm.samples
            yield AudioDelta(pcm, min(self._text, int(CHARACTERS_A_SECOND * self.samples / SPOKEN_RATE)))
        for call in delta.tool_calls or ():
            self._called = True
            yield call.told()


class _Sound:
    """Sound in pieces of base64, each decoded by itself; half a sample waits for the next."""

    def __init__(self) -> None:
        self._rest = b""
        self._resampler: Resampler | None = None

    def read(self, data: str) -> Pcm:
        try:
            found = b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            raise unreadable() from None
        if found.startswith(b"RIFF"):
            pcm = read_wav(found)
            if pcm is None:
                raise unreadable()
            return self._at_spoken_rate(pcm)
        found = self._rest + found
        whole = len(found) - len(found) % SAMPLE_BYTES
        self._rest = found[whole:]
        return Pcm(found[:whole], SPOKEN_RATE)

    def end(self) -> Pcm:
        return Pcm(self._resampler.end() if self._resampler else b"", SPOKEN_RATE)

    def _at_spoken_rate(self, pcm: Pcm) -> Pcm:
        """`pcm`, but for what waits to be joined to the next: all pieces of one answer have one rate."""
        if self._resampler is None and pcm.rate != SPOKEN_RATE:
            from vivavoce.audio.resample import Resampler  # noqa: PLC0415 - a native library few servers need

            self._resampler = Resampler(pcm.rate, SPOKEN_RATE)
        return Pcm(self._resampler.feed(pcm.data), SPOKEN_RATE) if self._resampler else pcm


def unreadable() -> EngineFailed:
    """The error for sound that is none, or of another kind than was asked for."""
    return EngineFailed("The model behind this server sent sound that cannot be read.")
