"""A Whisper that was pulled is what hears: on its own lines, and in the set of `pull natural`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.extras.whisper import making
from tests.support.pulling import ANSWER, Pulling, stocked
from vivavoce.audio.wav import write_wav
from vivavoce.testing.scripted import tone

SAID = set("abcdefghij ")
"""All that the tiny Whisper says."""


@pytest.fixture
def pulling(tmp_path: Path) -> Iterator[Pulling]:
    with stocked(tmp_path, {"faster-whisper": making.whisper(tmp_path / "whisper")}) as here:
        yield here


def test_its_lines_take_the_place_of_the_embedded_ear(pulling: Pulling, tmp_path: Path) -> None:
    (tmp_path / "here/a.wav").write_bytes(write_wav(tone(2)))
    (tmp_path / "here/vivavoce.toml").write_text(pulling.run("pull", "whisper-base"))
    heard = json.loads(pulling.run("transcribe", "a.wav", "--json"))["text"]
    assert heard
    assert set(heard) <= SAID


def test_the_set_hears_with_it(pulling: Pulling) -> None:
    found = pulling.natural(code=1)  # it does not hear what was said
    assert found["engines"]["hear"][0].startswith("ear: faster-whisper")
    assert found["say and hear en"]["figures"]["wer"] > 0.5
    assert found["first audio"]["figures"]["question"] == "spoken"
    assert found["answer en"]["figures"]["answer"] == ANSWER
