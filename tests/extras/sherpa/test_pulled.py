"""A voice that was pulled is what speaks: on its own lines, and in the set of `pull natural`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.extras.sherpa import making
from tests.support.pulling import ANSWER, Pulling, stocked
from vivavoce.audio.wav import read_wav

A_LETTER_S = making.SAMPLES_A_LETTER / making.RATE
"""How long the tiny voice hums each."""


@pytest.fixture
def pulling(tmp_path: Path) -> Iterator[Pulling]:
    with stocked(tmp_path, {"sherpa-onnx": making.vits(tmp_path / "voice")}) as here:
        yield here


def test_its_lines_take_the_place_of_the_embedded_voice(pulling: Pulling, tmp_path: Path) -> None:
    (tmp_path / "here/vivavoce.toml").write_text(pulling.run("pull", "piper-nl"))
    pulling.run("say", "goede morgen", "--out", "a.wav")
    said = read_wav((tmp_path / "here/a.wav").read_bytes())
    assert said.seconds == pytest.approx(len("goede morgen") * A_LETTER_S, abs=2 * A_LETTER_S)


def test_the_set_speaks_with_it(pulling: Pulling) -> None:
    found = pulling.natural("--language", "nl")
    assert [each.partition(":")[0] for each in found["engines"]["speak"]][:2] == ["voices", "voice-nl"]
    assert found["say and hear nl"]["said"].endswith("s said; nothing here hears this language")
    assert found["first audio"]["ok"]
    answer = found["answer nl"]
    assert (answer["ok"], answer["figures"]["answer"]) == (True, ANSWER)
    assert answer["figures"]["sound_s"] == pytest.approx(len(ANSWER) * A_LETTER_S, abs=2 * A_LETTER_S)
