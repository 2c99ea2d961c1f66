"""The ways of a client through a whole server to its engines, by the official client."""

import json
from base64 import b64decode, b64encode
from typing import Any

import numpy as np
from openai import AsyncOpenAI

from vivavoce.audio.wav import read_wav, write_wav
from vivavoce.core.audio import SPOKEN_RATE, Pcm

CHAT = "gpt-4o-mini-audio-preview"
HEARD, SPOKEN = "gpt-4o-mini-transcribe", "gpt-4o-mini-tts"


async def transcription(client: AsyncOpenAI, pcm: Pcm, **asked: Any) -> Any:
    """What is heard of a recording."""
    return await client.audio.transcriptions.create(file=("said.wav", write_wav(pcm)), **{"model": HEARD, **asked})


async def streamed_transcription(client: AsyncOpenAI, pcm: Pcm) -> tuple[list[str], str]:
    """What is heard of a recording piece by piece, and all of it as it is told in the end."""
    events = [event async for event in await transcription(client, pcm, stream=True)]
    assert [event.type for event in events] == ["transcript.text.delta"] * (len(events) - 1) + ["transcript.text.done"]
    return [event.delta for event in events[:-1]], events[-1].text


async def speech(client: AsyncOpenAI, text: str, voice: str) -> list[Pcm]:
    """The pieces in which the sound of a text comes."""
    asked: Any = {"model": SPOKEN, "input": text, "voice": voice, "response_format": "pcm", "stream_format": "sse"}
    async with client.audio.speech.with_streaming_response.create(**asked) as response:
        events = [json.loads(line[6:]) async for line in response.iter_lines() if line.startswith("data: {")]
    assert events.pop()["type"] == "speech.audio.done"
    return [Pcm(b64decode(event["audio"]), SPOKEN_RATE) for event in events]


async def chat(client: AsyncOpenAI, pcm: Pcm, voice: str) -> tuple[str, Pcm, Any]:
    """The transcript and the sound of a spoken answer to a spoken question, and what it cost."""
    made = await client.chat.completions.create(**_question(pcm, voice, "wav"))
    audio = made.choices[0].message.audio
    sound = read_wav(b64decode(audio.data))
    assert sound is not None
    return audio.transcript, sound, made.usage


async def streamed_chat(client: AsyncOpenAI, pcm: Pcm, voice: str) -> tuple[str, Pcm]:
    """The same, as a stream: its transcript and its sound."""
    chunks = await client.chat.completions.create(**_question(pcm, voice, "pcm16"), stream=True)
    deltas = [chunk.choices[0].delta async for chunk in chunks if chunk.choices]
    audios = [delta.audio for delta in deltas if delta.audio]
    sound = b"".join(b64decode(audio.data or "") for audio in audios)
    return "".join(audio.transcript or "" for audio in audios), Pcm(sound, SPOKEN_RATE)


def _question(pcm: Pcm, voice: str, form: str) -> dict[str, Any]:
    said = {"type": "input_audio", "input_audio": {"data": b64encode(write_wav(pcm)).decode(), "format": "wav"}}
    spoken = {"modalities": ["text", "audio"], "audio": {"voice": voice, "format": form}}
    return {"model": CHAT, "messages": [{"role": "user", "content": [said]}], **spoken}


def pitch(pcm: Pcm) -> float:
    """What is loudest in a sound, in Hz."""
    samples = np.frombuffer(pcm.data, "<i2")
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * pcm.rate / len(samples))
