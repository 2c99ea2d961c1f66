"""Thinks with llama.cpp in this process: any GGUF file, several answers at once."""

import http.client
import json
import os
import shutil
import socket
import tempfile
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Condition, Event, Thread
from typing import Any, Self

import msgspec
import xllamacpp

from vivavoce.core.engines import Card
from vivavoce.core.turn import TextDelta, Turn, TurnDone
from vivavoce.engines.prompts import Refusal, chat_request, read_answer, refused, too_long

NATIVE: Any = xllamacpp  # compiled, without types
INSTRUCTION = """You are a helpful voice assistant. Give short, direct answers.

User: What is the capital of Spain?
Assistant: The capital of Spain is Madrid.
User: How do you spell fish?
Assistant: F, I, S, H.
User: My name is Sam. What is my name?
Assistant: Your name is Sam."""
"""A small model is shown what a short spoken answer is rather than told: see `bench/questions.py`."""
BATCH = 32
"""Prompt tokens read at a time: a call can be stopped only between batches."""
RESERVED = 512
"""Most tokens set aside for an answer before it begins."""
TICK_S = 0.05
"""How often a call says that it is still working."""


class Llama:
    """One GGUF model, `parallel` answers at once, the start of each conversation remembered."""

    class Options(msgspec.Struct, forbid_unknown_fields=True):
        """`options` in the configuration."""

        model: str
        """Path of the GGUF file."""
        context: int = 8192
        """Tokens of all the answers in work together, prompts included."""
        parallel: int = 4
        gpu_layers: int = 0
        threads: int = 0
        """0: half of the cores this process may use."""
        instruction: str = INSTRUCTION
        """What the model is told where the client sent no system message."""
        temperature: float = 0.0
        """Where the client set none."""
        max_answer: int = 96
        """Most tokens of an answer, where the client set no limit."""

    def __init__(self, options: Options) -> None:
        """Load the model; takes about a second for each gigabyte.

        Raises:
            ValueError: there is no such file, or llama.cpp cannot load it.
        """
        if not Path(options.model).is_file():
            raise ValueError(f"there is no model file {options.model}")
        self._options = options
        self._private = Path(tempfile.mkdtemp(prefix="viva-"))
        self._tidy = weakref.finalize(self, shutil.rmtree, self._private, ignore_errors=True)
        try:
            self._server: Any = NATIVE.Server(_parameters(options, self._private / "llama.sock"))
        except RuntimeError as error:
            self._tidy()
            raise ValueError(f"llama.cpp cannot load {options.model}") from error
        self._context = int(self._ask("GET", [("/props", "")])[0]["default_generation_settings"]["n_ctx"])
        self._room = _Room(self._context)

    def card(self) -> Card:
        """What it is, for `/v1/models` and validation."""
        return Card(
            name=Path(self._options.model).stem,
            roles=("think",),
            context=self._context,
            max_output=self._context,
            parallel=self._options.parallel,
            note="any GGUF, or `--think URL#model`, answers far better",
        )

    def close(self) -> None:
        """Free the model, once the calls in work have ended."""
        self._server = None
        self._tidy()

    def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text is."""
        bodies = [("/tokenize", json.dumps({"content": text})) for text in texts]
        return [len(answer["tokens"]) for answer in self._ask("POST", bodies)]

    def generate(self, turn: Turn) -> Iterator[TextDelta | TurnDone | None]:
        """Answer; None every 50 ms without words. Closing it stops the work at the next token or prompt batch.

        Raises:
            BadRequest: the prompt is longer than the context, or the schema cannot be followed.
            Overloaded: answers longer than was foreseen have filled the context they share.
        """
        chosen = self._options
        request = chat_request(turn, chosen.instruction, chosen.temperature, chosen.max_answer)
        body = json.dumps(request)
        prompt = self._measure(turn, body)
        with _Place(self._room, min(prompt + min(request["max_tokens"], RESERVED), self._context)) as place:
            while not place.taken(TICK_S):
                yield None
            yield from self._generate(turn, body)

    def _generate(self, turn: Turn, body: str) -> Iterator[TextDelta | TurnDone | None]:
        events: SimpleQueue[str | None] = SimpleQueue()
        left = Event()

        def hear(event: str) -> bool:
            events.put(event)
            return left.is_set()

        call = Thread(target=_run, args=(self._server.handle_chat_completions, body, hear, events), daemon=True)
        call.start()
        try:
            yield from read_answer(turn, _each(events))
        finally:
            left.set()
            call.join()

    def _measure(self, turn: Turn, body: str) -> int:
        """How many tokens the prompt is, refused at once if it does not fit."""
        answer = self._ask("POST", [("/chat/completions/input_tokens", body)])[0]
        if "error" in answer:
            raise refused(turn, msgspec.convert(answer["error"], Refusal))
        tokens = int(answer["input_tokens"])
        if tokens >= self._context:
            raise too_long(tokens, self._context)
        return tokens

    def _ask(self, method: str, requests: list[tuple[str, str]]) -> list[Any]:
        # the binding counts no tokens, so we ask the listener it opens anyway
        line = http.client.HTTPConnection("llama")
        line.sock = socket.socket(socket.AF_UNIX)
        try:
            line.sock.connect(str(self._private / "llama.sock"))
            answers: list[Any] = []
            for path, body in requests:
                line.request(method, path, body)
                answers.append(json.loads(line.getresponse().read()))
            return answers
        finally:
            line.close()


class _Room:
    """Tokens of context that the answers in work share. llama.cpp fails them all when it runs out."""

    def __init__(self, tokens: int) -> None:
        self.free = tokens
        self.line: deque[_Place] = deque()
        self.changed = Condition()


class _Place:
    """So many tokens of the room, in the order of coming."""

    def __init__(self, room: _Room, tokens: int) -> None:
        self._room = room
        self._tokens = tokens

    def __enter__(self) -> Self:
        with self._room.changed:
            self._room.line.append(self)
        return self

    def taken(self, wait_s: float) -> bool:
        """Whether it is ours now; waits a little for it."""
        room = self._room
        with room.changed:
            if not room.changed.wait_for(lambda: room.line[0] is self and room.free >= self._tokens, wait_s):
                return False
            room.line.popleft()
            room.free -= self._tokens
            room.changed.notify_all()
            return True

    def __exit__(self, *_: object) -> None:
        room = self._room
        with room.changed:
            if self in room.line:
                room.line.remove(self)
            else:
                room.free += self._tokens
            room.changed.notify_all()


def _parameters(options: Llama.Options, listener: Path) -> Any:
    ask = NATIVE.CommonParams()
    ask.model.path = options.model
    ask.n_ctx, ask.n_parallel, ask.kv_unified = options.context, options.parallel, True
    ask.n_batch = ask.n_ubatch = BATCH
    ask.n_gpu_layers = options.gpu_layers
    # llama.cpp's threads spin while they wait for one another: with one on every core, anything else
    # that runs (ears, voice) makes it thirty times slower; on half of them it keeps its pace
    threads = options.threads or max(1, len(os.sched_getaffinity(0)) // 2)
    ask.cpuparams.n_threads = ask.cpuparams_batch.n_threads = threads
    # prefixes stay in the slots; a second cache beside them would grow to 8 GiB
    ask.cache_prompt, ask.cache_ram_mib, ask.cache_idle_slots = True, 0, False
    ask.verbosity = -1
    ask.ui, ask.endpoint_slots, ask.n_threads_http = False, False, options.parallel
    ask.hostnames = [str(listener)]
    return ask


def _run(
    complete: Callable[[str, Callable[[str], bool]], None],
    body: str,
    hear: Callable[[str], bool],
    events: SimpleQueue[str | None],
) -> None:
    try:
        complete(body, hear)
    except (RuntimeError, ValueError):  # what the binding makes of a request llama.cpp cannot parse
        events.put('{"error": {"type": "invalid_request_error"}}')
    finally:
        events.put(None)


def _each(events: SimpleQueue[str | None]) -> Iterator[str]:
    """Events until the last; an empty one when there was none for a while."""
    event: str | None = ""
    while event is not None:
        yield event
        try:
            event = events.get(timeout=TICK_S)
        except Empty:
            event = ""
