"""Say and hear with the audio endpoints and the embedded engines: what is said is heard back."""

import io

import pytest
from openai import OpenAI

from bench.wer import wer
from tests.e2e.sound import FIXTURES, decoded_seconds
from vivavoce.engines import libflite
from vivavoce.engines.flite import VOICES

SENTENCES = [
    "The weather is lovely this morning.",
    "Please close the window before you leave.",
    "My sister works in a small library near the river.",
    "We are going to have dinner at seven.",
]
FORMATS = ["mp3", "opus", "aac", "flac", "wav", "pcm"]

needs_flite = pytest.mark.skipif(not libflite.installed(), reason=libflite.MISSING)


def say(client: OpenAI, text: str, voice: str, form: str) -> bytes:
    return client.audio.speech.create(model="tts-1", voice=voice, input=text, response_format=form).content  # type: ignore[arg-type]


def hear(client: OpenAI, sound: bytes, name: str) -> str:
    return client.audio.transcriptions.create(model="whisper-1", file=(name, io.BytesIO(sound))).text


@needs_flite
def test_every_voice_is_heard_back(client: OpenAI) -> None:
    rates: dict[str, float] = {}
    for voice in [name for name in VOICES if name not in {"slt", "rms", "awb", "kal16"}]:
        pairs = [(text, hear(client, say(client, text, voice, "wav"), "said.wav")) for text in SENTENCES]
        rates[voice] = wer(pairs)
    # A few words a voice: one misheard is 3 %. docs/voices.md has the figures over 192.
    assert max(rates.values()) <= 0.25, rates
    assert sum(rates.values()) / len(rates) <= 0.12, rates


@needs_flite
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_heard_back(client: OpenAI, form: str) -> None:
    pairs: list[tuple[str, str]] = []
    for text in SENTENCES:
        sound = say(client, text, "cedar", form)
        if form == "pcm":
            assert len(sound) > 48_000
            sound = say(client, text, "cedar", "wav")[:44] + sound
        assert decoded_seconds(sound) > 1
        pairs.append((text, hear(client, sound, f"said.{'wav' if form == 'pcm' else form}")))
    assert wer(pairs) <= 0.10, pairs


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
