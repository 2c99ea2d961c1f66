"""The transcription API of another server: what it is asked, and what its answer tells."""

import math
from typing import Any

import msgspec

from vivavoce.audio.limits import MIN_SECONDS
from vivavoce.audio.wav import write_wav
from vivavoce.core.audio import SAMPLE_BYTES, Pcm
from vivavoce.core.engines import Hearing, Transcript, Word


class TimedWord(msgspec.Struct):
    """One word; times in seconds."""

    word: str
    start: float = 0.0
    end: float = 0.0


class Segment(msgspec.Struct):
    """One stretch of speech; times in seconds."""

    text: str
    start: float = 0.0
    end: float = 0.0
    avg_logprob: float | None = None


class Heard(msgspec.Struct):
    """An answer: `text` at least, the rest where it was asked for and the other server knows it."""

    text: str
    segments: list[Segment] | None = None
    words: list[TimedWord] | None = None


def path(ask: Hearing) -> str:
    """Where it is asked."""
    return "/audio/translations" if ask.translate else "/audio/transcriptions"


def form(ask: Hearing) -> dict[str, Any]:
    """The fields beside the file and the model."""
    fields: dict[str, Any] = {"response_format": "verbose_json" if ask.words else "json"}
    if ask.words and not ask.translate:
        fields["timestamp_granularities[]"] = ["segment", "word"]
    if ask.language and not ask.translate:
        fields["language"] = ask.language
    if ask.prompt:
        fields["prompt"] = ask.prompt
    return fields


def recording(sound: Pcm) -> bytes:
    """The file: a WAV, with silence after what is shorter than OpenAI and others hear at all."""
    least = math.ceil(MIN_SECONDS * sound.rate) * SAMPLE_BYTES
    return write_wav(Pcm(sound.data.ljust(least, b"\0"), sound.rate))


def transcripts(heard: Heard, seconds: float) -> list[Transcript]:
    """What was heard in a recording of `seconds`, stretch by stretch where the other server tells them apart.

    At least one: of silence, an empty one.
    """
    words = [Word(word.word.strip(), word.start, word.end) for word in heard.words or ()]
    segments = heard.segments or [Segment(heard.text, 0.0, seconds)]
    found: list[Transcript] = []
    for place, segment in enumerate(segments):
        last = place == len(segments) - 1
        inside = [word for word in words if last or (word.start_s + word.end_s) / 2 < segment.end]
        del words[: len(inside)]
        if text := segment.text.strip():
            certain = None if segment.avg_logprob is None else min(math.exp(segment.avg_logprob), 1.0)
            found.append(Transcript(text, True, segment.start, segment.end, tuple(inside), certain))
    return found or [Transcript("", True, 0.0, seconds)]
