"""A microphone that plays a recording and a loudspeaker that keeps what it plays, with the names of `sounddevice`."""

import os
import wave
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class PortAudioError(Exception):
    """As the library's."""


def query_devices(kind: str) -> dict[str, str]:
    if os.environ.get("NO_DEVICES"):
        raise PortAudioError(f"No {kind} device matching")
    return {"name": kind}


class _Stream:
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class RawInputStream(_Stream):
    def __init__(self, *, samplerate: int, channels: int, dtype: str, callback: Callable[..., Any]) -> None:
        with wave.open(os.environ["MICROPHONE"]) as file:
            assert (file.getframerate(), file.getnchannels(), dtype) == (samplerate, channels, "int16")
            while frames := file.readframes(512):
                callback(memoryview(frames), len(frames) // 2, None, None)


class RawOutputStream(_Stream):
    def __init__(self, *, samplerate: int, channels: int, dtype: str) -> None:
        assert (samplerate, channels, dtype) == (24_000, 1, "int16")

    def write(self, data: bytes) -> None:
        with Path(os.environ["LOUDSPEAKER"]).open("ab") as file:
            file.write(data)
