"""Say and hear with the audio endpoints and the embedded engines: what is said is heard back."""

import pytest
from openai import OpenAI

from bench.endpoints import FORMATS, MAX_LONGER, MAX_WER, decoded_seconds, hear, phoned, say
from tests.e2e.sound import FIXTURES
from vivavoce.engines import libflite
from vivavoce.engines.flite import VOICES
from vivavoce.testing.wer import wer

SENTENCES = [
    "The weather is lovely this morning.",
    "Please close the window before you leave.",
    "My sister works in a small library near the river.",
    "We are going to have dinner at seven.",
]

needs_flite = pytest.mark.skipif(not libflite.installed(), reason=libflite.MISSING)


@needs_flite
def test_every_second_voice_is_heard_back(client: OpenAI) -> None:
    """All of them, in every format: `tests/torture/test_voices.py`."""
    rates: dict[str, float] = {}
    for voice in [name for name in VOICES if name not in {"slt", "rms", "awb", "kal16"}][::2]:
        pairs = [(text, hear(client, say(client, text, voice, "wav"), "wav")[0]) for text in SENTENCES]
        rates[voice] = wer(pairs)
    # A few words a voice: one misheard is 3 %. docs/voices.md has the figures over 192.
    assert max(rates.values()) <= 0.25, rates
    assert sum(rates.values()) / len(rates) <= 0.12, rates


@needs_flite
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_heard_back(client: OpenAI, form: str) -> None:
    text = " ".join(SENTENCES[::3])
    sound = say(client, text, "cedar", form)
    heard, seconds = hear(client, sound, form)
    assert wer([(text, heard)]) <= 0.10, heard
    assert seconds == pytest.approx(decoded_seconds(sound), rel=0.02)
    # A coder's start and its last frame, a twelfth of a second at the most, are within 2 % as well
    assert decoded_seconds(sound) == pytest.approx(decoded_seconds(say(client, text, "cedar", "pcm")), rel=0.02)


@needs_flite
@pytest.mark.parametrize("codec", ["pcm_mulaw", "pcm_alaw"])
def test_what_a_telephone_sends_is_heard(client: OpenAI, codec: str) -> None:
    text = " ".join(SENTENCES)
    sound = say(client, text, "cedar", "wav")
    sent = phoned(sound, codec)
    assert len(sent) < len(sound) / 5
    heard, seconds = hear(client, sent, "wav")
    assert wer([(text, heard)]) <= MAX_WER, heard
    assert seconds == pytest.approx(decoded_seconds(sound), rel=MAX_LONGER)


def test_a_recording_is_transcribed_with_the_times_of_its_words(client: OpenAI) -> None:
    with (FIXTURES / "question.wav").open("rb") as file:
        heard = client.audio.transcriptions.create(
            model="whisper-1", file=file, response_format="verbose_json", timestamp_granularities=["word"]
        )
    assert heard.text == "what is the capital of france"
    assert heard.words is not None
    assert [word.word for word in heard.words] == heard.text.split()
    assert all(0 <= word.start < word.end <= heard.duration for word in heard.words)


def test_speech_comes_before_all_of_it_is_made(client: OpenAI) -> None:
    text = " ".join(SENTENCES * 3)
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="cedar", input=text, response_format="pcm"
    ) as response:
        sizes = [len(piece) for piece in response.iter_bytes(4096)]
    assert len(sizes) > 10
    assert sum(sizes) / 48_000 > 15
