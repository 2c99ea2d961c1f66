"""`docs/compatibility.md` names every field that is read or written, and none that does not exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from msgspec import Struct

from tests.wire.recorded import shared
from vivavoce.wire.batches import BatchBody, BatchQuery, NewBatch
from vivavoce.wire.chunks import Chunk
from vivavoce.wire.completion import Completion
from vivavoce.wire.errors import Envelope, FlatError
from vivavoce.wire.listing import CompletionsQuery, Page
from vivavoce.wire.models import ModelList
from vivavoce.wire.pages import SpeechModels, VoiceList
from vivavoce.wire.request import ChatRequest
from vivavoce.wire.speech import AnswerQuery, SpeechDelta, SpeechDone, SpeechRequest
from vivavoce.wire.stored import Deleted, StoredCompletion, Update
from vivavoce.wire.stored_messages import StoredMessage
from vivavoce.wire.transcript import LongAnswer, ShortAnswer, TextDelta, TextDone
from vivavoce.wire.transcription import FormUpload, JsonUpload
from vivavoce.wire.transcription_errors import FailedTranscription
from vivavoce.wire.uploads import DeletedFile, FileObject, FilesQuery, FileUpload
from vivavoce.wire.usage import CompletionsUsageQuery, CostsQuery, UsagePage, UsageQuery

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
SECTIONS: dict[str, list[type[Struct]]] = {
    "Chat completions: the request": [ChatRequest],
    "Chat completions: the answer": [Completion],
    "Chat completions: the chunks": [Chunk],
    "Stored completions: the requests": [CompletionsQuery, Update],
    "Stored completions: the answers": [Page, StoredCompletion, StoredMessage, Deleted],
    "Speech: the request": [SpeechRequest],
    "Speech: the events": [SpeechDelta, SpeechDone],
    "Spoken answers: the request": [AnswerQuery],
    "Transcriptions and translations: the request": [FormUpload, JsonUpload],
    "Transcriptions and translations: the answer": [ShortAnswer, LongAnswer],
    "Transcriptions: the events": [TextDelta, TextDone],
    "Files: the requests": [FileUpload, FilesQuery],
    "Files: the answers": [Page, FileObject, DeletedFile],
    "Batches: the requests": [NewBatch, BatchQuery],
    "Batches: the answers": [Page, BatchBody],
    "Errors": [Envelope, FailedTranscription, FlatError],
    "Models and voices": [ModelList, VoiceList, SpeechModels],
    "Usage and costs: the requests": [UsageQuery, CompletionsUsageQuery, CostsQuery],
    "Usage and costs: the answers": [UsagePage],
}
HEADERS = "Headers"
NOT_SERVED = "Endpoints that are not served"
MEASURED = "Through LiteLLM's proxy"
"""By `vivavoce conform` in tests/compat; names no field of ours."""
OURS = {"as the original", "superset", "ignored", "refused"}
NOT_OURS = {"ignored", "refused", "not given"}
"""What may become of a field of the original's that no struct of ours has."""


def fields(kind: Any, path: str = "") -> Iterator[str]:
    """Every path in a struct."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        before = f"{path}." if path else ""
        if kind.__struct_config__.tag_field:
            yield before + kind.__struct_config__.tag_field
        hints = get_type_hints(kind)
        for own, name in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True):
            yield before + name
            yield from fields(hints[own], before + name)
    else:
        for inner in get_args(kind):
            yield from fields(inner, f"{path}[]" if get_origin(kind) is list else path)


def rows(section: str) -> list[tuple[list[str], str]]:
    """The rows of a section's table: what is named in the first cell, and the second cell."""
    text = PAGE.read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    table = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return [(re.findall(r"`([^`]+)`", cells[0]), cells[1].strip()) for cells in table]


def named(section: str, known: list[str]) -> list[tuple[str, str]]:
    """Each field of a section's table, and what becomes of it; `usage.*` is all there is below `usage`."""
    found: list[tuple[str, str]] = []
    for names, verdict in rows(section):
        for name in names:
            below = [path for path in known if name.endswith(".*") and path.startswith(name[:-1])]
            found += [(path, verdict) for path in below or [name]]
    return found


@pytest.mark.parametrize("section", SECTIONS)
def test_every_field_stands_there_once_and_none_is_made_up(section: str) -> None:
    known = list(dict.fromkeys(path for kind in SECTIONS[section] for path in fields(kind)))
    table = named(section, known)
    names = [name for name, _ in table]
    assert sorted(names) == sorted(set(names))
    assert set(known) - set(names) == set()
    assert {verdict for name, verdict in table if name in known} <= OURS
    others = {(name, verdict) for name, verdict in table if name not in known}
    assert {verdict for _, verdict in others} <= NOT_OURS


def test_what_only_the_original_has_it_does_have() -> None:
    names = set(re.findall(r'"(\w+)": ?{', shared("openapi.json").read_text()))
    for section, kinds in SECTIONS.items():
        known = [path for kind in kinds for path in fields(kind)]
        assert {name.split(".")[-1] for name, _ in named(section, known) if name not in known} - names == set(), section


def test_every_section_of_the_page_is_checked() -> None:
    assert re.findall(r"^## (.+)$", PAGE.read_text(), re.MULTILINE) == [*SECTIONS, HEADERS, NOT_SERVED, MEASURED]


def test_the_original_has_no_field_that_the_page_does_not_name() -> None:
    schemas = json.loads(shared("openapi.json").read_text())["components"]["schemas"]

    def properties(name: str) -> set[str]:
        found: set[str] = set()
        for part in schemas[name].get("allOf", [schemas[name]]):
            found |= properties(part["$ref"].rpartition("/")[2]) if "$ref" in part else set(part["properties"])
        return found

    for section, originals in {
        "Chat completions: the request": ["CreateChatCompletionRequest"],
        "Chat completions: the answer": ["CreateChatCompletionResponse"],
        "Chat completions: the chunks": ["CreateChatCompletionStreamResponse"],
        "Stored completions: the answers": [
            "ChatCompletionList",
            "CreateChatCompletionResponse",
            "ChatCompletionMessageList",
            "ChatCompletionDeleted",
        ],
        "Speech: the request": ["CreateSpeechRequest"],
        "Speech: the events": ["SpeechAudioDeltaEvent", "SpeechAudioDoneEvent"],
        "Transcriptions and translations: the request": ["CreateTranscriptionRequest", "CreateTranslationRequest"],
        "Transcriptions and translations: the answer": [
            "CreateTranscriptionResponseJson",
            "CreateTranscriptionResponseVerboseJson",
        ],
        "Transcriptions: the events": ["TranscriptTextDeltaEvent", "TranscriptTextDoneEvent"],
        "Files: the requests": ["CreateFileRequest"],
        "Batches: the requests": ["CreateBatchRequest"],
        "Batches: the answers": ["ListBatchesResponse", "Batch"],
        "Files: the answers": ["ListFilesResponse", "OpenAIFile", "DeleteFileResponse"],
    }.items():
        names = {name for name, _ in named(section, [])}
        assert {field for original in originals for field in properties(original)} - names == set(), section


def test_fields_within_lists_and_unions_are_found() -> None:
    found = set(fields(ChatRequest))
    assert {"messages[].content[].input_audio.data", "audio.voice.id", "response_format.type"} <= found
    assert all(re.fullmatch(r"\w+(\[\])*(\.\w+(\[\])*)*", path) for path in found)
