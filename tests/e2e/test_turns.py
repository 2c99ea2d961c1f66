"""Spoken turns with the embedded engines: in, out, and one after another."""

import base64
from typing import Any

import httpx2
import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from bench.endpoints import decoded_seconds
from tests.e2e.sound import MODEL, SHARED, VOICE, loudest, recording, wav_samples
from vivavoce.audio.wav import write_wav
from vivavoce.core.audio import Pcm
from vivavoce.engines import libflite
from vivavoce.testing.wer import wer

needs_flite = pytest.mark.skipif(not libflite.installed(), reason=libflite.MISSING)

SPOKEN: Any = {"model": MODEL, "modalities": ["text", "audio"], "audio": VOICE}
PCM: Any = {**SPOKEN, "audio": {"voice": "cedar", "format": "pcm16"}}


@pytest.mark.parametrize(("name", "form"), [("question.wav", "wav"), ("question.mp3", "mp3")])
def test_a_spoken_question_is_answered_aloud(client: OpenAI, name: str, form: str) -> None:
    messages: Any = [{"role": "user", "content": [recording(name, form)]}]
    answer = client.chat.completions.create(messages=messages, **SPOKEN)
    audio = answer.choices[0].message.audio
    assert audio is not None
    assert "paris" in audio.transcript.lower()
    samples, seconds = wav_samples(base64.b64decode(audio.data))
    assert loudest(samples) > 1000
    usage = answer.usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.completion_tokens_details is not None
    assert usage.completion_tokens_details.audio_tokens == round(seconds * 20)
    assert (usage.prompt_tokens_details.audio_tokens or 0) >= 10
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert audio.expires_at - answer.created in range(3595, 3605)


