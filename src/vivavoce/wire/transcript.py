"""Transcriptions as clients read them: JSON short and long, plain text, subtitles, and the events of a stream."""

import math
import zlib
from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from vivavoce.core.captions import captions, space_before, whole_text
from vivavoce.core.engines import Transcript
from vivavoce.core.tokens import text_tokens
from vivavoce.core.turn import Usage
from vivavoce.core.usage import HEARD_TOKENS_A_SECOND, ROUNDING_SLACK
from vivavoce.wire.certainty import Logprob, log_of, logprobs
from vivavoce.wire.languages import language_name
from vivavoce.wire.subtitles import srt, vtt
from vivavoce.wire.transcription import TranscriptionRequest
from vivavoce.wire.transcription_errors import DurationUsage

EDGE_TOKENS = 2
"""Of every transcript, beside its text, as recorded."""
FRAMES_A_SECOND = 100
DONE = b"data: [DONE]\r\n\r\n"


class InputTokens(Struct):
    """What was put in."""

    text_tokens: int
    audio_tokens: int


class TokenUsage(Struct, tag_field="type", tag="tokens"):
    """Usage in tokens."""

    total_tokens: int
    input_tokens: int
    input_token_details: InputTokens
    output_tokens: int


class ShortAnswer(Struct):
    """`json`."""

    text: str
    logprobs: list[Logprob] | UnsetType = UNSET
    usage: TokenUsage | DurationUsage | UnsetType = UNSET


class Segment(Struct):
    """One stretch of speech. What only Whisper has in it is empty or zero."""

    id: int
    seek: int
    start: float
    end: float
    text: str
    tokens: list[int]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class TimedWord(Struct):
    """One word."""

    word: str
    start: float
    end: float


class LongAnswer(Struct):
    """`verbose_json`."""

    task: Literal["transcribe", "translate"]
    language: str
    duration: float
    text: str
    segments: list[Segment] | UnsetType = UNSET
    words: list[TimedWord] | UnsetType = UNSET
    usage: DurationUsage | UnsetType = UNSET


class TextDelta(Struct, tag_field="type", tag="transcript.text.delta"):
    """The next words."""

    delta: str
    logprobs: list[Logprob] | UnsetType = UNSET


class TextDone(Struct, tag_field="type", tag="transcript.text.done"):
    """All words, once there are no more."""

    text: str
    logprobs: list[Logprob] | UnsetType
    usage: TokenUsage | DurationUsage


class Answer:
    """What was heard in one recording, in whichever form it was asked for."""

    def __init__(self, request: TranscriptionRequest, seconds: float, *, translated: bool) -> None:
        """`seconds`: how long the recording is; `translated`: whether English was asked for whatever was said."""
        self._request = request
        self._seconds = seconds
        self._translated = translated
        self._heard: list[Transcript] = []

    @property
    def text(self) -> str:
        """All words so far."""
        return whole_text([transcript.text for transcript in self._heard])

    @property
    def usage(self) -> Usage:
        """What it has cost so far, in tokens."""
        audio = int(self._seconds * HEARD_TOKENS_A_SECOND + ROUNDING_SLACK)
        return Usage(text_tokens(self._request.prompt or ""), audio, text_tokens(self.text) + EDGE_TOKENS)

    def add(self, transcript: Transcript) -> bytes:
        """Take the next stretch; give its event, nothing where it holds no words."""
        first = not self.text
        self._heard.append(transcript)
        text = transcript.text.strip()
        if not text:
            return b""
        delta = space_before(text, first=first) + text
        return _event(TextDelta(delta, self._logprobs([transcript], first=first)))

    def done(self) -> bytes:
        """The last event; `DONE` follows it."""
        return _event(TextDone(self.text, self._logprobs(self._heard), self._usage()))

    def body(self) -> tuple[bytes, str]:
        """The whole answer, and its content type."""
        form = self._request.form
        if form == "verbose_json":
            return msgspec.json.encode(self._long()), "application/json"
        if form == "json":
            return msgspec.json.encode(self._short()), "application/json"
        if form == "text":
            return f"{self.text}\n".encode(), "text/plain; charset=utf-8"
        lines = captions(self._heard, self._seconds)
        return (srt(lines) if form == "srt" else vtt(lines)).encode(), "text/plain; charset=utf-8"

    def _short(self) -> ShortAnswer:
        if self._translated:
            return ShortAnswer(self.text)
        return ShortAnswer(self.text, self._logprobs(self._heard), self._usage())

    def _long(self) -> LongAnswer:
        language = next((heard.language for heard in self._heard if heard.language), self._request.language)
        return LongAnswer(
            task="translate" if self._translated else "transcribe",
            language=language_name(None if self._translated else language),
            duration=self._seconds,
            text=self.text,
            segments=self._segments() if self._request.segments else UNSET,
            words=self._words() if self._request.words else UNSET,
            usage=UNSET if self._translated else self._duration(),
        )

    def _segments(self) -> list[Segment]:
        return [
            Segment(
                id=number,
                seek=int(line.start_s * FRAMES_A_SECOND),
                start=line.start_s,
                end=line.end_s,
                text=f" {line.text}",
                tokens=[],
                temperature=self._request.temperature or 0.0,
                avg_logprob=0.0 if line.confidence is None else log_of(line.confidence),
                compression_ratio=_compression(line.text),
                no_speech_prob=0.0,
            )
            for number, line in enumerate(captions(self._heard, self._seconds))
        ]

    def _words(self) -> list[TimedWord]:
        return [TimedWord(word.text, word.start_s, word.end_s) for heard in self._heard for word in heard.words]

    def _usage(self) -> TokenUsage | DurationUsage:
        if not self._request.counts_tokens:
            return self._duration()
        used = self.usage
        read = used.text_in + used.audio_in
        return TokenUsage(read + used.text_out, read, InputTokens(used.text_in, used.audio_in), used.text_out)

    def _duration(self) -> DurationUsage:
        return DurationUsage(math.ceil(self._seconds - ROUNDING_SLACK))

    def _logprobs(self, heard: Sequence[Transcript], *, first: bool = True) -> list[Logprob] | UnsetType:
        found = logprobs(heard, first=first) if self._request.logprobs else None
        return UNSET if found is None else found


def _compression(text: str) -> float:
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def _event(event: Struct) -> bytes:
    return b"data: " + msgspec.json.encode(event) + b"\r\n\r\n"
