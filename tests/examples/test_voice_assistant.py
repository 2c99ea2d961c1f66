"""The voice assistant: recordings or the microphone in, answers written down or played."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import OpenAI

from tests.e2e.sound import FIXTURES, MODEL, loudest, wav_samples
from tests.examples.conftest import DEVICES, Run, commands
from vivavoce.engines import libflite
from voice_assistant import Conversation

DEVICE = {"PYTHONPATH": str(DEVICES), "MICROPHONE": str(FIXTURES / "question.wav")}
FROM_FILES = commands("A voice assistant")[:-1]
FROM_MICROPHONE = commands("A voice assistant")[-1]


@pytest.mark.skipif(not libflite.installed(), reason=libflite.MISSING)
def test_recordings_are_turns_of_one_conversation(run: Run, tmp_path: Path) -> None:
    printed = [run(command).stdout for command in FROM_FILES][-1]
    first, second = printed.splitlines()
    assert "Paris" in first
    assert second
    for number in (1, 2):
        samples, seconds = wav_samples((tmp_path / "answers" / f"{number}.wav").read_bytes())
        assert loudest(samples) > 1000
        assert seconds > 0.5


def test_the_microphone_is_heard_and_the_answer_played(run: Run, tmp_path: Path) -> None:
    played = tmp_path / "played"
    done = run(FROM_MICROPHONE, stdin="\n\n", LOUDSPEAKER=str(played), **DEVICE)
    assert "Paris" in done.stdout
    assert loudest(played.read_bytes()) > 1000


def test_what_is_missing_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "sounddevice.py").write_text("raise ImportError('No module named sounddevice')")
    none = run(FROM_MICROPHONE, fails=True, PYTHONPATH=str(tmp_path)).stderr
    assert "pip install sounddevice" in none
    assert none.count("\n") == 1
    assert "no microphone" in run(FROM_MICROPHONE, fails=True, NO_DEVICES="1", **DEVICE).stderr
    command = "python examples/voice_assistant.py nowhere.wav --out answers"
    assert "nowhere.wav" in run(command, fails=True).stderr
    gone = run(f"{command.replace('nowhere.wav', 'examples/README.md')} --base-url http://127.0.0.1:9/v1", fails=True)
    assert gone.stderr.strip() == "voice_assistant: Connection error."
    assert (
        "Supported values"
        in run(
            f"python examples/voice_assistant.py {FIXTURES / 'question.wav'} --out answers --voice nobody", fails=True
        ).stderr
    )


def test_an_answer_is_named_by_its_id_and_by_its_words_once_that_is_gone(address: str) -> None:
    asked: list[list[dict[str, Any]]] = []

    def keep(request: httpx2.Request) -> None:
        asked.append(json.loads(request.read())["messages"])

    question = (FIXTURES / "question.mp3").read_bytes()
    with (
        httpx2.Client(event_hooks={"request": [keep]}, timeout=120) as http,
        OpenAI(base_url=address, api_key="anything", http_client=http) as client,
    ):
        talk = Conversation(client, MODEL, "cedar", "Answer in one short sentence.")
        first = "".join(words for words, _ in talk.ask(question, "mp3"))
        stopped = talk.ask(question, "mp3")
        words = next(words for words, _ in stopped if words)
        stopped.close()
        assert asked[1][2]["audio"]["id"].startswith("audio_")
        gone = f"audio_{'0' * 32}"
        talk._turns = [(turn, name and gone, words) for turn, name, words in talk._turns]
        list(talk.ask(question, "mp3"))
    assert asked[2][2] == {"role": "assistant", "audio": {"id": gone}}
    assert asked[3][2] == {"role": "assistant", "content": first}
    assert asked[2][4] == asked[3][4] == {"role": "assistant", "content": words}  # as far as it was heard
