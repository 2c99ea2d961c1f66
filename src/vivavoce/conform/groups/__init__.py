"""The checks, one module a group."""

from vivavoce.conform.groups import (
    audio_in,
    audio_out,
    errors,
    fields,
    headers,
    models,
    openapi,
    ranges,
    references,
    speech,
    spoken_stream,
    stored,
    text,
    text_stream,
    tool_errors,
    transcriptions,
    translations,
    usage,
)

GROUPS = (
    models.GROUP,
    text.GROUP,
    text_stream.GROUP,
    audio_in.GROUP,
    audio_out.GROUP,
    spoken_stream.GROUP,
    references.GROUP,
    tool_errors.GROUP,
    fields.GROUP,
    ranges.GROUP,
    usage.GROUP,
    errors.GROUP,
    headers.GROUP,
    speech.GROUP,
    transcriptions.GROUP,
    translations.GROUP,
    stored.GROUP,
    openapi.GROUP,
)
"""In the order in which they are looked at."""
