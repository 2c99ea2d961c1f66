"""On a terminal there is more to see than in a pipe."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import SCRIPTED
from tests.support.hub import serving
from vivavoce.audio.wav import write_wav
from vivavoce.cli.terminal import harmless
from vivavoce.testing.scripted import tone


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    (tmp_path / "vivavoce.toml").write_text(SCRIPTED)
    return tmp_path


def watch(folder: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    """What somebody at a terminal sees."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "vivavoce", *arguments]
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm", **variables}
    with subprocess.Popen(command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as run:
        os.close(theirs)
        seen = b""
        try:
            while part := os.read(ours, 65536):
                seen += part
        except OSError:  # how a terminal ends
            pass
        os.close(ours)
    return run.returncode, seen.decode()


def test_ask_shows_what_it_does_what_it_heard_and_where_it_saved(folder: Path) -> None:
    (folder / "a.wav").write_bytes(write_wav(tone(0.5)))
    code, seen = watch(folder, "ask", "--audio", "a.wav", "--voice", "alloy")
    assert code == 0
    for shown in ("starting the engines", "heard: what time is it", "Hello there. Bye.", "saved: reply.wav"):
        assert shown in seen


def test_pull_says_whom_it_asks_before_there_is_an_answer(folder: Path) -> None:
    with serving() as hub:
        where = {"HF_ENDPOINT": hub.url, "NO_PROXY": "127.0.0.1", "HF_TOKEN": "", "VIVAVOCE_HOME": str(folder / "home")}
        code, seen = watch(folder, "pull", "hf:o/none", **where)
    asked, answered = seen.index("asking 127.0.0.1 for hf:o/none…"), seen.index("the model hub has no o/none")
    assert (code, asked < answered) == (1, True)


def test_models_are_a_table(folder: Path) -> None:
    code, seen = watch(folder, "models", "--voices")
    assert code == 0
    assert "thinks" in seen
    assert "chatty" in seen
    assert "Voices of talker: sam, alloy, echo" in seen


def test_keys_are_a_table_and_one_that_is_made_is_told_to_be_kept(folder: Path) -> None:
    code, seen = watch(folder, "keys", "create", "phone", VIVAVOCE_HOME=str(folder / "home"))
    assert code == 0
    assert "keep the key well, it is not told again" in seen
    code, seen = watch(folder, "keys", "list", VIVAVOCE_HOME=str(folder / "home"), COLUMNS="200")
    assert code == 0
    assert "project" in seen
    assert "good" in seen


def test_sound_is_not_written_to_a_terminal(folder: Path) -> None:
    code, seen = watch(folder, "say", "Hi", "--out", "-")
    assert code == 1
    assert "vivavoce: standard output is a terminal" in seen


def test_a_recording_is_not_read_from_a_terminal(folder: Path) -> None:
    code, seen = watch(folder, "transcribe", "-")
    assert code == 1
    assert "vivavoce: standard input is a terminal" in seen


def test_what_a_terminal_would_obey_is_left_out() -> None:
    assert harmless("Hi\x1b[2J\n\tthere\x07 ✓ é") == "Hi[2J\n\tthere ✓ é"


@pytest.mark.parametrize("columns", ["80", "100", "200"])
def test_an_id_is_never_cut_however_narrow_it_is(folder: Path, columns: str) -> None:
    home = {"VIVAVOCE_HOME": str(folder / "home"), "COLUMNS": columns}
    for name in ("phone", "a name as long as the whole of a narrow terminal is, which nobody should give a key"):
        assert watch(folder, "keys", "create", name, "--project", "shop", "--model", "talker", **home)[0] == 0
    code, seen = watch(folder, "keys", "list", **home)
    assert code == 0
    assert len(re.findall(r"\bkey_[0-9a-f]{24}\b", seen)) == 2
    assert "good" in seen
