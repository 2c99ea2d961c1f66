"""What clients are told of recordings that cannot be taken or heard: the original's words, with usage beside them."""

from msgspec import Struct

from vivavoce.core.errors import BadRequest, PublicError, TooLarge
from vivavoce.wire.errors import Call, ErrorBody, encoded, shown

FILE_KINDS = ["flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm"]


class DurationUsage(Struct, tag_field="type", tag="duration"):
    """Seconds of sound, rounded up."""

    seconds: int


class FailedTranscription(Struct):
    """An error, with the usage the original puts beside it."""

    error: ErrorBody
    usage: DurationUsage


class UploadTooLarge(TooLarge):
    """The recording is over the limit; the original calls it its own error."""

    kind = "server_error"


def missing_file() -> BadRequest:
    """The error for a form without a recording."""
    return BadRequest("Missing required parameter: 'file'.", param="file", code="missing_required_parameter")


def bad_form() -> BadRequest:
    """The error for a body that is no form."""
    return BadRequest("Could not parse multipart form.", code="invalid_multipart")


def upload_too_large(limit: int, size: int) -> UploadTooLarge:
    """The error for a recording of `size` bytes, or that many so far, where `limit` are taken."""
    return UploadTooLarge(f"413: Maximum content size limit ({limit}) exceeded ({size} bytes read)")


def unknown_kind() -> BadRequest:
    """The error for bytes that are no sound file of any kind we know."""
    return BadRequest(f"Invalid file format. Supported formats: {FILE_KINDS}")


def undecodable() -> BadRequest:
    """The error for a sound file that cannot be read."""
    return BadRequest("The audio file could not be decoded or its format is not supported.")


def too_short(seconds: float) -> BadRequest:
    """The error for a recording of less than `seconds`."""
    words = f"Audio file is too short. Minimum audio length is {seconds:g} seconds."
    return BadRequest(words, param="file", code="audio_too_short")


def too_long(seconds: float | None, limit: float) -> BadRequest:
    """The error for a recording of `seconds` (None: nobody listened to its end) where `limit` are taken."""
    shown = f"over {limit:g}" if seconds is None else f"{seconds:g}"
    words = f"audio duration {shown} seconds is longer than {limit:g} seconds which is the maximum for this model"
    return BadRequest(words, code="invalid_value")


def cannot_translate() -> BadRequest:
    """The error for another language than English where the engine cannot translate."""
    words = "Unsupported value: this model translates no other language than English."
    return BadRequest(words, param="file", code="unsupported_value")


def failed(error: PublicError, call: Call | None = None) -> bytes:
    """The JSON of an error, with the usage beside it."""
    return encoded(FailedTranscription(shown(error), DurationUsage(0)), error, call)
