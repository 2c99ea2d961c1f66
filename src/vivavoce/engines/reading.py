"""The stream llama.cpp answers with, as events of ours."""

import secrets
import string
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import msgspec

from vivavoce.core.errors import EngineFailed
from vivavoce.core.turn import Reason, TextDelta, ToolCallDelta, Turn, TurnDone
from vivavoce.engines.chat_chunks import CallDelta, Choice, Chunk, Delta, Details, Used
from vivavoce.engines.logprobs import Logprobs, Spelling
from vivavoce.engines.prompts import Refusal, refused
from vivavoce.engines.reasoning import Aloud
from vivavoce.engines.words import Words

Fits: TypeAlias = Callable[[int], bool]
"""Whether there is room for one token more than so many of an answer."""


def _whatever(_made: int) -> bool:
    return True


class _Timings(msgspec.Struct):
    cache_n: int = 0
    prompt_n: int = 0
    predicted_n: int = 0


class _Chunk(Chunk):
    """One event of its stream: progress, words, calls, usage or a refusal."""

    timings: _Timings | None = None


class Unconstrained(Exception):
    """llama.cpp could not follow the schema, and answered as if there were none."""


class _Stream:
    """The chunks of one answer, and what they have told so far."""

    def __init__(self, turn: Turn, events: Iterable[str], fits: Fits) -> None:
        self._turn = turn
        self._events = events
        self._fits = fits
        self._usage: Used | None = None
        self._timings = _Timings()
        self.reason: Reason = "stop"

    @property
    def made(self) -> int:
        """Tokens of the answer so far."""
        return self._timings.predicted_n

    def __iter__(self) -> Iterator[tuple[Delta, Logprobs]]:
        """What each chunk adds, and how likely its words were; nothing where it adds nothing.

        Raises:
            PublicError: llama.cpp refused, or broke off.
        """
        for event in self._events:
            chunk = msgspec.json.decode(event, type=_Chunk) if event else _Chunk()
            if chunk.error:
                raise refused(self._turn, msgspec.convert(chunk.error, Refusal))
            self._usage = chunk.usage or self._usage
            self._timings = chunk.timings or self._timings
            for choice in chunk.choices:
                if choice.finish_reason in {"length", "tool_calls"}:
                    self.reason = "length" if choice.finish_reason == "length" else "tool_calls"
            yield _merged(chunk.choices)
            if self._usage is None and not self._fits(self.made):
                self.reason = "length"
                return
        if self._usage is None:
            raise EngineFailed

    def done(self) -> TurnDone:
        """The end, with what it cost; of an answer we ended ourselves no usage was told."""
        known, used = self._timings, self._usage
        if used is None:
            used = Used(known.cache_n + known.prompt_n, known.predicted_n, Details(known.cache_n))
        return TurnDone(self.reason, used.told())


def read_answer(
    turn: Turn, events: Iterable[str], soft: int = 0, fits: Fits = _whatever
) -> Iterator[TextDelta | ToolCallDelta | TurnDone | None]:
    """The events of one answer; an empty event, or one without words, is a None. Where nothing more `fits`, it ends.

    What the model thinks to itself is left out. After `soft` tokens of the answer, words end with their sentence, after
    twice as many anywhere; 0: where the model ends them.

    Raises:
        PublicError: llama.cpp refused, or broke off.
    """
    stream = _Stream(turn, events, fits)
    words, spelling, aloud, calling = Words(soft), Spelling(turn.sampling), Aloud(), False
    for delta, logprobs in stream:
        calls = delta.tool_calls or []
        calling = calling or bool(calls)
        yield from (event for call in calls for event in _native(call))
        pieces = [aloud.piece(*piece) for piece in spelling.pieces(delta.content or "", logprobs)]
        told = [piece for text, tokens in pieces or [("", ())] for piece in words.add(text, stream.made, tokens)]
        yield from told or [None]
        if words.ended and not calling:
            stream.reason = words.ended
            break
    if words.ended is None:
        text, tokens = aloud.rest()
        yield from words.add(text, stream.made, tokens)
    if words.ended != "stop":
        yield from words.rest()
    yield stream.done()


def read_arguments(
    turn: Turn, events: Iterable[str], first: ToolCallDelta, mark: str, fits: Fits = _whatever
) -> Iterator[ToolCallDelta | TurnDone | None]:
    """The events of one call: `first` once the answer has begun with `mark`, then its arguments, as far as it `fits`.

    Raises:
        Unconstrained: it begins with something else; nothing but None was yielded.
        PublicError: llama.cpp refused, or broke off.
    """
    stream = _Stream(turn, events, fits)
    begun, held = False, ""
    for delta, _ in stream:
        # where a template begins with a thought, llama.cpp takes all that the model is held to for one
        held += (delta.reasoning_content or "") + (delta.content or "")
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
    if not begun and stream.reason != "length":
        raise Unconstrained
    yield stream.done()


def _merged(choices: list[Choice]) -> tuple[Delta, Logprobs]:
    deltas = [choice.delta for choice in choices if choice.delta]
    content = "".join(delta.content or "" for delta in deltas)
    thought = "".join(delta.reasoning_content or "" for delta in deltas)
    tokens = [token for choice in choices if choice.logprobs for token in choice.logprobs.content or ()]
    calls = [call for delta in deltas for call in delta.tool_calls or ()]
    return Delta(content, reasoning_content=thought, tool_calls=calls), Logprobs(tokens)


def _native(call: CallDelta) -> Iterator[ToolCallDelta]:
    if call.function.name:
        yield first_delta(call.index, call.function.name)
    if call.function.arguments:
        yield ToolCallDelta(call.index, call.function.arguments)


def first_delta(index: int, name: str) -> ToolCallDelta:
    """The beginning of a call, with an id of its own."""
    letters = string.ascii_letters + string.digits
    return ToolCallDelta(index, "", "call_" + "".join(secrets.choice(letters) for _ in range(24)), name)
