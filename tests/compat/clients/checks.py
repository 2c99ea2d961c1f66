"""What the scripts of several clients need: the server's address, a recording, and a look at what comes back.

The standard library's alone: it is imported in every client's environment.
"""

import base64
import io
import os
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

E = TypeVar("E", bound=Exception)

ROOT = os.environ["VIVAVOCE_URL"]
URL = f"{ROOT}/v1"
SAYS = os.environ.get("VIVAVOCE_SAYS")
"""What every spoken answer is; not set where the server is not scripted."""
HEARS = os.environ.get("VIVAVOCE_HEARS", "what is the capital of france")
"""What is heard in the recordings."""
RECORDINGS = Path(os.environ.get("VIVAVOCE_RECORDINGS", Path(__file__).parents[2] / "fixtures"))
MODEL = "gpt-4o-mini-audio-preview"
SNAPSHOT = "gpt-4o-mini-audio-preview-2024-12-17"
CALLER = "gpt-4o-audio-preview"
"""Calls the tools it is given."""
BYTES_A_TOKEN = 48_000 // 20


def recording(form: str = "wav") -> bytes:
    """Somebody asks for the capital of France."""
    return (RECORDINGS / f"question.{form}").read_bytes()


def part(form: str = "wav") -> dict[str, object]:
    """The same as a part of a message."""
    data = base64.b64encode(recording(form)).decode()
    return {"type": "input_audio", "input_audio": {"data": data, "format": form}}


def said(transcript: str | None) -> None:
    """The answer is the script's."""
    assert transcript, "the answer has no words"
    assert SAYS is None or transcript == SAYS, f"said {transcript!r}, not {SAYS!r}"


def samples(data: bytes) -> bytes:
    """The samples of a WAV file, which must be 24 kHz mono, 16 bit, with true sizes and something in it."""
    with wave.open(io.BytesIO(data)) as file:
        shape = (file.getframerate(), file.getnchannels(), file.getsampwidth())
        assert shape == (24_000, 1, 2), f"sound of (rate, channels, bytes) {shape}"
        frames = file.readframes(file.getnframes())
    assert len(frames) == len(data) - 44, f"{len(data)} bytes of WAV hold {len(frames)} of samples"
    sounds(frames)
    return frames


def sounds(frames: bytes) -> None:
    """There is something to be heard."""
    assert len(frames) % 2 == 0, f"{len(frames)} bytes are not whole samples"
    assert max(memoryview(frames).cast("h"), default=0) > 1000, f"{len(frames)} bytes of silence"


def adds_up(usage: dict[str, object], sound: bytes | None = None) -> None:
    """The details of usage sum to its totals, and sound costs 20 tokens a second."""
    for kind in ("prompt", "completion"):
        details = usage[f"{kind}_tokens_details"]
        assert isinstance(details, dict), f"no {kind}_tokens_details in {usage}"
        of_kind = details["audio_tokens"] + details["text_tokens"]
        assert of_kind == usage[f"{kind}_tokens"], f"{kind} tokens do not add up: {usage}"
    total = usage["prompt_tokens"] + usage["completion_tokens"]  # type: ignore[operator]
    assert usage["total_tokens"] == total, f"tokens do not add up: {usage}"
    if sound is not None:
        spoken = usage["completion_tokens_details"]["audio_tokens"]  # type: ignore[index]
        assert abs(spoken - len(sound) / BYTES_A_TOKEN) <= 1, f"{len(sound)} bytes of sound for {spoken} audio tokens"


def raised(kind: type[E], ask: Callable[[], object]) -> E:
    """The error that asking ends in, which must be of this kind."""
    try:
        ask()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected")


async def raised_by(kind: type[E], coming: Awaitable[object]) -> E:
    """The error that waiting ends in, which must be of this kind."""
    try:
        await coming
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected")
