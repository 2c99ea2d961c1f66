"""The audio endpoints as a client uses them: say a text, hear a sound, and tell how long it is."""

import io
import wave
from typing import Any

import av
from openai import OpenAI

FORMATS = ("wav", "mp3", "flac", "opus", "aac", "pcm")

TEXT = (
    "What is the capital of France? The train to the city leaves at seven in the morning. Please turn off the lights "
    "when you leave the room. She bought a new house near the river last summer. We need more time to finish the work "
    "before Friday."
)
MAX_WER = 0.25
MAX_LONGER = 0.02


def say(client: OpenAI, text: str, voice: str, form: str) -> bytes:
    """A text in a voice and a format; `pcm` gets the header of a WAV, or nobody could read it."""
    asked: Any = {"model": "tts-1", "voice": voice, "response_format": form}
    sound = client.audio.speech.create(input=text, **asked).content
    return with_header(sound) if form == "pcm" else sound


def hear(client: OpenAI, sound: bytes, form: str) -> tuple[str, float]:
    """The words of a sound, and its seconds as the server tells them."""
    name = f"said.{'wav' if form == 'pcm' else form}"
    heard = client.audio.transcriptions.create(model="whisper-1", file=(name, sound), response_format="verbose_json")
    return heard.text, heard.duration


def phoned(sound: bytes, codec: str) -> bytes:
    """A WAV file as a telephone would have sent it: 8 kHz, in `pcm_mulaw` or `pcm_alaw`."""
    made = io.BytesIO()
    with av.open(io.BytesIO(sound)) as source, av.open(made, "w", format="wav") as sink:
        stream = sink.add_stream(codec, 8_000, layout="mono")
        narrow = av.AudioResampler("s16", "mono", 8_000)
        frames = [narrow_one for frame in source.decode(audio=0) for narrow_one in narrow.resample(frame)]
        for frame in [*frames, *narrow.resample(None)]:
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    return made.getvalue()


def decoded_seconds(sound: bytes) -> float:
    """How long a file of any format sounds."""
    with av.open(io.BytesIO(sound)) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


def with_header(samples: bytes) -> bytes:
    """A WAV file of bare samples at 24 kHz."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, 24_000, len(samples) // 2, "NONE", ""))
        file.writeframes(samples)
    return made.getvalue()
