"""The stream llama.cpp answers with, as events of ours."""

import re
import secrets
import string
from collections.abc import Iterable, Iterator

import msgspec

from vivavoce.core.errors import EngineFailed
from vivavoce.core.phrases import Phrases
from vivavoce.core.turn import Reason, TextDelta, ToolCallDelta, Turn, TurnDone, Usage
from vivavoce.engines.prompts import Refusal, refused

_SENTENCE = re.compile(r"[.!?。！？…][\"')\]}»”’」』*_`~]*\Z")
_SIGNS = 9  # more than end a sentence
_TRAILING_OFF = re.compile(r"(?:…|\.\.\.)[\"')\]}»”’*_`~]*(?=\s)")


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
    cache_n: int = 0
    prompt_n: int = 0
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
        self._timings = _Timings()
        self.reason: Reason = "stop"

    @property
    def made(self) -> int:
        """Tokens of the answer so far."""
        return self._timings.predicted_n

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
            self._timings = chunk.timings or self._timings
            for choice in chunk.choices:
                if choice.finish_reason in {"length", "tool_calls"}:
                    self.reason = "length" if choice.finish_reason == "length" else "tool_calls"
            yield _merged([choice.delta for choice in chunk.choices])
        if self._usage is None:
            raise EngineFailed

    def done(self) -> TurnDone:
        """The end, with what it cost; of an answer we ended ourselves no usage was told."""
        used = self._usage
        if used is None:
            known = self._timings
            used = _Usage(known.cache_n + known.prompt_n, known.predicted_n, _Cached(known.cache_n))
        cached = used.prompt_tokens_details.cached_tokens
        return TurnDone(self.reason, Usage(text_in=used.prompt_tokens, text_out=used.completion_tokens, cached=cached))


class _Words:
    """The words of one answer as they may go out: no white space leads or ends them, and they end in time."""

    def __init__(self, soft: int) -> None:
        self._soft = soft
        self._phrases = Phrases("sentence")
        self._text = ""
        self._space = ""  # what came after it: only told once words follow
        self._told = 0
        self._enough: int | None = None  # how long the text was when `soft` tokens had been made
        self.ended: Reason | None = None

    def add(self, more: str, made: int) -> str:
        """What goes out now that there is `more`, `made` tokens into the answer."""
        self._space += more
        text = self._space.rstrip() if self._text else self._space.strip()
        if text:
            self._space = self._space[len(self._space.rstrip()) :]
            self._text += text
        pieces = self._phrases.feed(text)
        if not self._soft or made < self._soft:
            return self.rest()
        if self._enough is None:
            self._enough = len(self._text)
        ends = [piece.end for piece in pieces if piece.end >= self._enough and self._is_end(piece.end)]
        dots = _TRAILING_OFF.finditer(self._text, max(0, self._enough - _SIGNS))
        ends += [found.end() for found in dots if found.end() >= self._enough]
        if ends:
            self.ended = "stop"
            return self._tell(min(ends))
        if made >= 2 * self._soft:
            self.ended = "length"
            return self.rest()
        return self._tell(self._enough)  # the rest of the sentence goes out whole: what follows tells where it ends

    def rest(self) -> str:
        """All words that have not gone out."""
        return self._tell(len(self._text))

    def _is_end(self, at: int) -> bool:
        """Whether a piece that ends here ends a sentence or a line: long sentences are cut elsewhere as well."""
        return self._text[at : at + 1] in {"\r", "\n"} or bool(_SENTENCE.search(self._text, max(0, at - _SIGNS), at))

    def _tell(self, end: int) -> str:
        start, self._told = self._told, max(end, self._told)
        return self._text[start : self._told]


def read_answer(
    turn: Turn, events: Iterable[str], soft: int = 0
) -> Iterator[TextDelta | ToolCallDelta | TurnDone | None]:
    """The events of one answer; an empty event, or one without words, is a None.

    After `soft` tokens, words end with their sentence, after twice as many anywhere; 0: where the model ends them.

    Raises:
        PublicError: llama.cpp refused, or broke off.
    """
    stream = _Stream(turn, events)
    words, told, calling = _Words(soft), 0, False
    for delta in stream:
        calling = calling or bool(delta.tool_calls)
        yield from (event for call in delta.tool_calls for event in _native(call))
        text = words.add(delta.content or "", stream.made)
        if text:
            yield TextDelta(text, stream.made - told)
            told = stream.made
        else:
            yield None
        if words.ended and not calling:
            stream.reason = words.ended
            break
    if text := "" if words.ended == "stop" else words.rest():
        yield TextDelta(text, stream.made - told)
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
