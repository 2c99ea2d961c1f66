"""`vivavoce bench`, in a process of its own, against servers on this machine."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cli.conftest import Run
from tests.conform.serving import KEY, served
from tests.support.serving import MODEL, model
from tests.support.serving import run as serving
from vivavoce.conform.sound import Sound, write_wav
from vivavoce.testing import Says

WARM_UP = 3
"""Questions that nobody counts."""
QUICK = ("--most", "2", "--turns", "4", "--pause", "0", "--limit-ms", "60000")


def test_without_an_address_a_server_of_the_configuration_is_measured(run: Run, tmp_path: Path) -> None:
    ran = run("bench", *QUICK, "--json", "out.json", "--svg", "out.svg", OPENAI_API_KEY="")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.text.splitlines()
    head, *rows = [line.split("\t") for line in lines if "\t" in line]
    assert [row[:4] for row in rows] == [["1", "4", "0", "0"], ["2", "8", "0", "0"]]
    assert head[:2] == ["conversations", "turns"]
    assert lines[-1].startswith("This machine carries at least 2 conversations at a first audio of ")
    told = json.loads((tmp_path / "out.json").read_text())
    assert (told["own"], told["model"], told["references"], told["spoken_questions"]) == (True, "talker", True, True)
    assert told["memory_idle_mb"] > 0
    assert told["server_machine"] == told["load_generator_machine"]
    assert any(line.startswith("- measured on: ") for line in lines)
    assert told["steps"][0]["cores_per_conversation"] > 0
    assert ET.parse(tmp_path / "out.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own
    assert not (tmp_path / "home" / "data").exists()  # it has a data folder of its own


async def test_any_server_is_measured_with_recordings_that_are_given(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(write_wav(Sound(b"\1\2" * 2400)))
    async with served(tmp_path / "there") as server:
        asked = ("bench", server.url, *QUICK, "--key", KEY, "--recording", "a.wav", "--voice", "echo", "--json", "-")
        ran = await asyncio.to_thread(run, *asked)
    assert (ran.code, ran.err) == (0, "")
    told = json.loads(ran.text)
    assert told["sentence"].startswith(f"{server.url}/v1 carries at least 2 conversations at a first audio of ")
    assert (told["voice"], told["transcription_model"]) == ("echo", "gpt-4o-mini-transcribe")
    assert told["steps"][1]["transcripts_answered"] == 4
    assert KEY not in ran.text


async def test_the_picture_goes_to_standard_output_as_json_does(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(write_wav(Sound(b"\1\2" * 240)))
    async with serving(tmp_path / "there", models={MODEL: model()}) as server:
        asked = ("bench", server.url, "--recording", "a.wav", *QUICK, "--most", "1", "--svg", "-", "--json", "out.json")
        ran = await asyncio.to_thread(run, *asked)
    assert (ran.code, ran.err) == (0, "")
    title = ET.fromstring(ran.text).findtext("{http://www.w3.org/2000/svg}title")  # noqa: S314 - our own
    assert title == json.loads((tmp_path / "out.json").read_text())["sentence"]
    assert not (tmp_path / "-").exists()


def test_only_one_of_both_is_standard_output(run: Run) -> None:
    ran = run("bench", "http://127.0.0.1:1", "--json", "-", "--svg", "-")
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err == "vivavoce: --json and --svg: only one of them can be standard output\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["server"], "server: not an address"),
        (["http://127.0.0.1:1"], "a broken connection (ConnectError)"),
        (["http://127.0.0.1:1", "--recording", "vivavoce.toml"], "vivavoce.toml: expected a WAV"),
    ],
)
def test_what_cannot_be_asked_exits_with_2(run: Run, arguments: list[str], said: str) -> None:
    ran = run("bench", *arguments)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, b"", 1)
    assert said in ran.err


def test_a_file_that_cannot_be_written_is_told_before_anything_is_measured(run: Run) -> None:
    for option in ("--json", "--svg"):
        ran = run("bench", "http://127.0.0.1:1", option, "nowhere/out")
        assert (ran.code, ran.out, ran.err) == (1, b"", "vivavoce: nowhere: no such folder\n")


async def test_ctrl_c_ends_it_with_what_is_known(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(write_wav(Sound(b"\1\2" * 240)))
    command = [sys.executable, "-W", "error", "-m", "vivavoce", "bench"]
    brain = Says("Hello there.")
    async with serving(tmp_path / "there", models={MODEL: model(think=brain)}) as server:
        options = ["--recording", "a.wav", "--turns", "100000", "--pause", "0"]
        process = await asyncio.create_subprocess_exec(
            *command, server.url, *options, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path,
            env={**os.environ, "VIVAVOCE_HOME": str(tmp_path / "home")},
        )  # fmt: skip
        async with asyncio.timeout(60):
            while len(brain.asked) < WARM_UP + 3:  # noqa: ASYNC110 - it has no event to wait for
                await asyncio.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, err) == (130, b"")
    assert out.decode().splitlines()[1].startswith("1 (cut short)\t")
    assert out.decode().splitlines()[-1] == "Cut short before one conversation was measured."
