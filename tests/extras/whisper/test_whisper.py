"""faster-whisper on a Whisper of one layer: the library itself loads it, and the whole path answers."""

import itertools
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.extras import paths
from tests.extras.conftest import Serve, noise
from tests.extras.whisper import making
from tests.support.upstream import Upstream
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Hearing, Transcript
from vivavoce.core.errors import BadRequest
from vivavoce.engines.child import EngineMissing
from vivavoce.engines.whisper import FasterWhisper, ModelMissing
from vivavoce.testing import check_transcriber


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return making.whisper(tmp_path_factory.mktemp("models") / "whisper-none")


@pytest.fixture(scope="module")
def ears(folder: Path) -> FasterWhisper:
    return load(folder)


def load(folder: Path | str, **options: Any) -> FasterWhisper:
    return FasterWhisper(FasterWhisper.Options(str(folder), device="cpu", threads=1, beam=1, **options))


def hear(engine: FasterWhisper, pcm: Pcm, **ask: Any) -> list[Transcript]:
    return [item for item in engine.transcribe(pcm, Hearing(**ask)) if item]


async def test_it_keeps_what_is_checked(ears: FasterWhisper) -> None:
    await check_transcriber(ears, noise(2))


def test_segments_come_with_times_confidence_and_language(ears: FasterWhisper) -> None:
    heard = hear(ears, noise(4))
    assert heard
    assert all(item.final and item.text and not item.words for item in heard)
    assert [item.start_s for item in heard] == sorted(item.start_s for item in heard)
    assert all(item.confidence is not None and 0 < item.confidence <= 1 for item in heard)
    assert {item.language for item in heard} <= {"en", "de"}
    assert len({item.language for item in heard}) == 1


def test_words_have_times_where_they_are_asked_for(ears: FasterWhisper) -> None:
    words = [word for item in hear(ears, noise(4), words=True) for word in item.words]
    assert words
    assert all(0 <= word.start_s <= word.end_s <= 4 for word in words)
    assert all(word.confidence is not None and 0 <= word.confidence <= 1 for word in words)
    assert all(one.start_s <= two.start_s for one, two in itertools.pairwise(words))


