"""The phone menu: spoken choices in µ-law in, spoken results in µ-law out."""

import io
import math
import struct
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

import g711
from phone_menu import CHOICES, TROUBLE, Menu
from tests.e2e.sound import FIXTURES, SHARED
from tests.examples.conftest import Run, commands
from vivavoce.audio.wav import read_wav
from vivavoce.engines import libflite
from vivavoce.testing.wer import wer

needs_flite = pytest.mark.skipif(not libflite.installed(), reason=libflite.MISSING)
MENU = "python examples/phone_menu.py"
SAID = {
    "I want to speak to a person in sales.": "transfer: sales",
    "Connect me with the workshop please.": "transfer: workshop",
    "Operator.": "transfer: operator",
    "Goodbye.": "hang up",
}


def spoken(client: OpenAI, text: str) -> bytes:
    """A text as a caller says it on the telephone."""
    return g711.from_speech(
        client.audio.speech.create(model="tts-1", voice="cedar", input=text, response_format="pcm").content
    )


def hear(client: OpenAI, ulaw: bytes) -> str:
    sound = ("said.wav", io.BytesIO(g711.wav(ulaw)))
    return client.audio.transcriptions.create(model="whisper-1", file=sound).text


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=address, api_key="anything") as client:
        yield client


@needs_flite
def test_the_call_of_the_page(run: Run, tmp_path: Path, client: OpenAI) -> None:
    printed = [run(command).stdout for command in commands("A phone menu")][-1].splitlines()
    answers = ["On Saturday we are open from ten to two.", "Ticket 42 is ready. You can fetch your bicycle until six."]
    assert printed[1:3] == [f"call/{number:02d}.ulaw: {answer}" for number, answer in enumerate(answers, 1)]
    assert printed[-1] == "hang up"
    files = sorted((tmp_path / "call").iterdir())
    assert [file.name for file in files] == ["00.ulaw", "01.ulaw", "02.ulaw", "03.ulaw"]
    heard = [hear(client, file.read_bytes()) for file in files[1:3]]
    assert wer(list(zip([answer.replace("42", "forty two") for answer in answers], heard, strict=True))) <= 0.3, heard


@needs_flite
@pytest.mark.parametrize("said", SAID)
def test_what_ends_a_call(run: Run, tmp_path: Path, client: OpenAI, said: str) -> None:
    (tmp_path / "said.ulaw").write_bytes(spoken(client, said))
    done = run(f"{MENU} said.ulaw --out call --wav").stdout.splitlines()
    assert done[-1] == SAID[said]
    assert len(done) == 3
    answer = (tmp_path / "call" / "01.wav").read_bytes()
    assert struct.unpack_from("<HHI", answer, 20) == (7, 1, 8000)
    assert len(g711.read(answer)) > g711.RATE / 2


@needs_flite
def test_silence_and_nonsense_are_asked_again_twice_and_then_put_through(
    run: Run, tmp_path: Path, client: OpenAI
) -> None:
    (tmp_path / "silence.ulaw").write_bytes(bytes([0xFF, 0x7E, 0x7F, 0xFE]) * 4000)
    (tmp_path / "nonsense.wav").write_bytes(g711.wav(spoken(client, "My elephant likes purple sandwiches.")))
    (tmp_path / "hours.ulaw").write_bytes(spoken(client, "When are you open on Saturday?"))
    missed = ["silence.ulaw", "nonsense.wav"]
    done = run(f"{MENU} {' '.join([*missed, 'hours.ulaw', *missed, 'silence.ulaw', 'hours.ulaw'])}").stdout
    said = [line.partition(": ")[2] for line in done.splitlines()]
    unheard, unclear = f"Sorry, I did not hear you. {CHOICES}", f"Sorry, I did not understand. {CHOICES}"
    assert said[1:3] == [unheard, unclear]
    assert "Saturday" in said[3]
    assert said[4:6] == [unheard, unclear]
    assert done.splitlines()[-1] == "transfer: operator"
    assert len(said) == 8


@needs_flite
@pytest.mark.skipif(not (SHARED / "audio").exists(), reason="../shared/audio is not here")
def test_a_persons_words_that_fit_nothing_choose_nothing(run: Run, tmp_path: Path) -> None:
    pcm = read_wav((SHARED / "audio" / "whats-the-weather.wav").read_bytes())
    assert pcm is not None
    assert pcm.rate % 8000 == 0
    (tmp_path / "said.ulaw").write_bytes(bytes(map(g711.encode, array("h", pcm.data)[:: pcm.rate // 8000])))
    assert "Sorry, I did not understand" in run(f"{MENU} said.ulaw").stdout.splitlines()[1]


def test_what_cannot_be_a_call_is_said(run: Run) -> None:
    assert "nowhere.ulaw" in run(f"{MENU} nowhere.ulaw", fails=True).stderr
    assert "not of 8 kHz µ-law" in run(f"{MENU} {FIXTURES / 'question.wav'}", fails=True).stderr
    gone = run(f"{MENU} examples/README.md --base-url http://127.0.0.1:9/v1", fails=True)
    assert gone.stderr.strip() == "phone_menu: Connection error."
    assert "not of 24 kHz" in run(f"python examples/g711.py {FIXTURES / 'question.wav'} x.ulaw", fails=True).stderr


def test_the_caller_is_put_through_when_the_server_fails(client: OpenAI) -> None:
    menu = Menu(client, "a model that nobody has", "cedar")
    said = list(menu.call([bytes(range(256)) * 40]))
    assert said[1:] == [TROUBLE]
    assert len(menu.spoken(TROUBLE.text)) > g711.RATE


# Anchors of G.711's µ-law: the loudest, a middle and the least level on either side.
@pytest.mark.parametrize(
    ("byte", "level"), [(0x80, 32_124), (0x00, -32_124), (0xF0, 120), (0x70, -120), (0xFE, 8), (0xFF, 0)]
)
def test_levels_are_g711s(byte: int, level: int) -> None:
    assert g711.LEVELS[byte] == level
    assert g711.encode(level) == byte


def test_the_nearest_level_is_taken() -> None:
    for sample in range(-32_768, 32_768, 97):
        nearest = min(abs(level - sample) for level in g711.LEVELS)
        assert abs(g711.LEVELS[g711.encode(sample)] - sample) == nearest


@pytest.mark.parametrize(("hertz", "least", "most"), [(1000, -0.2, 0.2), (3000, -2, 0), (4400, -99, -40)])
def test_what_would_fold_is_filtered(hertz: int, least: float, most: float) -> None:
    tone = array("h", [round(10_000 * math.sin(2 * math.pi * hertz * i / 24_000)) for i in range(24_000)])
    levels = [g711.LEVELS[byte] for byte in g711.from_speech(tone.tobytes())]
    decibels = 20 * math.log10(math.sqrt(sum(level**2 for level in levels) / len(levels)) / (10_000 / math.sqrt(2)))
    assert len(levels) == pytest.approx(8000, abs=1)
    assert least <= decibels <= most


@pytest.mark.parametrize("length", [0, 1, 160, 161])
def test_a_wav_of_it_is_read_back(length: int) -> None:
    ulaw = bytes(range(200))[:length]
    assert g711.read(g711.wav(ulaw)) == ulaw == g711.read(ulaw)
