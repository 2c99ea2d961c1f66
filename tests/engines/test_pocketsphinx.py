"""The recogniser, on what Flite says and on real speech where it is at hand."""

import itertools
import time
from pathlib import Path

import pytest

from vivavoce.audio.resample import resample
from vivavoce.core.audio import Pcm, join
from vivavoce.core.engines import Hearing, Transcript, Utterance
from vivavoce.core.errors import BadAudio, BadRequest
from vivavoce.engines import libflite
from vivavoce.engines.flite import Flite
from vivavoce.engines.pocketsphinx import PocketSphinx
from vivavoce.testing.wer import wer

FIXTURES = Path(__file__).parents[1] / "fixtures"
SHARED = Path(__file__).parents[3] / "shared" / "audio"
SENTENCES = (
    "what is the capital of france",
    "please open the door and turn on the lights",
    "the weather will be warm and sunny tomorrow",
    "my sister works in a small school near the station",
)


@pytest.fixture(scope="module")
def ears() -> PocketSphinx:
    return PocketSphinx()


def wav(path: Path) -> Pcm:
    data = path.read_bytes()
    return Pcm(data[44:], int.from_bytes(data[24:28], "little"))


@pytest.fixture(scope="module")
def question() -> Pcm:
    return wav(FIXTURES / "question.wav")


def hear(ears: PocketSphinx, pcm: Pcm, ask: Hearing | None = None) -> Transcript:
    heard = [each for each in ears.transcribe(pcm, ask or Hearing()) if each]
    assert len(heard) == 1
    assert heard[0].final
    return heard[0]


def test_it_hears_a_question(ears: PocketSphinx, question: Pcm) -> None:
    heard = hear(ears, question)
    assert heard.text == "what is the capital of france"
    assert heard.end_s == pytest.approx(question.seconds)
    assert heard.confidence
    assert 0.3 < heard.confidence <= 1
    assert heard.words == ()


def test_words_have_times_and_confidences(ears: PocketSphinx, question: Pcm) -> None:
    words = hear(ears, question, Hearing(words=True, language="en-US")).words
    assert [word.text for word in words] == ["what", "is", "the", "capital", "of", "france"]
    assert all(one.end_s <= two.start_s + 0.02 for one, two in itertools.pairwise(words))
    assert all(0 <= word.start_s < word.end_s <= question.seconds for word in words)
    assert all(word.confidence is not None and 0 <= word.confidence <= 1 for word in words)


def test_what_was_heard_before_changes_nothing(ears: PocketSphinx, question: Pcm) -> None:
    first = hear(ears, question, Hearing(words=True))
    hear(ears, Pcm(question.data[: question.rate], question.rate))
    assert hear(ears, question, Hearing(words=True)) == first


def test_a_call_can_be_stopped_every_tenth_of_a_second(ears: PocketSphinx, question: Pcm) -> None:
    call = ears.transcribe(question, Hearing())
    assert [next(call) for _ in range(5)] == [None] * 5
    call.close()  # type: ignore[attr-defined]
    steps = sum(1 for each in ears.transcribe(question, Hearing()) if each is None)
    assert steps >= question.seconds * 10 * 0.6
    assert hear(ears, question).text == "what is the capital of france"


def steps_s(ears: PocketSphinx, pcm: Pcm) -> list[float]:
    """Processor time of each step of a call, in seconds."""
    times = [time.thread_time(), *(time.thread_time() for _ in ears.transcribe(pcm, Hearing()))]
    return [end - start for start, end in itertools.pairwise(times)]


def test_no_step_of_long_speech_is_long(ears: PocketSphinx, question: Pcm) -> None:
    """Processor time of its thread is measured, whatever runs beside it."""
    long = Pcm(question.data * 5, question.rate)  # without a pause that would cut it anyway
    took = steps_s(ears, long)
    assert max(took) < sum(took) * 0.1  # the second pass over all of it in one is a fifth
    assert len(took) > long.seconds * 9


@pytest.mark.alone
def test_leaving_at_the_end_of_a_stretch_costs_next_to_nothing(ears: PocketSphinx, question: Pcm) -> None:
    """Without the second pass over what was heard of it: that is the step in which a call goes silent longest."""
    sound = Pcm(question.data * 2, question.rate)
    took = steps_s(ears, sound)
    second = len(took) - 2  # the words are read in a step of their own
    assert took[second] == max(took[second - 3 :])

    def cost() -> float:
        call = ears.transcribe(sound, Hearing())
        for _ in range(second):
            next(call)
        start = time.thread_time()
        call.close()  # type: ignore[attr-defined]
        return time.thread_time() - start

    # A fifth to two fifths; with the pass it would be all of it. Other work on the machine only adds to it.
    assert any(cost() < took[second] / 2 for _ in range(3))
    assert hear(ears, question).text == "what is the capital of france"


