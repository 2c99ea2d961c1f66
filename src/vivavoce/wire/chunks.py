"""A streamed chat completion, event by event.

The order is the one every known client survives (wire reference, 2.4): the id of the sound once, every piece of sound
a multiple of 6 bytes, then why it ended, then `expires_at` alone, then usage, then `[DONE]`.
"""

from base64 import b64encode
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from vivavoce.core.turn import Reason, Usage
from vivavoce.wire.completion import Head, UsageBody, usage_body

DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"
WHOLE_BYTES = 6
"""Pieces that can be joined as base64 (3 bytes) and played one by one (2 bytes)."""


class AudioDeltaBody(Struct, omit_defaults=True):
    """The next of a spoken answer."""

    id: str | UnsetType = UNSET
    transcript: str | UnsetType = UNSET
    data: str | UnsetType = UNSET
    expires_at: int | UnsetType = UNSET


class DeltaBody(Struct, omit_defaults=True):
    """What a chunk adds."""

    role: str | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    refusal: UnsetType | None = UNSET
    audio: AudioDeltaBody | UnsetType = UNSET


class ChunkChoice(Struct):
    """What a chunk adds to one answer."""

    index: int
    delta: DeltaBody
    logprobs: UnsetType | None = UNSET
    finish_reason: Reason | None = None


class Chunk(Struct):
    """One event of a stream."""

    id: str
    object: str
    created: int
    model: str
    service_tier: str
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: UsageBody | UnsetType | None = UNSET


class ChunkEncoder:
    """Turns one answer into the events of a stream. Each method gives bytes to be sent as they are."""

    def __init__(self, head: Head, *, include_usage: bool, audio_id: str | None) -> None:
        self._head = head
        self._no_usage: Any = None if include_usage else UNSET
        self._include_usage = include_usage
        self._audio_id = audio_id
        self._left_over = b""

    def begin(self) -> bytes:
        """The first event."""
        if self._audio_id is None:
            return self._delta(DeltaBody(role="assistant", content="", refusal=None))
        opening = self._delta(DeltaBody(role="assistant", content=None, refusal=None))
        return opening + self._audio(AudioDeltaBody(id=self._audio_id, transcript=""))

    def text(self, text: str) -> bytes:
        """The next characters of the answer."""
        if self._audio_id is None:
            return self._delta(DeltaBody(content=text))
        return self._audio(AudioDeltaBody(transcript=text))

    def sound(self, data: bytes) -> bytes:
        """The next sound of the answer; up to 5 bytes of it wait for the next."""
        data = self._left_over + data
        whole = len(data) - len(data) % WHOLE_BYTES
        self._left_over = data[whole:]
        return self._sound(data[:whole])

    def end(self, reason: Reason, usage: Usage, expires_at: int) -> bytes:
        """Everything after the answer itself."""
        rest, self._left_over = self._sound(self._left_over), b""
        rest += self._delta(DeltaBody(), reason)
        if self._audio_id is not None:
            rest += self._audio(AudioDeltaBody(expires_at=expires_at))
        if self._include_usage:
            rest += self._event([], usage_body(usage))
        return rest + DONE

    def _sound(self, data: bytes) -> bytes:
        return self._audio(AudioDeltaBody(data=b64encode(data).decode())) if data else b""

    def _audio(self, audio: AudioDeltaBody) -> bytes:
        return self._delta(DeltaBody(audio=audio))

    def _delta(self, delta: DeltaBody, reason: Reason | None = None) -> bytes:
        logprobs = None if self._audio_id is None else UNSET
        return self._event([ChunkChoice(0, delta, logprobs, reason)], self._no_usage)

    def _event(self, choices: list[ChunkChoice], usage: UsageBody | UnsetType | None) -> bytes:
        head = self._head
        chunk = Chunk(
            head.id,
            "chat.completion.chunk",
            head.created,
            head.model,
            "default",
            head.fingerprint,
            choices,
            usage,
        )
        return b"data: " + msgspec.json.encode(chunk) + b"\n\n"
