"""Batches on the wire: what is taken, what is said of them, and the bodies of their lines' answers."""

import json
from typing import Any

import msgspec
import pytest

from vivavoce.core.errors import BadRequest
from vivavoce.wire import batches, errors
from vivavoce.wire.batches import BatchBody, BatchError, BatchErrors, SoundBody, TextBody

ASKED = {"input_file_id": "file-1", "endpoint": "/v1/chat/completions", "completion_window": "24h"}
LINE: dict[str, Any] = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m"}}


def test_a_batch_is_read() -> None:
    more = {"metadata": {"a": "b"}, "output_expires_after": {"anchor": "created_at", "seconds": 3600}}
    read = batches.decode(json.dumps(ASKED | more).encode())
    assert (read.input_file_id, read.endpoint, read.metadata) == ("file-1", "/v1/chat/completions", {"a": "b"})
    assert read.output_expires_after is not None
    assert read.output_expires_after.seconds == 3600
    assert batches.decode(json.dumps(ASKED).encode()).output_expires_after is None


@pytest.mark.parametrize(
    ("changed", "param", "code"),
    [
        ({"endpoint": "/v1/responses"}, "endpoint", "invalid_value"),
        ({"completion_window": "7d"}, "completion_window", "invalid_value"),
        (
            {"output_expires_after": {"anchor": "created_at", "seconds": 2_592_001}},
            "output_expires_after.seconds",
            "integer_above_max_value",
        ),
        ({"metadata": {"k": "v" * 513}}, "metadata.k", "string_above_max_length"),
    ],
)
def test_what_is_no_batch_is_refused(changed: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        batches.decode(json.dumps(ASKED | changed).encode())
    assert (refused.value.param, refused.value.code) == (param, code)


def test_a_line_is_read() -> None:
    read = batches.read_line(json.dumps(LINE | {"more": 1}).encode())
    assert (read.custom_id, read.url, read.body) == ("a", "/v1/chat/completions", {"model": "m"})


@pytest.mark.parametrize(
    ("line", "param", "code"),
    [
        (b"{", None, "invalid_json_line"),
        (b'{"custom_id": "\xff"}', None, "invalid_json_line"),
        (b"[" * 100_000, None, "invalid_json_line"),
        (json.dumps(LINE | {"custom_id": ""}).encode(), "custom_id", "empty_string"),
        (json.dumps(LINE | {"custom_id": "x" * 513}).encode(), "custom_id", "string_above_max_length"),
        (json.dumps(LINE | {"custom_id": 1}).encode(), "custom_id", "invalid_type"),
        (json.dumps(LINE | {"method": "GET"}).encode(), "method", "invalid_value"),
        (json.dumps(LINE | {"body": []}).encode(), "body", "invalid_type"),
    ],
)
def test_what_is_no_line_is_refused(line: bytes, param: str | None, code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        batches.read_line(line)
    assert (refused.value.param, refused.value.code) == (param, code)


def test_an_answer_is_json_whatever_it_is() -> None:
    assert batches.answer_body("application/json", b'{"a":1}') == b'{"a":1}'
    sound = msgspec.json.decode(batches.answer_body("audio/mpeg", b"\0\1"), type=SoundBody)
    assert (sound.audio, sound.content_type) == ("AAE=", "audio/mpeg")
    text = msgspec.json.decode(batches.answer_body("text/plain; charset=utf-8", "é".encode()), type=TextBody)
    assert (text.text, text.content_type) == ("é", "text/plain")


def test_a_batch_is_written() -> None:
    empty = dict.fromkeys(BatchBody.__struct_fields__)
    told = {"id": "batch_1", "object": "batch", "completion_window": "24h", "status": "failed", "created_at": 1}
    written = batches.encode(
        BatchBody(**empty | told | {"errors": BatchErrors("list", [BatchError("c", "m", None, 3)])})
    )
    read = json.loads(written)
    assert read["errors"] == {"object": "list", "data": [{"code": "c", "message": "m", "param": None, "line": 3}]}
    assert (read["id"], read["object"], read["output_file_id"]) == ("batch_1", "batch", None)


def test_what_cannot_be_is_said() -> None:
    assert batches.not_found("x" * 999).message == f"No batch found with id '{'x' * 64}'."
    assert batches.no_such_file("file-1").param == "input_file_id"
    assert "'vision'" in batches.not_for_batches("vision").message
    cannot = batches.not_to_be_cancelled("completed")
    assert (cannot.status, errors.headers(cannot)) == (409, {"x-should-retry": "false"})
    assert batches.too_many(100).status == 429
    assert batches.bad_key("It has expired.") == BatchError(
        "invalid_api_key", "The API key that this batch came with cannot be used. It has expired."
    )
    assert batches.over_queue("m", "p", 90_000).message == (
        "Enqueued token limit reached for m in organization org-p. Limit: 90,000 enqueued tokens. "
        "Please try again once some batches have ended."
    )
    assert batches.over_queue("m", "p", 0).message.endswith("Batches take a higher tier.")
