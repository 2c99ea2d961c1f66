"""Requests to transcribe or translate on the wire: form fields or JSON to one struct, and what is wrong with them."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from vivavoce.core.engines import Hearing
from vivavoce.core.errors import BadRequest
from vivavoce.wire import bodies
from vivavoce.wire.encoded import sound_bytes
from vivavoce.wire.forms import nested
from vivavoce.wire.invalid import explain
from vivavoce.wire.languages import language_code

TextFormat: TypeAlias = Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"]

SUPPORTED = {
    "response_format": "Supported values are: 'json', 'text', 'srt', 'verbose_json', and 'vtt'.",
    "include": "Supported values are: 'logprobs'.",
    "timestamp_granularities": "Supported values are: 'word' and 'segment'.",
    "chunking_strategy": "Supported values are: 'auto'.",
    "type": "Supported values are: 'server_vad'.",
}
LISTS = ("languages", "keywords", "include", "timestamp_granularities")
VAD = "chunking_strategy"
NO_SPEAKERS = "This server does not tell speakers apart. Use 'json' or 'verbose_json' instead."


class ServerVad(Struct, tag_field="type", tag="server_vad"):
    """How the original would cut a recording; taken and not needed: here it is cut where it is quietest."""

    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None
    threshold: Annotated[float, Meta(ge=0, le=1)] | None = None


class TranscriptionRequest(Struct):
    """The fields of `POST /v1/audio/transcriptions` and `/translations`, but for the recording."""

    model: str
    language: str | None = None
    languages: list[str] | None = None
    keywords: list[str] | None = None
    prompt: str | None = None
    response_format: TextFormat | None = None
    """None: json."""
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    include: list[Literal["logprobs"]] | None = None
    timestamp_granularities: list[Literal["word", "segment"]] | None = None
    """None: segment."""
    stream: bool | None = None
    chunking_strategy: Literal["auto"] | ServerVad | None = None

    @property
    def form(self) -> TextFormat:
        """The format of the answer."""
        return self.response_format or "json"

    @property
    def logprobs(self) -> bool:
        """Whether the answer says how sure it is."""
        return "logprobs" in (self.include or ())

    @property
    def words(self) -> bool:
        """Whether the answer lists words."""
        return "word" in (self.timestamp_granularities or ())

    @property
    def segments(self) -> bool:
        """Whether the answer lists segments: always, but for one who asks for words alone."""
        return not self.words or "segment" in (self.timestamp_granularities or ())

    @property
    def counts_tokens(self) -> bool:
        """Whether usage is in tokens; whisper's is in seconds, and whisper never streams."""
        return not self.model.startswith("whisper")


class FormUpload(TranscriptionRequest, kw_only=True):
    """The form: the fields, and the recording as a file."""

    file: Annotated[Any, Meta(extra_json_schema={"type": "string", "contentMediaType": "application/octet-stream"})]


class UploadedAudio(Struct):
    """A recording in JSON."""

    data: str
    """Base64, or a `data:` URL."""


class JsonUpload(TranscriptionRequest, kw_only=True):
    """The form in JSON, as some clients can be set to send it."""

    input_audio: UploadedAudio


JSON_DECODER = msgspec.json.Decoder(JsonUpload)


def decode_form(fields: Sequence[tuple[str, str]], *, strict: bool = False) -> TranscriptionRequest:
    """Read the fields of a form, in order; those of lists may come with or without `[]`, and unknown ones too.

    Raises:
        BadRequest: they do not make a request; with `strict` also one that the original would have refused.
    """
    found = _as_object(fields)
    try:
        request = msgspec.convert(found, TranscriptionRequest, strict=False)
    except msgspec.ValidationError as error:
        raise explain(error, msgspec.json.encode(found), SUPPORTED) from None
    _check(request, strict=strict)
    return request


def decode_json(body: bytes, *, strict: bool = False) -> tuple[TranscriptionRequest, bytes]:
    """Read the JSON form: the request, and the recording's bytes.

    Raises:
        BadRequest: as `decode_form`; or it is not JSON, or has no recording.
    """
    request = bodies.read(JSON_DECODER, body, SUPPORTED)
    _check(request, strict=strict)
    return request, sound_bytes(request.input_audio.data, "input_audio.data")


def hearing(request: TranscriptionRequest, *, translate: bool, strict: bool = False) -> Hearing:
    """How to listen.

    Raises:
        BadRequest: `invalid_language_format`.
    """
    given = request.language or (request.languages[0] if request.languages and len(request.languages) == 1 else None)
    code = language_code(given, strict=strict) if given else None
    if given and code is None:
        raise BadRequest(
            f"Invalid language '{given[:64]}'. Language parameter must be specified in ISO-639-1 format.",
            param="language",
            code="invalid_language_format",
        )
    hints = [hint for hint in [request.prompt, ", ".join(request.keywords or [])] if hint]
    timed = request.logprobs or request.form in ("srt", "vtt", "verbose_json")
    return Hearing(code, " ".join(hints) or None, words=timed, translate=translate)


def _as_object(fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The form as the JSON object it stands for."""
    found: dict[str, Any] = {}
    for given, value in fields:
        name, _, key = given.partition("[")
        if name == VAD:
            found[VAD] = nested(found.get(VAD), key.rstrip("]"), value)
        elif name in LISTS:
            found.setdefault(name, []).append(value)
        elif value:
            found[name] = value
    return found


def _check(request: TranscriptionRequest, *, strict: bool) -> None:
    form = request.form
    if form == "diarized_json" or request.model.endswith("-diarize"):
        param = "response_format" if form == "diarized_json" else "model"
        raise BadRequest(NO_SPEAKERS, param=param, code="unsupported_value")
    if form != "verbose_json" and request.words:
        words = "'timestamp_granularities' of 'word' is only supported with response_format 'verbose_json'."
        raise BadRequest(words, param="timestamp_granularities", code="unsupported_value")
    if strict and request.counts_tokens and form not in ("json", "text"):
        words = (
            f"response_format '{form}' is not compatible with model '{request.model}'. Use 'json' or 'text' instead."
        )
        raise BadRequest(words, param="response_format", code="unsupported_value")
