import os
import signal
import subprocess
import sys
import wave
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.conftest import SCRIPTED, Run
from vivavoce.audio.wav import write_wav
from vivavoce.testing.scripted import tone


@pytest.fixture
def question(tmp_path: Path) -> bytes:
    data = write_wav(tone(0.5))
    (tmp_path / "question.wav").write_bytes(data)
    return data


def test_a_text_is_answered_and_a_pipe_has_nothing_else(run: Run) -> None:
    ran = run("ask", "What time is it?")
    assert (ran.code, ran.text, ran.err) == (0, "Hello there. Bye.\n", "")


def test_the_question_may_come_from_standard_input(run: Run) -> None:
    assert run("ask", "-", stdin=b"What time is it?\n").text == "Hello there. Bye.\n"


def test_a_recording_is_answered(run: Run, question: bytes) -> None:
    ran = run("ask", "--audio", "question.wav")
    assert (ran.code, ran.text, ran.err) == (0, "Hello there. Bye.\n", "")
    assert run("ask", "Well?", "--audio", "-", stdin=question).text == "Hello there. Bye.\n"


@pytest.mark.parametrize(
    ("ending", "start"),
    [("wav", b"RIFF"), ("mp3", b"\xff"), ("flac", b"fLaC"), ("opus", b"OggS"), ("aac", b"\xff"), ("pcm", b"\0\0")],
)
def test_the_answer_is_spoken_into_a_file_of_every_format(run: Run, tmp_path: Path, ending: str, start: bytes) -> None:
    ran = run("ask", "Hi", "--out", f"reply.{ending}")
    assert (ran.code, ran.text, ran.err) == (0, "Hello there. Bye.\n", "")
    assert (tmp_path / f"reply.{ending}").read_bytes().startswith(start)


def test_a_voice_alone_saves_a_wav(run: Run, tmp_path: Path) -> None:
    assert run("ask", "Hi", "--voice", "sam").code == 0
    with wave.open(str(tmp_path / "reply.wav")) as reply:
        assert (reply.getframerate(), reply.getnchannels()) == (24_000, 1)
        assert reply.getnframes() > 0


def test_sound_on_standard_output_comes_without_the_text(run: Run) -> None:
    ran = run("ask", "Hi", "--out", "-")
    assert ran.code == 0
    assert ran.out.startswith(b"RIFF")
    assert b"Hello" not in ran.out


def test_a_model_is_chosen_by_name_or_alias(run: Run) -> None:
    assert run("ask", "Hi", "--model", "chatty").code == 0
    assert run("ask", "Hi", "--model", "writer").code == 0


def test_another_brain_by_one_flag(run: Run) -> None:
    ran = run("ask", "Hi", "--think", "http://127.0.0.1:1/v1#nothing")
    assert (ran.code, ran.text) == (1, "")
    assert ran.err == "vivavoce: The model behind this server cannot be reached.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing to ask"),
        ([""], "the question is empty"),
        (["-", "--audio", "-"], "cannot both come from standard input"),
        (["Hi", "--audio", "nope.wav"], "nope.wav: No such file or directory"),
        (["Hi", "--audio", "."], ".: Is a directory"),
        (["Hi", "--audio", "vivavoce.toml"], "vivavoce.toml: not a recording that can be read"),
        (["Hi", "--audio", "-"], "standard input: is empty"),
        (["Hi", "--voice", "nobody"], "there is no voice 'nobody'; voices: sam, alloy, echo"),
        (["Hi", "--model", "talkr"], "there is no model 'talkr'; did you mean 'talker'?"),
        (["Hi", "--model", "zz"], "there is no model 'zz'; models: talker, chatty, writer"),
        (["Hi", "--model", "writer", "--out", "a.wav"], "model 'writer' does not speak"),
        (["Hi", "--out", "a.ogg"], "a.ogg: its ending must be one of wav, mp3, flac, opus, aac, pcm"),
        (["Hi", "--out", "nowhere/a.wav"], "nowhere: no such folder"),
        (["Hi", "--think", "ollama"], "--think ollama: not an address"),
        (["Hi", "--config", "nope.toml"], "nope.toml: no such file"),
    ],
)
def test_what_a_person_can_get_wrong_is_told_in_one_line(run: Run, arguments: list[str], said: str) -> None:
    ran = run("ask", *arguments)
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err.startswith("vivavoce: ")
    assert said in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        (b"[servr]\n", "did you mean 'server'?"),
        (b"\xff\xfe", "bad.toml:1: this is not UTF-8"),
        (b"[engines.e]\nuse='no'\n[models.m]\nthink='e'", "there is no engine 'no'"),
        (b"[engines.e]\nuse='scripted'\noptions={x=1}\n[models.m]\nthink='e'", "unknown field `x`"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_told_in_one_line(
    run: Run, tmp_path: Path, toml: bytes, said: str
) -> None:
    (tmp_path / "bad.toml").write_bytes(toml)
    ran = run("ask", "Hi", "--config", "bad.toml")
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, b"", 1)
    assert said in ran.err


def test_a_reader_that_leaves_ends_it_quietly(run: Run) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = run("ask", "Hi", stdout=writing)
    os.close(writing)
    assert (ran.code, ran.err) == (141, "")


def test_a_full_disk_is_told_in_one_line(run: Run) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = run("ask", "Hi", stdout=full.fileno())
    assert (ran.code, ran.err) == (1, "vivavoce: No space left on device\n")


def test_a_folder_that_cannot_be_written_is_told_before_the_engines_start(run: Run, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(0o500)
    if os.access(locked, os.W_OK):
        pytest.skip("this user may write everywhere")
    assert run("ask", "Hi", "--out", "locked/a.wav").err == "vivavoce: locked/a.wav: Permission denied\n"


def test_ctrl_c_exits_with_130(tmp_path: Path) -> None:
    slow = SCRIPTED.replace('says = "Hello there. Bye."', 'says = "x", token_ms = 600000')
    (tmp_path / "vivavoce.toml").write_text(slow)
    recording = tmp_path / "question"
    os.mkfifo(recording)
    command = [sys.executable, "-m", "vivavoce", "ask", "--audio", "question"]
    # once open on both sides, the command waits for the recording
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as asking, recording.open("wb"):
        for _ in range(6):  # one that comes just before the wait begins is seen only after it: people press again
            asking.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                _, err = asking.communicate(timeout=10)
                break
    assert (asking.returncode, err) == (130, b"")
