"""`POST /v1/audio/speech` on the wire: the request, the bytes' kinds, and the events of a streamed answer."""

from base64 import b64encode
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from vivavoce.core.errors import BadRequest, NotFound
from vivavoce.wire.bodies import read
from vivavoce.wire.request import CustomVoice

SpeechFormat: TypeAlias = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]

CONTENT_TYPES: dict[SpeechFormat, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
SUPPORTED = {
    "response_format": "Supported values are: 'mp3', 'opus', 'aac', 'flac', 'wav', and 'pcm'.",
    "stream_format": "Supported values are: 'audio' and 'sse'.",
}
MAX_CHARACTERS = 4096
SHOWN_CHARACTERS = 64
DELTA_BYTES = 4096
"""Of sound in one event, as the original cuts it. Each event is base64 by itself."""
DONE = b"data: [DONE]\r\n\r\n"
PLAIN_MODELS = ("tts-1", "tts-1-hd")
"""The original's older models, which take no instructions and stream no events."""


class SpeechRequest(Struct):
    """The body of `POST /v1/audio/speech`."""

    model: str
    input: Annotated[str, Meta(min_length=1, max_length=MAX_CHARACTERS)]
    voice: str | CustomVoice
    instructions: Annotated[str, Meta(max_length=MAX_CHARACTERS)] | None = None
    """How to say it: the tone, the accent."""
    response_format: SpeechFormat | None = None
    """None: mp3."""
    speed: Annotated[float, Meta(ge=0.25, le=4)] | None = None
    stream_format: Literal["audio", "sse"] | None = None
    """None: audio."""

    @property
    def form(self) -> SpeechFormat:
        """The format of the answer's sound."""
        return self.response_format or "mp3"

    @property
    def voice_name(self) -> str:
        """The voice, however it was named."""
        return self.voice if isinstance(self.voice, str) else self.voice.id


class AnswerQuery(Struct):
    """The query of `GET /v1/audio/answers/{audio_id}`."""

    format: SpeechFormat | None = None
    """None: mp3."""


class SpeechUsage(Struct):
    """Tokens of one answer: text in, sound out (20 a second)."""

    input_tokens: int
    output_tokens: int
    total_tokens: int


class SpeechDelta(Struct, tag_field="type", tag="speech.audio.delta"):
    """The next sound."""

    audio: str
    """Base64."""


class SpeechDone(Struct, tag_field="type", tag="speech.audio.done"):
    """The end of the sound."""

    usage: SpeechUsage


DECODER = msgspec.json.Decoder(SpeechRequest)


def decode(body: bytes, *, strict: bool = False) -> SpeechRequest:
    """Read a request's body.

    Raises:
        BadRequest: not JSON, or not a speech request; with `strict` also one that the original would have refused.
    """
    request = read(DECODER, body, SUPPORTED)
    if strict and request.model in PLAIN_MODELS:
        _refuse_newer(request)
    return request


def audio_delta(sound: bytes) -> bytes:
    """The event of the next bytes of sound."""
    return _event(SpeechDelta(b64encode(sound).decode()))


def audio_done(input_tokens: int, output_tokens: int) -> bytes:
    """The event of the sound's end; `DONE` follows it."""
    usage = SpeechUsage(input_tokens, output_tokens, input_tokens + output_tokens)
    return _event(SpeechDone(usage))


def _event(event: Struct) -> bytes:
    return b"data: " + msgspec.json.encode(event) + b"\r\n\r\n"


def _refuse_newer(request: SpeechRequest) -> None:
    for param, used in (("instructions", request.instructions), ("stream_format", request.stream_format == "sse")):
        if used:
            raise BadRequest(
                f"Unsupported parameter: '{param}' is not supported with this model.",
                param=param,
                code="unsupported_parameter",
            )


def no_answer(audio_id: str) -> NotFound:
    """The error for a spoken answer that is not there any more, was never, or is another's."""
    words = f"Assistant audio {audio_id[:SHOWN_CHARACTERS]} not found."
    return NotFound(words, param="audio_id", code="audio_not_found")
