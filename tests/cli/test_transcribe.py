import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from vivavoce.audio.wav import write_wav
from vivavoce.core.engines import Word
from vivavoce.testing.scripted import tone

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture
def recording(tmp_path: Path) -> bytes:
    data = write_wav(tone(0.5))
    (tmp_path / "a.wav").write_bytes(data)
    return data


def test_the_text_alone_goes_to_standard_output(run: Run, recording: bytes) -> None:
    ran = run("transcribe", "a.wav")
    assert (ran.code, ran.text, ran.err) == (0, "what time is it\n", "")
    assert run("transcribe", "-", stdin=recording).text == "what time is it\n"


def test_mp3_is_heard_too(run: Run) -> None:
    assert run("transcribe", str(FIXTURES / "question.mp3")).text == "what time is it\n"


def test_json_has_text_and_duration(run: Run, recording: bytes) -> None:
    del recording
    heard = json.loads(run("transcribe", "a.wav", "--json").out)
    assert heard == {"text": "what time is it", "language": None, "duration": 0.5, "words": []}


def test_words_are_timed_a_line_each(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ear.toml").write_text('[engines.ear]\nuse = "pocketsphinx"\n[models.m]\nthink = "ear"\nhear = "ear"\n')
    ran = run("transcribe", str(FIXTURES / "question.wav"), "--words", "--config", "ear.toml")
    assert (ran.code, ran.err) == (0, "")
    lines = [line.split("\t") for line in ran.text.splitlines()]
    words = [Word(text, float(start), float(end)) for start, end, text in lines]
    assert "france" in [word.text for word in words]
    assert all(word.start_s < word.end_s for word in words)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope.wav"], "nope.wav: No such file or directory"),
        (["vivavoce.toml"], "vivavoce.toml: not a recording that can be read"),
        (["/dev/null"], "/dev/null: is empty"),
        (["/dev/zero"], "/dev/zero: too large; the most is 127 MB"),
        (["-"], "standard input: is empty"),
        (["a.wav", "--words"], "this engine does not time its words"),
        (["a.wav", "--words", "--json"], "--words and --json exclude each other"),
        (["a.wav", "--model", "writer"], "model 'writer' does not hear"),
        (["short.wav"], "short.wav: Audio file is too short"),
    ],
)
def test_what_a_person_can_get_wrong_is_told_in_one_line(
    run: Run, recording: bytes, tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "short.wav").write_bytes(write_wav(tone(0.05)))
    ran = run("transcribe", *arguments)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, b"", 1)
    assert said in ran.err