def test_what_is_asked_reaches_the_library(ears: FasterWhisper, monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = ears._model.transcribe, dict[str, Any]()

    def transcribe(audio: Any, **options: Any) -> Any:
        asked.update(options, audio=audio)
        return real(audio, **options)

    monkeypatch.setattr(ears._model, "transcribe", transcribe)
    (first, *_) = hear(ears, noise(1), language="de-AT", prompt="Ein Wort", translate=True, words=True)
    assert first.language == "de"
    assert (asked["language"], asked["task"], asked["initial_prompt"]) == ("de", "translate", "Ein Wort")
    assert (asked["word_timestamps"], asked["beam_size"], asked["vad_filter"]) == (True, 1, False)
    assert (asked["audio"].dtype.name, len(asked["audio"])) == ("float32", 16_000)
    hear(load_like(ears, language="en"), noise(1))


def load_like(ears: FasterWhisper, **options: Any) -> FasterWhisper:
    """The same model with other options, without loading it again."""
    other = FasterWhisper.__new__(FasterWhisper)
    other._model, other._options = ears._model, FasterWhisper.Options("the same", beam=1, **options)
    return other


def test_its_own_language_is_the_options_unless_a_request_says_otherwise(ears: FasterWhisper) -> None:
    german = load_like(ears, language="de")
    assert {item.language for item in hear(german, noise(1))} == {"de"}
    assert {item.language for item in hear(german, noise(1), language="en")} == {"en"}


def test_a_language_it_does_not_hear_is_refused(ears: FasterWhisper, tmp_path: Path) -> None:
    with pytest.raises(BadRequest) as refused:
        hear(ears, noise(1), language="xx")
    assert (refused.value.param, refused.value.code) == ("language", "unsupported_value")
    english = load(making.whisper(tmp_path / "whisper-en", multilingual=False))
    assert english.card().languages == ("en",)
    assert hear(english, noise(1))[0].language == "en"
    with pytest.raises(BadRequest):
        hear(english, noise(1), language="de")


def test_what_is_not_speech_is_left_out_where_that_is_wanted(ears: FasterWhisper) -> None:
    (heard,) = hear(load_like(ears, vad_filter=True), Pcm(bytes(64_000), 16_000))
    assert (heard.text, heard.end_s, heard.confidence) == ("", 2.0, None)


def test_a_call_can_be_left_between_segments(ears: FasterWhisper) -> None:
    call = ears.transcribe(noise(4), Hearing())
    next(call)
    call.close()  # type: ignore[attr-defined]
    assert "whisper" not in {thread.name for thread in threading.enumerate()}
    assert hear(ears, noise(4))


def test_its_card(ears: FasterWhisper) -> None:
    card = ears.card()
    assert (card.name, card.roles, card.parallel) == ("whisper-none", ("hear",), 1)
    assert {"en", "de", "fr"} <= set(card.languages)


def test_what_is_not_here_is_not_fetched(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="model 'small' is no folder, and not in the hub's cache"):
        load("small")
    with pytest.raises(ModelMissing, match=r"has no model\.bin"):
        load(tmp_path)
    (tmp_path / "model.bin").symlink_to(folder / "model.bin")
    with pytest.raises(ModelMissing, match=r"has no tokenizer\.json"):
        load(tmp_path)


async def test_in_a_process_by_its_entry_point(folder: Path, running: Callable[..., Any]) -> None:
    async with running("faster-whisper", model=str(folder), device="cpu", threads=1, beam=1) as ears:
        await check_transcriber(ears)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"compute_type": "int3"}, "int3"), ({"model": "small"}, "not in the hub's cache"), ({"beam": "x"}, "options:")],
)
async def test_what_cannot_be_loaded_is_one_line(
    folder: Path, running: Callable[..., Any], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(EngineMissing) as missing:
        async with running("faster-whisper", **{"model": str(folder), "device": "cpu", **options}):
            pass
    assert str(missing.value).startswith("engine 'faster-whisper': ")
    assert said in str(missing.value)
    assert "\n" not in str(missing.value)


SERVED = """
[engines.ear]
use = "faster-whisper"
options = {{ model = "{ear}", device = "cpu", threads = 1, beam = 1 }}
[engines.voice]
use = "scripted"
options = {{ speech_ms = 10 }}
[models."gpt-4o-mini-audio-preview"]
hear = "ear"
think = "brain"
speak = "voice"
aliases = ["gpt-4o-mini-transcribe", "whisper-1"]
"""


async def test_a_server_hears_with_it(folder: Path, ears: FasterWhisper, serve: Serve, upstream: Upstream) -> None:
    """On every path a client has to its ears."""
    heard = " ".join(item.text for item in hear(ears, noise(4)))
    words = [word.text for item in hear(ears, noise(4), words=True) for word in item.words]
    async with serve(SERVED.format(ear=folder)) as client:
        assert (await paths.transcription(client, noise(4))).text == heard
        pieces, whole = await paths.streamed_transcription(client, noise(4))
        assert "".join(pieces) == whole == heard
        timed = await paths.transcription(
            client, noise(4), model="whisper-1", response_format="verbose_json", timestamp_granularities=["word"]
        )
        assert [word.word for word in timed.words] == words
        transcript, answer, usage = await paths.chat(client, noise(4), "alloy")
        streamed = await paths.streamed_chat(client, noise(4), "alloy")
    assert transcript == streamed[0] == "Hello."
    assert answer.seconds == streamed[1].seconds > 0
    assert [asked["messages"][-1]["content"] for asked in upstream.asked[-2:]] == [heard] * 2
    assert usage.prompt_tokens_details.audio_tokens == 40


def test_its_decoder_of_files_is_not_called() -> None:
    """It collects garbage in the whole process on every call."""
    source = Path(sys.modules[FasterWhisper.__module__].__file__ or "").read_text()
    assert "decode_audio" not in source
