"""Files in a chat request: found, taken for what they are, and put where they stood."""

import json
from base64 import b64encode
from typing import Any

import pytest

from vivavoce.core.errors import BadRequest
from vivavoce.core.turn import Message, Text
from vivavoce.wire import chat, files
from vivavoce.wire.chat import Place
from vivavoce.wire.request import ChatRequest

PDF = b"%PDF-1.7\n..."
DATA = b64encode(PDF).decode()
PARAM = "messages[1].content[0].file.file_data"


def asking(file: dict[str, Any]) -> ChatRequest:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "file", "file": file}, {"type": "text", "text": "What is it?"}]},
        {"role": "user", "content": "Well?"},
    ]
    return chat.decode(json.dumps({"model": "m", "messages": messages}).encode())


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(f"data:application/pdf;base64,{DATA}", id="as the original wants it"),
        pytest.param(DATA, id="bare"),
        pytest.param(f"data:application/octet-stream;base64,{DATA}", id="called something else"),
        pytest.param(b64encode(b"\r\n junk \r\n" + PDF).decode(), id="with something before it"),
    ],
)
def test_a_pdf_is_read_out_where_it_stood(data: str) -> None:
    request = asking({"filename": "trip.pdf", "file_data": data, "file_id": None})
    (file,) = files.files(request)
    assert (file.place, file.name) == (Place(1, 0), "trip.pdf")
    assert files.pdf_bytes(file).endswith(PDF)
    turn = chat.to_turn(request, {file.place: files.read_out(file, "To Rome.")}, {})
    assert turn.messages[1] == Message("user", (Text("[trip.pdf]\nTo Rome."), Text("What is it?")))


def test_a_file_without_a_name_gets_one() -> None:
    (file,) = files.files(asking({"file_data": DATA}))
    assert files.read_out(file, "Words.") == Text("[document.pdf]\nWords.")


@pytest.mark.parametrize(
    ("data", "got"),
    [
        ("", "an invalid base64-encoded value"),
        ("https://example.org/a.pdf", "an invalid base64-encoded value"),
        ("data:application/pdf;base64,?", "an invalid base64-encoded value"),
        ("data:text/plain;charset=utf-8;base64,QUJD", "unsupported MIME type 'text/plain'"),
        (f"data:{'x' * 100},QUJD", f"unsupported MIME type '{'x' * 64}'"),
        ("data:application/pdf;base64,QUJD", "a file that is no PDF"),
        ("data:,QUJD", "a file that is no PDF"),
        ("QUJD", "a file that is no PDF"),
        (b64encode(bytes(1024) + PDF).decode(), "a file that is no PDF"),
    ],
)
def test_what_is_no_pdf_is_told_so_in_the_originals_words(data: str, got: str) -> None:
    (file,) = files.files(asking({"filename": "a.pdf", "file_data": data}))
    with pytest.raises(BadRequest) as refused:
        files.pdf_bytes(file)
    assert refused.value.message == (
        f"Invalid file data: '{PARAM}'. Expected a base64-encoded data URL with an application/pdf MIME type "
        f"(e.g. 'data:application/pdf;base64,SGVsbG8sIFdvcmxkIQ=='), but got {got}."
    )
    assert (refused.value.param, refused.value.code) == (PARAM, "invalid_value")


def test_strict_takes_a_pdf_too() -> None:
    sound = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
    part = {"type": "file", "file": {"filename": "a.pdf", "file_data": DATA}}
    body = {"model": "m", "messages": [{"role": "user", "content": [part]}], **sound}
    assert len(list(files.files(chat.decode(json.dumps(body).encode(), strict=True)))) == 1