def test_three_turns_mix_speech_text_and_earlier_answers(client: OpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": [recording("question.wav", "wav")]}]
    first = client.chat.completions.create(messages=messages, **SPOKEN).choices[0].message.audio
    assert first is not None
    messages += [{"role": "assistant", "audio": {"id": first.id}}, {"role": "user", "content": "And of Italy?"}]
    stream = client.chat.completions.create(messages=messages, stream=True, **PCM)
    streamed_id = ""
    for chunk in stream:
        audio: Any = chunk.choices[0].delta.audio if chunk.choices else None
        streamed_id = (audio and audio.id) or streamed_id
    messages += [
        {"role": "assistant", "content": "", "audio": {"id": streamed_id}},
        {"role": "user", "content": [{"type": "text", "text": "Answer this:"}, recording("question.mp3", "mp3")]},
    ]
    third = client.chat.completions.create(messages=messages, **SPOKEN)
    assert third.choices[0].message.audio is not None
    usage = third.usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert (usage.prompt_tokens_details.audio_tokens or 0) > 60  # two questions and two spoken answers


@needs_flite
def test_a_stream_says_what_it_writes(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        messages=[{"role": "user", "content": "Say hello."}],
        stream=True,
        stream_options={"include_usage": True},
        **PCM,
    )
    chunks = list(stream)
    audio: list[Any] = [chunk.choices[0].delta.audio for chunk in chunks if chunk.choices]
    pieces = [piece.data for piece in audio if piece and piece.data]
    assert all(len(base64.b64decode(piece)) % 6 == 0 for piece in pieces[:-1])
    sound = base64.b64decode("".join(pieces))
    assert sound == b"".join(map(base64.b64decode, pieces))
    usage = chunks[-1].usage
    assert usage is not None
    assert usage.completion_tokens_details is not None
    assert usage.completion_tokens_details.audio_tokens == len(sound) / 2400
    written = "".join(piece.transcript for piece in audio if piece and piece.transcript)
    heard = client.audio.transcriptions.create(model="whisper-1", file=("said.wav", write_wav(Pcm(sound, 24_000))))
    assert wer([(written, heard.text)]) <= 0.25, (written, heard.text)


def test_the_clients_stream_helper_adds_a_stream_up(client: OpenAI) -> None:
    with client.chat.completions.stream(messages=[{"role": "user", "content": "Say hello."}], **PCM) as stream:
        stream.until_done()
        final: Any = stream.get_final_completion()
    message = final.choices[0].message
    assert message.audio.id.startswith("audio_")
    assert len(message.audio.id) == len("audio_") + 32
    assert message.audio.transcript
    assert len(base64.b64decode(message.audio.data)) > 4800
    assert final.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("form", ["wav", "pcm16", "flac", "mp3", "opus", "aac"])
def test_every_format_sounds_as_long_as_the_answer(client: OpenAI, form: str) -> None:
    answer = client.chat.completions.create(
        model=MODEL,
        modalities=["text", "audio"],
        audio={"voice": "alloy", "format": form},  # type: ignore[typeddict-item]
        messages=[{"role": "user", "content": "Say hello."}],
        max_tokens=60,
    )
    audio, usage = answer.choices[0].message.audio, answer.usage
    assert audio is not None
    assert usage is not None
    assert usage.completion_tokens_details is not None
    told = (usage.completion_tokens_details.audio_tokens or 0) / 20
    data = base64.b64decode(audio.data)
    seconds = len(data) / 48_000 if form == "pcm16" else decoded_seconds(data)
    assert seconds == pytest.approx(told, abs=1e-9 if form in {"wav", "pcm16", "flac"} else 0.1)


def test_text_alone_is_answered_with_text(client: OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hello"}])
    assert answer.choices[0].message.content
    assert answer.choices[0].message.audio is None
    assert answer.model == "gpt-4o-mini-audio-preview-2024-12-17"


def test_a_small_budget_ends_text_and_speech_together(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        messages=[{"role": "user", "content": "Tell me about the sea."}], max_completion_tokens=40, **SPOKEN
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 40
    audio = answer.choices[0].message.audio
    assert audio is not None
    _, seconds = wav_samples(base64.b64decode(audio.data))
    assert (seconds * 20) % 1 == pytest.approx(0)


def test_the_same_seed_gives_the_same_words(client: OpenAI) -> None:
    def ask() -> str | None:
        asked = client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Name a colour."}], seed=7, temperature=1.0
        )
        return asked.choices[0].message.content

    assert ask() == ask()


@pytest.mark.parametrize(
    "name",
    ["librivox-ill-disposed.wav", "librivox-amiable-himself.wav", "whats-the-weather.wav", "hello-world.mp3"],
)
def test_real_speech_is_answered(client: OpenAI, name: str) -> None:
    file = SHARED / "audio" / name
    if not file.exists():
        pytest.skip("../shared/audio is not here")
    data = base64.b64encode(file.read_bytes()).decode()
    part: Any = {"type": "input_audio", "input_audio": {"data": data, "format": name[-3:]}}
    answer = client.chat.completions.create(messages=[{"role": "user", "content": [part]}], **SPOKEN)
    assert answer.choices[0].message.audio is not None


def test_models_are_listed(client: OpenAI) -> None:
    names = {model.id for model in client.models.list()}
    assert {MODEL, "gpt-4o-audio-preview", "gpt-4o-mini-audio-preview-2024-12-17", "gpt-audio"} <= names
    assert client.models.retrieve(MODEL).id == MODEL
    with pytest.raises(NotFoundError):
        client.models.retrieve("gpt-9")


def test_an_unknown_voice_is_refused_with_the_list(client: OpenAI) -> None:
    asked: Any = {**SPOKEN, "audio": {"voice": "nobody", "format": "wav"}}
    with pytest.raises(BadRequestError, match="Supported values are: 'alloy', 'ash'"):
        client.chat.completions.create(messages=[{"role": "user", "content": "Hi"}], **asked)


def test_the_server_says_what_it_is_and_that_it_is_ready(http: httpx2.Client) -> None:
    assert http.get("/").json()["name"] == "vivavoce"
    assert http.get("/health/live").status_code == 200
    ready = http.get("/health/ready")
    assert ready.status_code == 200
    assert ready.headers["x-request-id"].startswith("req_")
