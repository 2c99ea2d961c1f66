"""llama.cpp in this process: a model loaded, requests run on it, and what it tells of itself."""

import http.client
import json
import os
import re
import shutil
import socket
import tempfile
import time
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

import xllamacpp

from vivavoce.core.processes import cores
from vivavoce.engines.hushed import hushed

NATIVE: Any = xllamacpp  # compiled, without types
BATCH = 32
"""Prompt tokens read at a time: a call can be stopped only between batches."""
TICK_S = 0.05
"""How often a request that tells nothing says so."""
MAGIC = b"GGUF"
"""Begins every GGUF file."""
LISTENER = "llama.sock"
SILENT, ERRORS = -1, 1
"""How much llama.cpp writes: nothing, only what went wrong."""
FIRST_ERROR = re.compile(r" E +(?:\S+ +)?\w+: +(?:error loading model: )?(.+)")
"""The first says what was wrong, the others whom it has failed."""
LAST_WORDS = "exiting due to"
LOG_S = 2.0
"""llama.cpp writes in a thread of its own; longest wait for its last words."""


@dataclass(frozen=True, slots=True)
class Loading:
    """What is loaded, and how much of the machine it may use."""

    model: str
    """Path of the GGUF file."""
    context: int
    """Tokens of all requests together; 0: as many as the model was trained with."""
    parallel: int
    gpu_layers: int
    """-1: as many as fit; more than it has: all."""
    threads: int
    """0: half of the cores this process may use."""
    template: str = ""
    """Path of a chat template (Jinja) in place of the model's own."""
    mmproj: str = ""
    """Path of the GGUF file of its encoder of sound."""
    cache_mb: int = 0
    """Memory (2^20 bytes) for prompts already read whose slot another conversation needs."""


class LlamaCpp:
    """One model, `parallel` requests at once."""

    def __init__(self, loading: Loading) -> None:
        """Load the model; takes about a second for each gigabyte.

        Raises:
            ValueError: there is no such file, or llama.cpp cannot load it.
        """
        # where it aborts it would have a debugger print its stack, with what was said in it perhaps, for seconds
        os.environ.setdefault("GGML_NO_BACKTRACE", "1")
        for path in filter(None, (loading.model, loading.mmproj)):
            _look_at(path)
        if loading.template and not Path(loading.template).is_file():
            raise ValueError(f"there is no chat template {loading.template}")
        self._private = Path(tempfile.mkdtemp(prefix="viva-"))
        self._tidy = weakref.finalize(self, shutil.rmtree, self._private, ignore_errors=True)
        try:
            self._server: Any = _running(loading, self._private / LISTENER)
        except RuntimeError as error:
            why = _reason(loading, self._private)
            self._tidy()
            raise ValueError(f"llama.cpp cannot load {loading.model}{why}") from error

    def close(self) -> None:
        """Free the model, once the requests in work have ended."""
        self._server = None
        self._tidy()

    def properties(self) -> dict[str, Any]:
        """What it says of the model: context, chat template."""
        return self.ask("GET", [("/props", "")])[0]

    def parameters(self) -> int:
        """How many it has."""
        return int(self.ask("GET", [("/v1/models", "")])[0]["data"][0]["meta"]["n_params"])

    def ask(self, method: str, requests: list[tuple[str, str]]) -> list[Any]:
        """The JSON answers to requests, each a path and a body, that take no slot."""
        return _ask(self._private / LISTENER, method, requests)

    def run(self, body: str) -> Generator[str]:
        """The events of a chat completion; an empty one every 50 ms without any. Closing it stops the work."""
        events: SimpleQueue[str | None] = SimpleQueue()
        left = Event()

        def hear(event: str) -> bool:
            events.put(event)
            return left.is_set()

        call = Thread(target=_complete, args=(self._server.handle_chat_completions, body, hear, events), daemon=True)
        call.start()
        try:
            yield from _each(events)
        finally:
            left.set()
            call.join()


def _running(loading: Loading, listener: Path, verbosity: int = SILENT) -> Any:
    """A model loaded, and its thread at work.

    Freed before that thread has begun, it would never be: llama.cpp begins by forgetting that it was told to end, and
    who frees it waits for the end. What this asks is answered by that thread.
    """
    server = NATIVE.Server(_parameters(loading, listener, verbosity))
    _ask(listener, "GET", [("/lora-adapters", "")])
    return server


def _ask(listener: Path, method: str, requests: list[tuple[str, str]]) -> list[Any]:
    """Ask the listener that the binding opens anyway what the binding itself does not offer."""
    line = http.client.HTTPConnection("llama")
    line.sock = socket.socket(socket.AF_UNIX)
    try:
        line.sock.connect(str(listener))
        answers: list[Any] = []
        for path, body in requests:
            line.request(method, path, body)
            answers.append(json.loads(line.getresponse().read()))
        return answers
    finally:
        line.close()


def _look_at(path: str) -> None:
    try:
        with Path(path).open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError:
        raise ValueError(f"there is no model file {path}") from None
    if magic != MAGIC:
        raise ValueError(f"{path} is not a GGUF file")


def _parameters(loading: Loading, listener: Path, verbosity: int) -> Any:
    ask = NATIVE.CommonParams()
    ask.model.path, ask.mmproj.path = loading.model, loading.mmproj
    ask.n_ctx, ask.n_parallel, ask.kv_unified = loading.context, loading.parallel, True
    ask.n_batch = ask.n_ubatch = BATCH
    ask.n_gpu_layers, ask.mmproj_use_gpu = loading.gpu_layers, loading.gpu_layers != 0
    # llama.cpp's threads spin while they wait for one another: with one on every core, anything else
    # that runs (ears, voice) makes it thirty times slower; on half of them it keeps its pace
    threads = loading.threads or max(1, cores() // 2)
    ask.cpuparams.n_threads = ask.cpuparams_batch.n_threads = threads
    # a prefix stays in its slot until another conversation needs that; copied out any earlier, it is only copied back
    ask.cache_prompt, ask.cache_ram_mib, ask.cache_idle_slots = True, loading.cache_mb, False
    # less in common is mostly the instruction, and whoever takes such a slot is not given back what was copied out
    ask.slot_prompt_similarity = 0.5
    if loading.template:
        ask.use_jinja, ask.chat_template = True, Path(loading.template).read_text()
    ask.prefill_assistant = False  # what was said last is over, whoever said it
    ask.verbosity = verbosity
    ask.ui, ask.endpoint_slots, ask.n_threads_http = False, False, loading.parallel
    ask.hostnames = [str(listener)]
    return ask


def _reason(loading: Loading, folder: Path) -> str:
    """Why it cannot be loaded: llama.cpp tells only standard error, so it is tried again, aloud."""
    log = folder / "log.txt"
    ends = time.monotonic() + LOG_S
    with hushed(log):
        with suppress(RuntimeError):
            _running(loading, folder / "again.sock", ERRORS)
            return ""
        while LAST_WORDS not in (said := log.read_text(errors="replace")) and time.monotonic() < ends:
            time.sleep(TICK_S)
    first = FIRST_ERROR.search(said)
    return f": {first[1].strip()}" if first else ""


def _complete(
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
