"""Answers' sound, read again by other means than our own."""

import base64
import io
import wave
from pathlib import Path

FIXTURES = Path(__file__).parent.parent / "fixtures"
SHARED = Path(__file__).parents[3] / "shared"
VOICE = {"voice": "alloy", "format": "wav"}
MODEL = "gpt-4o-mini-audio-preview"


def recording(name: str, form: str) -> dict[str, object]:
    """A message part with one of the project's own recordings."""
    data = base64.b64encode((FIXTURES / name).read_bytes()).decode()
    return {"type": "input_audio", "input_audio": {"data": data, "format": form}}


def wav_samples(data: bytes) -> tuple[bytes, float]:
    """The samples of a WAV file and its seconds; it must be 24 kHz mono, 16 bit, with a 44-byte header."""
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        samples = file.readframes(file.getnframes())
        assert len(samples) == 2 * file.getnframes() == len(data) - 44
        return samples, file.getnframes() / 24_000


def loudest(samples: bytes) -> int:
    """The height of the loudest sample."""
    return max(abs(sample) for sample in memoryview(samples).cast("h"))
