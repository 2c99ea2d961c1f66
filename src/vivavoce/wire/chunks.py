"""A streamed chat completion, event by event.

The order is the one every known client survives (wire reference, 2.4): the id of the sound once, every piece of sound
a multiple of 6 bytes, then why it ended, then `expires_at` alone, then usage, then `[DONE]`.
"""

from base64 import b64encode
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from vivavoce.core.turn import ToolCallDelta, Usage
from vivavoce.wire.completion import FinishReason, Head, Meta, UsageBody, usage_body
from vivavoce.wire.logprobs import ChosenToken, Logprobs

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


class FunctionDelta(Struct, omit_defaults=True):
    """The next of a function call: its name once, then its arguments."""

    name: str | UnsetType = UNSET
    arguments: str | UnsetType = UNSET


class CallDelta(Struct, omit_defaults=True):
    """The next of a tool call: its id once, then its arguments."""

    index: int
    id: str | UnsetType = UNSET
    type: Literal["function"] | UnsetType = UNSET
    function: FunctionDelta | UnsetType = UNSET


class DeltaBody(Struct, omit_defaults=True):
    """What a chunk adds."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    tool_calls: list[CallDelta] | UnsetType = UNSET
    function_call: FunctionDelta | UnsetType = UNSET
    refusal: UnsetType | None = UNSET
    audio: AudioDeltaBody | UnsetType = UNSET


class ChunkChoice(Struct):
    """What a chunk adds to one answer."""

    index: int
    delta: DeltaBody
    logprobs: Logprobs | UnsetType | None = UNSET
    finish_reason: FinishReason | None = None


class Chunk(Struct):
    """One event of a stream."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    service_tier: Literal["default"]
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: UsageBody | UnsetType | None = UNSET
    meta: Meta | UnsetType = UNSET


class ChunkEncoder:
    """Turns one answer into the events of a stream. Each method gives bytes to be sent as they are.

    Of several answers each begins after the one `before` it, if only by saying who speaks: the official client's
    helpers keep them in a list, and cannot take the second before the first.
    """

    def __init__(
        self,
        head: Head,
        index: int = 0,
        *,
        include_usage: bool,
        audio_id: str | None,
        legacy: bool,
        before: "ChunkEncoder | None" = None,
    ) -> None:
        self._head = head
        self._before = before
        self._index = index
        self._no_usage: Any = None if include_usage else UNSET
        self._audio_id = audio_id
        self._legacy = legacy
        self._words = ("content", _written) if audio_id is None else ("transcript", _spoken)
        self._begun = False
        self._sounding = False
        self._left_over = b""
        self._around: dict[str, tuple[bytes, bytes]] = {}

    def text(self, text: str, tokens: list[ChosenToken] | None = None) -> bytes:
        """The next characters of the answer, and the tokens that begin in them where those are known."""
        begin = self._begin("") if self._audio_id is None else self._begin_sound()
        name, delta = self._words
        if tokens:
            return begin + self._delta(delta(text), tokens=tokens)
        return begin + msgspec.json.encode(text)[1:-1].join(self._around_it(name, delta))

    def sound(self, data: bytes) -> bytes:
        """The next sound of the answer; up to 5 bytes of it wait for the next."""
        data = self._left_over + data
        whole = len(data) - len(data) % WHOLE_BYTES
        self._left_over = data[whole:]
        return self._begin_sound() + self._sound(data[:whole]) if whole else b""

    def call(self, delta: ToolCallDelta) -> bytes:
        """The next of a tool call; in the older form there is only one."""
        function = FunctionDelta(delta.name or UNSET, delta.arguments)
        if self._legacy:
            body = DeltaBody(function_call=function)
            return self._first(body) if delta.index == 0 else b""
        kind = UNSET if delta.id is None else "function"
        return self._first(DeltaBody(tool_calls=[CallDelta(delta.index, delta.id or UNSET, kind, function)]))

    def end(self, reason: FinishReason, expires_at: int, *, calls: bool = False) -> bytes:
        """Everything of this answer after the answer itself."""
        begin = b"" if calls else self._begin_sound() if self._audio_id else self._begin("")
        rest, self._left_over = begin + self._sound(self._left_over), b""
        rest += self._delta(DeltaBody(), reason)
        if self._sounding:
            rest += self._audio(AudioDeltaBody(expires_at=expires_at))
        return rest

    def _begin(self, content: str | None) -> bytes:
        return b"" if self._begun else self._first(DeltaBody(content=content))

    def _first(self, delta: DeltaBody) -> bytes:
        """A chunk that also says whose words these are, where none has yet."""
        if self._begun:
            return self._delta(delta)
        self._begun = True
        delta.role, delta.refusal = "assistant", None
        delta.content = None if delta.content is UNSET else delta.content
        earlier = self._before._begin(None) if self._before else b""  # noqa: SLF001 - one of its own kind
        return earlier + self._delta(delta)

    def _begin_sound(self) -> bytes:
        if self._sounding:
            return b""
        self._sounding = True
        return self._begin(None) + self._audio(AudioDeltaBody(id=self._audio_id or UNSET, transcript=""))

    def _sound(self, data: bytes) -> bytes:
        if not data:
            return b""
        return b64encode(data).join(self._around_it("data", _sounding))  # it is large, and copied once

    def _around_it(self, name: str, delta: Callable[[str], DeltaBody]) -> tuple[bytes, bytes]:
        """What stands in every event of one kind before and after what it brings, which goes by that name."""
        if name not in self._around:
            # in nothing that stands before the name are there such quotes
            before, quote, after = self._delta(delta("")).partition(b'"%b":"' % name.encode())
            self._around[name] = before + quote, after
        return self._around[name]

    def _audio(self, audio: AudioDeltaBody) -> bytes:
        return self._delta(DeltaBody(audio=audio))

    def _delta(
        self, delta: DeltaBody, reason: FinishReason | None = None, *, tokens: list[ChosenToken] | None = None
    ) -> bytes:
        none = None if self._audio_id is None else UNSET
        logprobs = Logprobs(tokens) if tokens else none
        return _event(self._head, [ChunkChoice(self._index, delta, logprobs, reason)], self._no_usage)


def _written(text: str) -> DeltaBody:
    return DeltaBody(content=text)


def _spoken(text: str) -> DeltaBody:
    return DeltaBody(audio=AudioDeltaBody(transcript=text))


def _sounding(data: str) -> DeltaBody:
    return DeltaBody(audio=AudioDeltaBody(data=data))


def usage_event(head: Head, usage: Usage, meta: Meta | UnsetType = UNSET) -> bytes:
    """The event with what all answers together have cost; `[DONE]` follows it."""
    return _event(head, [], usage_body(usage), meta)


def _event(
    head: Head, choices: list[ChunkChoice], usage: UsageBody | UnsetType | None, meta: Meta | UnsetType = UNSET
) -> bytes:
    chunk = Chunk(
        head.id,
        "chat.completion.chunk",
        head.created,
        head.model,
        "default",
        head.fingerprint,
        choices,
        usage,
        meta,
    )
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"
