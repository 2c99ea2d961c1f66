"""The stream llama.cpp answers with, as events of ours."""

import secrets
import string
from collections.abc import Iterable, Iterator

import msgspec

from vivavoce.core.errors import EngineFailed
from vivavoce.core.turn import Reason, TextDelta, ToolCallDelta, Turn, TurnDone, Usage
from vivavoce.engines.prompts import Refusal, refused


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int = 0
    function: _Function = msgspec.field(default_factory=_Function)


class _Delta(msgspec.Struct):
    content: str | None = None
    tool_calls: list[_Call] = []


class _Choice(msgspec.Struct):
    delta: _Delta
    finish_reason: str | None = None


class _Cached(msgspec.Struct):
    cached_tokens: int = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _Cached = msgspec.field(default_factory=_Cached)


class _Timings(msgspec.Struct):
    predicted_n: int = 0


class _Chunk(msgspec.Struct):
    """One event of its stream: progress, words, calls, usage or a refusal."""

    choices: list[_Choice] = []
    usage: _Usage | None = None
    timings: _Timings | None = None
    error: Refusal | None = None


class Unconstrained(Exception):
    """llama.cpp could not follow the schema, and answered as if there were none."""


class _Stream:
    """The chunks of one answer, and what they have told so far."""

    def __init__(self, turn: Turn, events: Iterable[str]) -> None:
        self._turn = turn
        self._events = events
        self._usage: _Usage | None = None
        self.reason: Reason = "stop"
        self.made = 0

    def __iter__(self) -> Iterator[_Delta]:
        """What each chunk adds; an empty one where it adds nothing.

        Raises:
            PublicError: llama.cpp refused, or broke off.
        """
        for event in self._events:
            chunk = msgspec.json.decode(event, type=_Chunk) if event else _Chunk()
            if chunk.error:
                raise refused(self._turn, chunk.error)
            self._usage = chunk.usage or self._usage
            self.made = chunk.timings.predicted_n if chunk.timings else self.made
            for choice in chunk.choices:
                if choice.finish_reason in {"length", "tool_calls"}:
                    self.reason = "length" if choice.finish_reason == "length" else "tool_calls"
            yield _merged([choice.delta for choice in chunk.choices])
        if self._usage is None:
            raise EngineFailed

    def done(self) -> TurnDone:
        used = self._usage or _Usage(0, 0)
        cached = used.prompt_tokens_details.cached_tokens
        return TurnDone(self.reason, Usage(text_in=used.prompt_tokens, text_out=used.completion_tokens, cached=cached))


def read_answer(turn: Turn, events: Iterable[str]) -> Iterator[TextDelta | ToolCallDelta | TurnDone | None]:
    """The events of one answer; an empty event, or one without words, is a None.

    Raises:
        PublicError: llama.cpp refused, or broke off.
    """
    stream = _Stream(turn, events)
    begun, held, told = False, "", 0
    for delta in stream:
        yield from (event for call in delta.tool_calls for event in _native(call))
        held += delta.content or ""
        # white space goes out only between words: none leads an answer, none ends it
        text = held.rstrip() if begun else held.strip()
        if not text:
            yield None
            continue
        held = held[len(held.rstrip()) :]
        yield TextDelta(text, stream.made - told)
        begun, told = True, stream.made
    yield stream.done()


def read_arguments(
    turn: Turn, events: Iterable[str], first: ToolCallDelta, mark: str
) -> Iterator[ToolCallDelta | TurnDone | None]:
    """The events of one call: `first` once the answer has begun with `mark`, then its arguments.

    Raises:
        Unconstrained: it begins with something else; nothing but None was yielded.
        PublicError: llama.cpp refused, or broke off.
    """
    stream = _Stream(turn, events)
    begun, held = False, ""
    for delta in stream:
        held += delta.content or ""
        if not begun and held:
            begun = held.startswith(mark)
            if not begun and not mark.startswith(held):
                raise Unconstrained
            if begun:
                held = held.removeprefix(mark)
                yield first
        if begun and held:
            yield ToolCallDelta(first.index, held)
            held = ""
        else:
            yield None
    if not begun:
        raise Unconstrained
    yield stream.done()


def _merged(deltas: list[_Delta]) -> _Delta:
    content = "".join(delta.content or "" for delta in deltas)
    return _Delta(content, [call for delta in deltas for call in delta.tool_calls])


def _native(call: _Call) -> Iterator[ToolCallDelta]:
    if call.function.name:
        yield first_delta(call.index, call.function.name)
    if call.function.arguments:
        yield ToolCallDelta(call.index, call.function.arguments)


def first_delta(index: int, name: str) -> ToolCallDelta:
    """The beginning of a call, with an id of its own."""
    letters = string.ascii_letters + string.digits
    return ToolCallDelta(index, "", "call_" + "".join(secrets.choice(letters) for _ in range(24)), name)
