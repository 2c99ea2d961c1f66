"""Files in a chat request: PDFs, whose words are read to the model."""

from collections.abc import Iterator
from dataclasses import dataclass

from vivavoce.core.errors import BadRequest
from vivavoce.core.turn import Text
from vivavoce.wire.chat import Place
from vivavoce.wire.encoded import decoded
from vivavoce.wire.request import ChatRequest, FilePart, UserMessage

MAGIC = b"%PDF-"
MAGIC_WITHIN = 1024
"""Bytes; as Adobe's own readers look for it."""
UNNAMED = "document.pdf"
SHOWN_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class File:
    """A file in the request, still as it was sent."""

    place: Place
    name: str
    data: str

    @property
    def param(self) -> str:
        """The path of its data."""
        return f"messages[{self.place.message}].content[{self.place.part}].file.file_data"


def files(request: ChatRequest) -> Iterator[File]:
    """The files of a request, in order."""
    for m, message in enumerate(request.messages):
        if isinstance(message, UserMessage) and not isinstance(message.content, str):
            for p, part in enumerate(message.content):
                if isinstance(part, FilePart):
                    yield File(Place(m, p), part.file.filename or UNNAMED, part.file.file_data or "")


def pdf_bytes(file: File) -> bytes:
    """The bytes of a PDF. What it is called and said to be does not matter, what it is does.

    Raises:
        BadRequest: it is not base64, or no PDF.
    """
    found = decoded(file.data)
    if MAGIC in found[:MAGIC_WITHIN]:
        return found
    got = "a file that is no PDF" if found else "an invalid base64-encoded value"
    kind = file.data[5 : 5 + SHOWN_CHARACTERS].partition(";")[0].partition(",")[0] if file.data[:5] == "data:" else ""
    if found and kind and kind != "application/pdf":
        got = f"unsupported MIME type '{kind}'"
    raise BadRequest(
        f"Invalid file data: '{file.param}'. Expected a base64-encoded data URL with an application/pdf MIME type "
        f"(e.g. 'data:application/pdf;base64,SGVsbG8sIFdvcmxkIQ=='), but got {got}.",
        param=file.param,
        code="invalid_value",
    )


def read_out(file: File, words: str) -> Text:
    """What the model is told of a file."""
    return Text(f"[{file.name}]\n{words}")