@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_leaving_early_leaves_nothing_behind(ears: PocketSphinx, question: Pcm, number: int) -> None:
    call = ears.transcribe(question, Hearing())
    for _ in range(number):
        next(call)
    call.close()  # type: ignore[attr-defined]
    assert hear(ears, question).text == "what is the capital of france"


@pytest.mark.parametrize(
    "pcm",
    [
        Pcm(b"", 16_000),
        Pcm(b"\1\0", 16_000),
        Pcm(b"\0\x40" * 100, 16_000),
        Pcm(bytes(64_000), 16_000),
        Pcm(b"\0\x7f\0\x80" * 16_000, 16_000),
    ],
    ids=["nothing", "a sample", "6 ms", "silence", "a loud whine"],
)
def test_no_words_are_an_empty_transcript(ears: PocketSphinx, pcm: Pcm) -> None:
    heard = hear(ears, pcm, Hearing(words=True))
    assert (heard.text, heard.words, heard.confidence) == ("", (), None)


def test_long_speech_is_cut_where_it_is_quiet(ears: PocketSphinx, question: Pcm) -> None:
    gap = bytes(question.rate)
    long = Pcm((question.data + gap) * 6, question.rate)
    heard = hear(ears, long, Hearing(words=True))
    assert wer([("what is the capital of france " * 6, heard.text)]) < 0.1
    assert 0 < heard.words[0].start_s < 0.5
    assert heard.words[-1].end_s > long.seconds - 1.5
    assert [word.start_s for word in heard.words] == sorted(word.start_s for word in heard.words)


def test_other_languages_are_refused(ears: PocketSphinx, question: Pcm) -> None:
    with pytest.raises(BadRequest) as caught:
        list(ears.transcribe(question, Hearing(language="de")))
    assert (caught.value.param, caught.value.code) == ("language", "unsupported_value")
    assert caught.value.message == "This server's recogniser hears English only."


def test_another_rate_is_refused(ears: PocketSphinx) -> None:
    with pytest.raises(BadAudio):
        list(ears.transcribe(Pcm(bytes(100), 8_000), Hearing()))


@pytest.mark.alone
def test_finding_speech_takes_no_time(ears: PocketSphinx) -> None:
    quiet = Pcm(b"\5\0" * 160_000, 16_000)
    start = time.process_time()
    hear(ears, quiet)
    assert time.process_time() - start < 0.05


def test_its_card(ears: PocketSphinx) -> None:
    card = ears.card()
    assert (card.roles, card.languages, card.parallel) == (("hear",), ("en",), 1)


def test_nothing_is_logged(capfd: pytest.CaptureFixture[str], question: Pcm) -> None:
    hear(PocketSphinx(), question)
    assert capfd.readouterr() == ("", "")


@pytest.fixture(scope="module")
def voice() -> Flite:
    if not libflite.installed():
        pytest.skip(libflite.MISSING)
    return Flite()


@pytest.mark.parametrize("name", ["onyx", "echo", "nova"])
def test_it_hears_what_flite_says(ears: PocketSphinx, voice: Flite, name: str) -> None:
    pairs: list[tuple[str, str]] = []
    for said in SENTENCES:
        chunks = [chunk for chunk in voice.synthesize(Utterance(said, name)) if chunk]
        sound = resample(join(chunks, chunks[0].rate), ears.hears_at)
        pairs.append((said, hear(ears, sound).text))
    assert wer(pairs) <= 0.10, pairs


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real recordings of ../shared/audio are not here")
def test_it_hears_real_speech(ears: PocketSphinx) -> None:
    said = {
        "librivox-ill-disposed": "he was not an ill disposed young man",
        "librivox-amiable-himself": "he might even have been made amiable himself",
        "librivox-leisure-to-consider": "and mister john dashwood had then leisure to consider how much there might "
        "be prudently in his power to do for them",
        "whats-the-weather": "what's the weather like in san francisco california",
    }
    pairs = [(words, hear(ears, resample(wav(SHARED / f"{name}.wav"), 16_000)).text) for name, words in said.items()]
    assert wer(pairs) <= 0.25, pairs
