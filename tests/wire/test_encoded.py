"""Base64 in every dress is bytes; anything else is told by its place."""

from base64 import b64encode, urlsafe_b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.core.errors import BadRequest
from vivavoce.wire import encoded as module
from vivavoce.wire.encoded import decoded, encoded, sound_bytes

PARAM = "messages[2].content[1].input_audio.data"


@settings(deadline=None)
@given(st.binary(min_size=1), st.booleans(), st.booleans(), st.sampled_from(["", "data:audio/wav;base64,", "data:,"]))
def test_base64_is_taken_in_every_dress(sent: bytes, urlsafe: bool, padded: bool, before: str) -> None:
    text = (urlsafe_b64encode if urlsafe else b64encode)(sent).decode()
    text = text if padded else text.rstrip("=")
    middle = len(text) // 2
    assert sound_bytes(f"{before} {text[:middle]}\r\n\t{text[middle:]}\n", PARAM) == sent


@pytest.mark.parametrize(
    "data",
    ["", "====", "A", "hello world!", "QUJD*", "QU=JD", "QUJDé", "data:audio/wav;base64,", "data:audio/wav", "\ud83d"],
)
def test_what_is_no_base64_is_told_so_by_its_place(data: str) -> None:
    with pytest.raises(BadRequest) as error:
        sound_bytes(data, PARAM)
    words = f"Invalid '{PARAM}'. Expected base64-encoded audio bytes but got an invalid value."
    assert (error.value.message, error.value.param, error.value.code) == (words, PARAM, "invalid_value")


@pytest.mark.parametrize("size", range(30))
def test_pieces_make_the_whole(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE", 6)
    monkeypatch.setattr(module, "LETTERS", 8)
    sent = bytes(range(250 - size, 250))
    text = b64encode(sent).decode()
    assert encoded(sent) == text
    dresses = (text, text.rstrip("="), urlsafe_b64encode(sent).decode(), f"data:,{text[:5]} {text[5:]}")
    assert [decoded(dress) for dress in dresses] == [sent] * 4
    assert decoded("QUJDQUI=" + (text or "QUJD")) == b""


def test_twenty_megabytes_of_anything_but_base64_are_refused_in_few_words() -> None:
    with pytest.raises(BadRequest) as error:
        sound_bytes("not base64! " * 1_700_000, PARAM)
    assert len(error.value.message) < 200


@settings(deadline=None)
@given(st.text())
def test_any_text_is_bytes_or_nothing(data: str) -> None:
    assert isinstance(decoded(data), bytes)
