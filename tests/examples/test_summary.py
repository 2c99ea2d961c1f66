"""Recording to summary: lines with their times, a summary and what is to be done."""

import json
import re
import wave
from array import array
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest

import summary
from tests.e2e.sound import FIXTURES
from tests.examples.conftest import Run, commands
from vivavoce.engines import libflite

SAID = [
    *("good morning", "the new website is too slow", "visitors wait for ten seconds"),
    *("all pictures smaller before friday", "the next meeting is on monday at nine"),
]


@pytest.mark.skipif(not libflite.installed(), reason=libflite.MISSING)
def test_a_meeting_is_written_down_and_summed_up(run: Run, tmp_path: Path) -> None:
    printed = [run(command).stdout for command in commands("A recording to its summary")][-1]
    found = json.loads((tmp_path / "meeting.json").read_text())
    lines, words = found["lines"], found["words"]
    heard = " ".join(line["text"] for line in lines)
    assert sum(said in heard for said in SAID) >= 4, heard
    assert len(lines) >= 4
    assert heard.split() == [word["text"] for word in words]
    for times in (lines, words):
        assert all(one["start"] < one["end"] <= other["start"] + 0.05 for one, other in pairwise(times))
    assert found["summary"]
    assert found["actions"]
    for action in found["actions"]:
        assert (action["at"], action["said"]) in [(line["start"], line["text"]) for line in lines]
        assert action["action"] in printed
    for number, line in enumerate(lines, 1):
        assert f"{summary.clock(line['start'])}  {line['text']}\n" in printed
        assert f"{number}\n{summary.clock(line['start'])} --> " in (tmp_path / "meeting.srt").read_text()
    assert re.match(r"1\n\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}\n", (tmp_path / "meeting.srt").read_text())


def test_where_nothing_is_said_nothing_is_made_up(run: Run, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "silence.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(64_000))
    assert run("python examples/summary.py silence.wav --out notes").stdout.strip() == "Nothing was heard."
    assert json.loads((tmp_path / "notes.json").read_text())["actions"] == []


def test_what_cannot_be_heard_is_said(run: Run) -> None:
    assert "nowhere.wav" in run("python examples/summary.py nowhere.wav", fails=True).stderr
    assert run("python examples/summary.py examples/README.md", fails=True).stderr.startswith(
        "summary: Error code: 400"
    )


@pytest.mark.parametrize("channels", [1, 2])
def test_a_long_recording_is_cut_where_it_is_quiet_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: int
) -> None:
    monkeypatch.setattr(summary, "PIECE_S", 10)
    monkeypatch.setattr(summary, "NEAR_S", 4)
    rate = 8000
    loud = array("h", [3000, -3000] * (rate * channels // 2))
    quiet = array("h", bytes(2 * rate * channels))
    whole = b"".join((quiet if second in {8, 15} else loud).tobytes() for second in range(23))
    file = tmp_path / "long.wav"
    with wave.open(str(file), "wb") as made:
        made.setparams((channels, 2, rate, 0, "NONE", ""))
        made.writeframes(whole)
    starts, cut = [], b""
    for at, _, data in summary.pieces(file):
        starts.append(at)
        assert at == len(cut) / (2 * channels) / rate
        with wave.open(BytesIO(data)) as piece:
            cut += piece.readframes(piece.getnframes())
    assert [int(at) for at in starts] == [0, 8, 15]
    assert cut == whole


def test_another_kind_of_recording_is_sent_whole() -> None:
    file = FIXTURES / "question.mp3"
    assert list(summary.pieces(file)) == [(0.0, "question.mp3", file.read_bytes())]


def test_a_pause_ends_a_line_and_so_does_its_length() -> None:
    times = [(0.0, 0.3), (0.4, 0.9), (1.2, 1.5), *((second * 1.0 + 2, second + 2.9) for second in range(12))]
    lines = summary.lines_of([{"text": "word", "start": start, "end": end} for start, end in times])
    assert [(line["start"], line["text"].count("word")) for line in lines] == [(0.0, 2), (1.2, 1), (2.0, 12)]
    assert lines[0] == {"text": "word word", "start": 0.0, "end": 0.9}
