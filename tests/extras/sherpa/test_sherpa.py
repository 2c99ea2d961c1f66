"""sherpa-onnx on models of a few kilobytes: the library itself loads them, and the whole path answers."""

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.extras import paths
from tests.extras.conftest import Serve, noise
from tests.extras.sherpa import making
from tests.support.upstream import DONE, FIRST, Upstream, chunk
from vivavoce.core.audio import SPOKEN_RATE, Pcm, join
from vivavoce.core.engines import Hearing, Transcript, Utterance
from vivavoce.core.errors import BadRequest
from vivavoce.engines.child import EngineMissing
from vivavoce.engines.sherpa.engine import SherpaOnnx
from vivavoce.engines.sherpa.models import Unclear
from vivavoce.testing import check_synthesizer, check_transcriber

EARS: dict[str, Callable[[Path], Path]] = {
    "nemo-ctc": making.ctc,
    "streaming-lstm": making.transducer,
    "whisper-tiny": making.whisper,
}
SENTENCES = "Hello there. How are you? I am fine!"
SERVED = """
[engines.ear]
use = "sherpa-onnx"
options = {{ model = "{ear}" }}
[engines.voice]
use = "sherpa-onnx"
options = {{ model = "{voice}", voices = {{ hum = 1 }} }}
[models."gpt-4o-mini-audio-preview"]
hear = "ear"
think = "brain"
speak = "voice"
voices = {{ alloy = "hum" }}
aliases = ["gpt-4o-mini-transcribe", "gpt-4o-mini-tts"]
"""
HUM_HZ = 300
"""Of the speaker that is meant."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("models")
    for name, make in EARS.items():
        make(home / name)
    making.vits(home / "vits-hum")
    return home


def load(folder: Path, **options: Any) -> SherpaOnnx:
    return SherpaOnnx(SherpaOnnx.Options(model=str(folder), **options))


def hear(engine: SherpaOnnx, pcm: Pcm, **ask: Any) -> list[Transcript]:
    return [item for item in engine.transcribe(pcm, Hearing(**ask)) if item]


def say(engine: SherpaOnnx, text: str, **asked: Any) -> list[Pcm]:
    return [item for item in engine.synthesize(Utterance(text, asked.pop("voice", "0"), **asked)) if item]


@pytest.mark.parametrize("name", EARS)
async def test_ears_keep_what_is_checked(folder: Path, name: str) -> None:
    await check_transcriber(load(folder / name), noise(2))


async def test_a_voice_keeps_what_is_checked(folder: Path) -> None:
    await check_synthesizer(load(folder / "vits-hum"))


def test_a_ctc_hears_words_with_times(folder: Path) -> None:
    (heard,) = hear(load(folder / "nemo-ctc", language="en"), noise(2), words=True)
    assert heard.text
    assert heard.text.split() == [word.text for word in heard.words]
    assert all(one.end_s <= two.start_s for one, two in itertools.pairwise(heard.words))
    assert all(word.start_s < word.end_s <= 2 for word in heard.words)
    assert (heard.language, heard.confidence) == ("en", None)
    assert hear(load(folder / "nemo-ctc"), noise(2))[0].words == ()


def test_a_transducer_that_streams_says_what_it_has_heard_so_far(folder: Path) -> None:
    *growing, last = hear(load(folder / "streaming-lstm"), noise(2), words=True)
    assert len(growing) > 10
    assert not any(item.final or item.words for item in growing)
    assert all(two.text.startswith(one.text[:8]) for one, two in itertools.pairwise(growing))
    assert [item.end_s for item in growing] == sorted(item.end_s for item in growing)
    assert last.final
    assert last.text.split() == [word.text for word in last.words]
    assert last.confidence
    assert all(word.confidence is not None and 0 < word.confidence <= 1 for word in last.words)


def test_a_stream_can_be_left_at_every_step(folder: Path) -> None:
    engine = load(folder / "streaming-lstm")
    call = engine.transcribe(noise(2), Hearing())
    assert len(list(itertools.islice(call, 5))) == 5
    call.close()  # type: ignore[attr-defined]
    assert hear(engine, noise(2)) == hear(load(folder / "streaming-lstm"), noise(2))


def test_whisper_tells_the_language_unless_it_is_told(folder: Path) -> None:
    (heard,) = hear(load(folder / "whisper-tiny"), noise(1))
    assert (heard.text, heard.language) == ("one two three four", "de")
    (told,) = hear(load(folder / "whisper-tiny", language="en"), noise(1))
    assert told.language == "en"


def test_long_sound_is_heard_in_stretches_that_whisper_can_take(folder: Path) -> None:
    heard = hear(load(folder / "whisper-tiny"), noise(29.8))
    assert [item.text for item in heard] == ["one two three four"] * 2
    assert heard[0].end_s == heard[1].start_s
    assert heard[1].end_s == pytest.approx(29.8)


def test_other_languages_and_translations_are_refused(folder: Path) -> None:
    engine = load(folder / "nemo-ctc", language="de")
    assert hear(engine, noise(1), language="de-CH")
    with pytest.raises(BadRequest, match="hears 'de' only") as refused:
        hear(engine, noise(1), language="en")
    assert (refused.value.param, refused.value.code) == ("language", "unsupported_value")
    with pytest.raises(BadRequest, match="does not translate"):
        hear(engine, noise(1), translate=True)
    assert hear(load(folder / "whisper-tiny", settings={"task": "translate"}), noise(1), translate=True)


def test_sentences_come_one_by_one_as_they_are_made(folder: Path) -> None:
    engine = load(folder / "vits-hum")
    pieces = say(engine, SENTENCES)
    assert len(pieces) == 3
    assert {pcm.rate for pcm in pieces} == {making.RATE}
    letters = [pcm.samples / making.SAMPLES_A_LETTER for pcm in pieces]
    assert letters == [12, 13, 11]
    fast = say(engine, SENTENCES, speed=2)
    assert sum(pcm.samples for pcm in fast) == pytest.approx(sum(pcm.samples for pcm in pieces) / 2, abs=3)


def test_a_call_that_is_left_says_no_more(folder: Path) -> None:
    engine = load(folder / "vits-hum")
    call = engine.synthesize(Utterance(SENTENCES * 100, "0"))
    while next(call) is None:
        pass
    began = time.thread_time()
    call.close()  # type: ignore[attr-defined]
    assert time.thread_time() - began < 0.5
    assert len(say(engine, SENTENCES)) == 3


def test_speakers_are_numbers_or_have_names(folder: Path) -> None:
    engine = load(folder / "vits-hum")
    assert engine.card().voices == ("0", "1", "2")
    assert say(engine, "Hello") != say(engine, "Hello", voice="2")
    named = load(folder / "vits-hum", voices={"ann": 2, "bob": 0}, language="en")
    assert (named.card().voices, named.card().languages) == (("ann", "bob"), ("en",))
    assert say(named, "Hello", voice="ann") == say(engine, "Hello", voice="2")
    with pytest.raises(BadRequest, match="'ann' and 'bob'"):
        say(named, "Hello", voice="0")
    with pytest.raises(Unclear, match="voices: cat is speaker 3 of 3, from 0 on"):
        load(folder / "vits-hum", voices={"cat": 3})


def test_nothing_of_what_is_said_is_printed(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    engine = load(folder / "vits-hum")
    capfd.readouterr()
    assert say(engine, "漢字 ÄÖ") is not None
    hear(load(folder / "whisper-tiny"), noise(1))
    said = capfd.readouterr()
    assert "漢" not in said.out + said.err
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"


def test_files_and_settings_can_be_named(folder: Path, tmp_path: Path) -> None:
    odd = making.ctc(tmp_path / "odd")
    (odd / "tokens.txt").rename(odd / "words.list")
    with pytest.raises(Unclear, match="no file is its tokens; `settings` can name it"):
        load(odd, kind="nemo_ctc")
    assert hear(load(odd, kind="nemo_ctc", settings={"tokens": "words.list"}), noise(1))
    with pytest.raises(Unclear, match="settings: the model has no colour"):
        load(odd, kind="nemo_ctc", settings={"tokens": "words.list", "colour": "red"})
    assert load(folder / "vits-hum", settings={"length_scale": 2.0, "max_num_sentences": 5})
    with pytest.raises(Unclear, match="settings: the model has no colour"):
        load(folder / "vits-hum", settings={"colour": "red"})


def test_eight_bits_come_before_more_for_ears(tmp_path: Path) -> None:
    both = making.whisper(tmp_path / "whisper")
    (both / "tiny-encoder.onnx").rename(both / "tiny-encoder.int8.onnx")
    (both / "tiny-encoder.onnx").write_bytes(b"not a model")
    assert hear(load(both), noise(1))


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("nothing-here", {}, "no such folder"),
        ("empty", {}, "its name does not tell what it is; set `kind` to one of .*whisper"),
        ("empty", {"kind": "shouting"}, "kind 'shouting' is none of .*vits"),
        ("empty", {"kind": "whisper"}, "no file is its decoder or its encoder or its tokens"),
        ("empty", {"kind": "vits"}, "not the files of a vits voice"),
    ],
)
def test_what_is_not_enough_to_go_by_is_said(tmp_path: Path, name: str, options: dict[str, Any], said: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(Unclear, match=said):
        load(tmp_path / name, **options)


async def test_in_a_process_by_its_entry_point(folder: Path, running: Callable[..., Any]) -> None:
    async with running("sherpa-onnx", model=str(folder / "vits-hum"), voices={"hum": 1}) as voice:
        assert voice.card().voices == ("hum",)
        await check_synthesizer(voice)
        pieces = [pcm async for pcm in voice.synthesize(Utterance(SENTENCES, "hum"))]
        assert {pcm.rate for pcm in pieces} == {SPOKEN_RATE}
        assert sum(pcm.seconds for pcm in pieces) == pytest.approx(36 * 0.05, abs=0.01)
    async with running("sherpa-onnx", model=str(folder / "streaming-lstm")) as ears:
        await check_transcriber(ears)


async def test_a_model_that_the_library_cannot_read_is_one_line(tmp_path: Path, running: Callable[..., Any]) -> None:
    broken = making.ctc(tmp_path / "nemo-ctc")
    (broken / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(EngineMissing) as missing:
        async with running("sherpa-onnx", model=str(broken)):
            pass
    assert str(missing.value).startswith("engine 'sherpa-onnx'")
    with pytest.raises(EngineMissing, match="options: Object contains unknown field `colour`"):
        async with running("sherpa-onnx", model=str(broken), colour="red"):
            pass


@pytest.mark.parametrize("name", EARS)
async def test_a_server_hears_and_speaks_with_it(folder: Path, name: str, serve: Serve, upstream: Upstream) -> None:
    """Each of the ears, and the voice, on every path a client has to them."""
    heard = " ".join(item.text for item in hear(load(folder / name), noise(2)) if item.final)
    upstream.says = [FIRST, chunk("Hello there. How "), chunk("are you? I am fine!"), chunk(finish="stop"), DONE]
    async with serve(SERVED.format(ear=folder / name, voice=folder / "vits-hum")) as client:
        assert (await paths.transcription(client, noise(2))).text == heard
        pieces, whole = await paths.streamed_transcription(client, noise(2))
        assert "".join(pieces) == whole == heard
        sounds = await paths.speech(client, SENTENCES, "alloy")
        assert len(sounds) >= 3
        said = join(sounds, SPOKEN_RATE)
        transcript, answer, usage = await paths.chat(client, noise(2), "alloy")
        streamed = await paths.streamed_chat(client, noise(2), "alloy")
    assert transcript == streamed[0] == SENTENCES
    for sound in (said, answer, streamed[1]):
        assert sound.seconds == pytest.approx(36 * making.SAMPLES_A_LETTER / making.RATE, abs=0.3)
        assert paths.pitch(sound) == pytest.approx(HUM_HZ, abs=5)
    assert [asked["messages"][-1]["content"] for asked in upstream.asked[-2:]] == [heard] * 2
    assert usage.prompt_tokens_details.audio_tokens == 20
