import wave
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_a_text_is_said_into_a_file(run: Run, tmp_path: Path) -> None:
    ran = run("say", "Hello there.", "--out", "a.wav")
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    with wave.open(str(tmp_path / "a.wav")) as said:
        assert said.getnframes() == pytest.approx(24_000 * 0.12, abs=1)


def test_faster_is_shorter(run: Run, tmp_path: Path) -> None:
    assert run("say", "Hello there.", "--out", "a.pcm", "--speed", "2", "--voice", "echo").code == 0
    assert (tmp_path / "a.pcm").stat().st_size == pytest.approx(24_000 * 0.06 * 2, abs=2)


def test_text_from_standard_input_sound_to_standard_output(run: Run) -> None:
    wav = run("say", "-", "--out", "-", stdin=b"Hello there.\n")
    pcm = run("say", "-", "--out", "-", "--format", "pcm", stdin=b"Hello there.\n")
    assert (wav.code, pcm.code, wav.err, pcm.err) == (0, 0, "", "")
    assert wav.out[:4] == b"RIFF"
    assert wav.out[44:] == pcm.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["", "--out", "a.wav"], "there is nothing to say"),
        (["!!!", "--out", "a.wav"], "there is nothing to say in that text"),
        (["Hi", "--out", "a.wav", "--voice", "nobody"], "there is no voice 'nobody'"),
        (["Hi", "--out", "a.wav", "--language", "german"], "--language german: not a code"),
        (["Hi", "--out", "a.wav", "--model", "writer"], "model 'writer' does not speak"),
        (["Hi", "--out", "a"], "its ending must be one of"),
        (["Hi", "--out", "."], "its ending must be one of"),
        (["Hi", "--out", ".", "--format", "wav"], ".: is a folder"),
    ],
)
def test_what_a_person_can_get_wrong_is_told_in_one_line(run: Run, arguments: list[str], said: str) -> None:
    ran = run("say", *arguments)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, b"", 1)
    assert said in ran.err


def test_a_language_nobody_speaks_is_refused_with_the_list(run: Run, tmp_path: Path) -> None:
    (tmp_path / "espeak.toml").write_text('[engines.v]\nuse = "espeak"\n[models.m]\nthink = "v"\nspeak = "v"\n')
    ran = run("say", "Hi", "--out", "a.wav", "--language", "xx", "--config", "espeak.toml")
    assert ran.code == 1
    assert ran.err.startswith("vivavoce: no voice speaks 'xx'; languages: af, ")
    assert run("say", "Hallo", "--out", "a.wav", "--language", "de", "--config", "espeak.toml").code == 0
