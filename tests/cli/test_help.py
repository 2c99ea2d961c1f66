from pathlib import Path

import pytest
from typer.testing import CliRunner

import vivavoce
from tests.cli.conftest import Ran, Run
from vivavoce.cli import app, serve
from vivavoce.cli.reference import page

DOCS = Path(__file__).parents[2] / "docs"
COMMANDS = {
    "serve": ["--config", "--think", "--host", "--port"],
    "ask": ["--audio", "--voice", "--out", "--think", "--model", "--config"],
    "say": ["--voice", "--language", "--speed", "--out", "--format", "--model", "--config"],
    "transcribe": ["--words", "--json", "--model", "--config"],
    "models": ["--voices", "--pulled", "--think", "--config"],
    "pull": ["--list", "--include", "--sha256", "--language", "--yes", "--config"],
    "remove": ["--yes", "--force", "--config"],
    "selftest": ["--language", "--json", "--model", "--think", "--config"],
    "doctor": ["--think", "--config", "--look"],
    "conform": [
        *("--key", "--model", "--speech-model", "--transcription-model", "--voice", "--audio", "--only", "--json"),
        *("--strict", "--limit", "--total"),
    ],
    "bench": [
        *("--key", "--model", "--transcription-model", "--voice", "--recording", "--limit-ms", "--most", "--turns"),
        *("--pause", "--wait", "--json", "--svg", "--config"),
    ],
}


def test_the_page_on_the_command_line_is_fresh() -> None:
    assert (DOCS / "cli.md").read_text() == page(), "python -m vivavoce.cli.reference > docs/cli.md"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_the_options(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "160"})
    assert shown.exit_code == 0
    for option in COMMANDS[command]:
        assert option in shown.output


def test_help_and_version(run: Run) -> None:
    assert run("--version").text == f"vivavoce {vivavoce.__version__}\n"
    shown = run("--help")
    assert shown.code == 0
    for command in COMMANDS:
        assert command in shown.text
    assert run().code == 2


def test_help_loads_neither_the_server_nor_the_engines(run: Run) -> None:
    loaded = _loaded(run("--help", PYTHONPROFILEIMPORTTIME="1"))
    assert "vivavoce.cli" in loaded
    assert not loaded & {"sqlalchemy", "uvicorn", "starlette", "httpx2", "numpy", "av"}


def test_a_question_loads_neither_the_server_nor_its_database(run: Run) -> None:
    loaded = _loaded(run("ask", "Hi", "--model", "writer", PYTHONPROFILEIMPORTTIME="1"))
    assert "vivavoce.starting" in loaded
    assert not loaded & {"sqlalchemy", "uvicorn", "starlette", "httpx2", "prometheus_client", "pypdfium2"}


def _loaded(ran: Ran) -> set[str]:
    assert ran.code == 0
    return {line.rpartition("|")[2].strip() for line in ran.err.splitlines()}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frob"], "No such command 'frob'; see vivavoce --help"),
        (["say", "--out", "a.wav"], "Missing argument 'text'; see vivavoce say --help"),
        (["ask", "--frob"], "No such option: --frob"),
        (["serve", "--port", "99999"], "see vivavoce serve --help"),
        (["say", "Hi", "--out", "a.wav", "--speed", "9"], "'--speed'"),
    ],
)
def test_a_command_that_is_not_understood_is_told_in_one_line(run: Run, arguments: list[str], said: str) -> None:
    ran = run(*arguments)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, b"", 1)
    assert ran.err.startswith("vivavoce: ")
    assert said in ran.err


def test_the_first_start_on_a_terminal_tells_of_the_natural_set_without_asking_anybody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path))
    monkeypatch.setattr(serve.socket.socket, "connect", lambda *_: None)
    assert serve._mention() == ""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert serve._mention().endswith("vivavoce pull natural")
    (tmp_path / "data").mkdir()
    assert serve._mention() == ""  # not the first


def test_without_a_network_there_is_nothing_to_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unreachable(*_: object) -> None:
        raise OSError

    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr(serve.socket.socket, "connect", unreachable)
    assert serve._mention() == ""
