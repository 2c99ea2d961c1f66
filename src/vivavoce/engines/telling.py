"""What another server's answer tells, as events of ours, whichever of the known dialects it is in.

Words come in `delta.content` or in `delta.audio.transcript`; in `delta.refusal` where it refuses, and then they are the
answer. Sound comes in `delta.audio.data`, or, as vLLM-Omni sends it, in `delta.content` of a chunk whose `modality` is
`audio`; as bare samples, or as a WAV file a chunk. Source: the peers' own code, as summed up in the reference on peers,
sections 1 and 6.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import TypeAlias

from vivavoce.core.aside import aside
from vivavoce.core.audio import FRAME_SAMPLES, SPOKEN_RATE
from vivavoce.core.errors import EngineFailed
from vivavoce.core.pacing import CHARACTERS_A_SECOND
from vivavoce.core.turn import AudioDelta, Reason, TextDelta, TokenLogprob, ToolCallDelta, Turn, TurnDone, Usage
from vivavoce.core.usage import audio_tokens_in, fixed_tokens_in, texts_in
from vivavoce.engines.bodies import Answer
from vivavoce.engines.chat_chunks import END, REASONS, Chunk, Delta, read_answer, read_chunk
from vivavoce.engines.logprobs import Logprobs, Spelling
from vivavoce.engines.reasoning import Aloud
from vivavoce.engines.sounding import Sound

Told: TypeAlias = TextDelta | AudioDelta | ToolCallDelta
SILENT = "The model behind this server did not speak."

BYTES_A_TOKEN = 4
"""A usual figure for English; used only where the other server has no tokenizer to ask."""


def tokens(text: str) -> int:
    """About how many tokens a text is."""
    return max(1, round(len(text.encode()) / BYTES_A_TOKEN)) if text else 0


class Telling:
    """One answer, as it comes."""

    def __init__(self, turn: Turn, *, responds: bool) -> None:
        """`turn` is what it answers; `responds`: by itself, so that it owes the sound and the count of tokens too."""
        self._turn = turn
        self._responds = responds
        self._spelling = Spelling(turn.sampling)
        self._usage: Usage | None = None
        self._samples = 0
        self._text = 0
        self._tokens = 0
        self._called = False
        self._refused = False
        self._ended = False
        self._reason: Reason | None = None
        self._origin: str | None = None
        self._sound = Sound()
        self._aloud = Aloud()

    async def events(self, answer: Answer, *, streamed: bool) -> AsyncGenerator[Told | TurnDone, None]:
        """All of it, in events as it comes, or in one piece; what is large is read aside.

        Raises:
            EngineFailed: it was broken off, cannot be read, says that something went wrong, or does not speak though it
                was to.
        """
        if streamed:
            async with aclosing(answer.lines()) as lines:
                async for line in lines:
                    for event in await aside(len(line), self._line, line):
                        yield event
                    if self._ended:
                        break
        else:
            data = await answer.whole()
            for event in await aside(len(data), self._whole, data):
                yield event
        for event in self._rest():
            yield event

    def _line(self, line: str) -> list[Told]:
        chunk = read_chunk(line)
        return [] if chunk is None else list(self._read(chunk))

    def _whole(self, data: bytes) -> list[Told]:
        return list(self._read(read_answer(data)))

    def _read(self, chunk: Chunk) -> Iterator[Told]:
        if chunk is END:
            self._ended, self._reason = True, self._reason or "stop"
        if chunk.usage is not None:
            self._usage = chunk.usage.told()
        for choice in chunk.choices:
            if choice.delta is not None:
                yield from self._added(choice.delta, choice.logprobs, sounds=chunk.modality == "audio")
            if choice.message is not None:
                for index, call in enumerate(choice.message.tool_calls or ()):
                    call.index = index
                yield from self._added(choice.message, choice.logprobs, sounds=False)
            if choice.finish_reason:
                self._reason = REASONS.get(choice.finish_reason, "stop")

    def _rest(self) -> Iterator[Told | TurnDone]:
        """What was held back, and the end."""
        if self._reason is None:
            raise EngineFailed("The model behind this server broke off.")
        yield from self._said(*self._aloud.rest())
        rest = self._sound.end()
        self._samples += rest.samples
        if self._samples:
            yield AudioDelta(rest, self._text)
        # some say `stop` where a function was named
        reason: Reason = "tool_calls" if self._called else self._reason
        if self._owes_sound:
            raise EngineFailed(SILENT)
        yield TurnDone(reason, self._usage or (self._estimated() if self._responds else Usage()), self._origin)

    @property
    def _owes_sound(self) -> bool:
        """Whether it has words that nobody heard; a refusal, and what a limit broke off, need not be heard."""
        spoken = self._responds and self._turn.voice is not None and self._reason == "stop"
        return spoken and bool(self._text) and not (self._samples or self._refused)

    def _estimated(self) -> Usage:
        """What the turn cost, where the other server does not say."""
        read = fixed_tokens_in(self._turn) + sum(tokens(text) for text in texts_in(self._turn))
        return Usage(read, audio_tokens_in(self._turn), self._tokens, -(-self._samples // FRAME_SAMPLES))

    def _said(self, text: str, told: tuple[TokenLogprob, ...] = ()) -> Iterator[TextDelta]:
        if text:
            count = len(told) or self._guessed(text)
            self._text += len(text)
            self._tokens += count
            yield TextDelta(text, count, told)

    def _guessed(self, text: str) -> int:
        """How many tokens a piece is, where nobody says; an answer has no more than it was asked for."""
        most = self._turn.sampling.max_tokens
        return tokens(text) if most is None else max(min(tokens(text), most - self._tokens), 0)

    def _added(self, delta: Delta, told: Logprobs | None, *, sounds: bool) -> Iterator[Told]:
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
            self._samples += pcm.samples
            yield AudioDelta(pcm, min(self._text, int(CHARACTERS_A_SECOND * self._samples / SPOKEN_RATE)))
        for call in delta.tool_calls or ():
            self._called = True
            yield call.told()
