"""The form that brings a file, and what is said of files."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.core.errors import BadRequest, NoSpace
from vivavoce.wire import errors
from vivavoce.wire.forms import nested
from vivavoce.wire.ids import file_id
from vivavoce.wire.uploads import (
    BATCH_S,
    FileExpiry,
    FileObject,
    decode_form,
    deleted,
    disposition,
    filename,
    not_found,
    said,
    too_many,
)

HOUR = [("expires_after[anchor]", "created_at"), ("expires_after[seconds]", "3600")]
JSON = [("expires_after", '{"anchor": "created_at", "seconds": 3600}')]


@pytest.mark.parametrize("fields", [HOUR, HOUR[::-1], JSON])
def test_an_expiry_comes_in_either_encoding(fields: list[tuple[str, str]]) -> None:
    found = decode_form([("purpose", "batch"), *fields])
    assert found.expires_after == FileExpiry("created_at", 3600)
    assert found.expires_at(1000) == 4600


def test_without_one_only_files_for_batches_expire() -> None:
    assert decode_form([("purpose", "batch")]).expires_at(1000) == 1000 + BATCH_S
    assert decode_form([("purpose", "user_data"), ("more", "x"), ("expires_after", "")]).expires_at(1000) is None


@pytest.mark.parametrize("given", ["{", '"', "{" * 100_000, "soon"])
def test_an_expiry_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(BadRequest) as refused:
        decode_form([("purpose", "batch"), ("expires_after", given)])
    assert refused.value.param == "expires_after"


def test_keys_beside_a_word_stand_alone() -> None:
    assert nested("soon", "anchor", "created_at") == {"anchor": "created_at"}
    assert nested({"anchor": "created_at"}, "seconds", "1") == {"anchor": "created_at", "seconds": "1"}


@pytest.mark.parametrize("given", [[], [("purpose", "")], [("purpose", "tuning")]])
def test_a_purpose_that_is_none_is_refused(given: list[tuple[str, str]]) -> None:
    with pytest.raises(BadRequest) as refused:
        decode_form(given)
    assert refused.value.param == "purpose"


@given(st.text(max_size=255) | st.sampled_from(["", ".", "..", "/", "a/..", "../../etc/passwd"]))
def test_any_name_is_a_plain_one(name: str) -> None:
    kept = filename(name)
    assert kept
    assert "/" not in kept
    assert kept not in {".", ".."}


def test_a_name_without_end_is_refused() -> None:
    with pytest.raises(BadRequest) as refused:
        filename("x" * 256)
    assert (refused.value.param, refused.value.code) == ("file", "string_above_max_length")


def test_little_is_said_back_of_an_id() -> None:
    assert len(not_found("x" * 10_000).message) < 200
    assert not_found("file-1").message == "No such File object: file-1"
    assert json.loads(deleted("file-1")) == {"id": "file-1", "object": "file", "deleted": True}
    assert too_many(5).code == "storage_limit_exceeded"


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_any_name_stays_in_its_header(name: str) -> None:
    said = disposition(name)
    assert said.isascii()
    assert said.isprintable()
    assert said.count('"') == 2
    assert said.startswith('attachment; filename="')


def test_a_file_without_an_end_says_of_none() -> None:
    told = FileObject("file-1", "file", 5, 1000, "a", "user_data", "processed")
    assert b"expires_at" not in said(told)
    assert json.loads(said(FileObject(*msgspec.structs.astuple(told)[:-1], 4600)))["expires_at"] == 4600


def test_ids_are_of_the_originals_shape() -> None:
    assert file_id() != file_id()
    assert file_id().startswith("file-")
    assert len(file_id()) == 29


def test_a_full_disk_is_told_with_no_hope() -> None:
    assert json.loads(errors.body(NoSpace()))["error"]["code"] == "storage_full"
    assert errors.headers(NoSpace()) == {"x-should-retry": "false"}
