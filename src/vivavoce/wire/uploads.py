"""Files on the wire: the form that brings one, what is said of it, and what is wrong. Source: OpenAI's schema."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from vivavoce.core.errors import BadRequest, NotFound
from vivavoce.wire.forms import nested
from vivavoce.wire.invalid import explain
from vivavoce.wire.listing import Page, Query

Purpose: TypeAlias = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]

BATCH_S = 30 * 86_400
"""How long files for batches are kept where nothing is said of it."""
SUPPORTED = {
    "purpose": "Supported values are: 'assistants', 'batch', 'fine-tune', 'vision', 'user_data', and 'evals'.",
    "anchor": "Supported values are: 'created_at'.",
}
EXPIRES = "expires_after"
FILENAME_CHARACTERS = 255
UNNAMED = "upload"
SHOWN_CHARACTERS = 128
ODD = re.compile(r"[^A-Za-z0-9 !#$&+.^_`~()@,=-]")
"""What no quoted text in a header should hold."""


class FileExpiry(Struct):
    """When a file is to expire."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Meta(ge=3600, le=2_592_000)]


class FileFields(Struct):
    """The fields of `POST /v1/files`, but for the file."""

    purpose: Purpose
    expires_after: FileExpiry | None = None

    def expires_at(self, created_at: int) -> int | None:
        """When a file made at `created_at` expires, both in Unix seconds; None: never."""
        if self.expires_after is not None:
            return created_at + self.expires_after.seconds
        return created_at + BATCH_S if self.purpose == "batch" else None


class FileUpload(FileFields, kw_only=True):
    """The form: the fields, and the file."""

    file: Annotated[Any, Meta(extra_json_schema={"type": "string", "contentMediaType": "application/octet-stream"})]


class FileObject(Struct):
    """What is said of a file."""

    id: str
    object: Literal["file"]
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: Literal["processed"]
    expires_at: int | UnsetType = UNSET


class FilePage(Page):
    """Part of the files."""

    data: list[FileObject]


class DeletedFile(Struct):
    """What is said of a file that is no more."""

    id: str
    object: Literal["file"]
    deleted: bool


class FilesQuery(Query):
    """Which part of which files."""

    limit: Annotated[int, Meta(ge=1, le=10_000)] = 10_000
    order: Literal["asc", "desc"] = "desc"
    purpose: str | None = None


def decode_form(fields: Sequence[tuple[str, str]]) -> FileFields:
    """Read the fields of a form.

    Raises:
        BadRequest: they do not say what the file is for, or until when it is to be kept.
    """
    found: dict[str, Any] = {}
    for given, value in fields:
        name, _, key = given.partition("[")
        if name == EXPIRES:
            found[EXPIRES] = nested(found.get(EXPIRES), key.rstrip("]"), value)
        elif value:
            found[name] = value
    try:
        return msgspec.convert(found, FileFields, strict=False)
    except msgspec.ValidationError as error:
        raise explain(error, msgspec.json.encode(found), SUPPORTED) from None


def filename(given: str) -> str:
    """What a file is called, without the folders it lay in.

    Raises:
        BadRequest: the name is too long.
    """
    name = PurePosixPath(given).name
    if len(name) > FILENAME_CHARACTERS:
        words = (
            f"Invalid 'file': string too long. Expected a filename with maximum length {FILENAME_CHARACTERS}, "
            f"but got one with length {len(name)} instead."
        )
        raise BadRequest(words, param="file", code="string_above_max_length")
    return UNNAMED if name in ("", "..") else name


def disposition(name: str) -> str:
    """The header that tells a browser what to call a file (RFC 6266), whatever stands in its name."""
    plain = ODD.sub("_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def said(body: FileObject) -> bytes:
    """The bytes said of a file."""
    return msgspec.json.encode(body)


def deleted(file_id: str) -> bytes:
    """The bytes said of a file that was deleted."""
    return msgspec.json.encode(DeletedFile(file_id, "file", deleted=True))


def not_found(file_id: str) -> NotFound:
    """The error for a file that is not there."""
    return NotFound(f"No such File object: {file_id[:SHOWN_CHARACTERS]}", param="id")


def too_many(room: int) -> BadRequest:
    """The error for a file with which the project would keep more than `room` bytes."""
    words = f"With this file your project would keep more than {room} bytes of files. Delete some and try again."
    return BadRequest(words, param="file", code="storage_limit_exceeded")
