import pytest
from typer.testing import CliRunner

from tests.cli.conftest import Run
from vivavoce.cli import app


def test_a_pipe_gets_a_line_a_name(run: Run) -> None:
    ran = run("models")
    assert (ran.code, ran.err) == (0, "")
    assert ran.text.splitlines() == [
        "talker\tscript: scripted\tscript: scripted\tscript: scripted",
        "chatty\tscript: scripted\tscript: scripted\tscript: scripted",
        "writer\t-\tscript: scripted\t-",
    ]


def test_voices_are_asked_of_the_engines(run: Run) -> None:
    lines = run("models", "--voices").text.splitlines()
    assert [line.split("\t")[4] for line in lines] == ["sam, alloy, echo", "sam, alloy, echo", "-"]


def test_the_embedded_default_is_listed_without_its_weights(run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = tmp_path_factory.mktemp("empty") / "none.toml"
    empty.write_text("")
    lines = run("models", "--config", str(empty)).text.splitlines()
    name, hears, thinks, speaks = lines[0].split("\t")
    assert name == "gpt-4o-mini-audio-preview"
    assert hears == "ear: pocketsphinx"
    assert thinks == "brain: llama SmolLM2-135M-Instruct.Q4_1"
    assert speaks.startswith("voices: espeak")
    assert "gpt-4o-audio-preview" in [line.split("\t")[0] for line in lines]


def test_another_brain_is_shown_without_the_secrets_of_its_address(run: Run) -> None:
    ran = run("models", "--think", "http://me:secret@localhost:11434/v1#llama3.2")
    assert "brain: openai llama3.2 at localhost:11434" in ran.text
    assert "secret" not in ran.text


def test_help_names_the_options() -> None:
    shown = CliRunner().invoke(app, ["models", "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    for option in ("--voices", "--think", "--config"):
        assert option in shown.output
