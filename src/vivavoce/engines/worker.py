"""An engine's own process: loads it, listens on a unix socket, and serves one call a connection.

Started by `engines.child` with its orders on standard input, which then stays open: when it ends, the parent is gone
and so is this. A caller that closes its connection cancels its call, between two items.
"""

import importlib
import logging
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import uuid
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import msgspec

from vivavoce.core import errors, logs
from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.engines import Card
from vivavoce.core.errors import PublicError, trail
from vivavoce.core.turn import AudioDelta, TurnDone
from vivavoce.engines.extras import ExtraMissing
from vivavoce.engines.frames import Broken, encode, read_frame

log = logging.getLogger("vivavoce.worker")

BACKLOG = 128


class Orders(msgspec.Struct):
    """What a worker is told first."""

    target: str
    """`module:Class`."""
    options: dict[str, Any]
    socket: str
    """Where to listen: in a folder of this process's own."""


def load(orders: Orders) -> Any:
    """Import and construct the engine.

    Raises:
        msgspec.ValidationError: the options are not the engine's.
    """
    module, _, name = orders.target.partition(":")
    kind = getattr(importlib.import_module(module), name)
    return kind(msgspec.convert(orders.options, kind.Options))


class Caller:
    """The other end of one call's connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def tell(self, *frame: Any) -> None:
        """Send one frame.

        Raises:
            Broken: the caller has left.
        """
        parts = encode(frame)
        try:
            for part in parts:
                self._connection.sendall(part)
        except OSError:
            raise Broken("the caller has left") from None

    def check(self) -> None:
        """Stop a call nobody waits for. A caller says nothing after its call, so whatever comes is its leaving.

        Raises:
            Broken: the caller has left.
        """
        if select.select([self._connection], [], [], 0)[0]:
            raise Broken("the caller has left")


class Worker:
    """Serves calls to one engine."""

    def __init__(self, engine: Any, listener: socket.socket) -> None:
        self._engine = engine
        self._listener = listener
        self.card = cast("Card", engine.card())
        """What the engine is and can do."""
        self._places = threading.Semaphore(self.card.parallel)

    def serve(self) -> None:
        """Answer connections, each on a thread of its own, until the process ends."""
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as source:
            try:
                method, *arguments = read_frame(source)
                self._call(Caller(connection), str(method), arguments)
            except (Broken, OSError):
                return  # the caller has left: nobody to tell

    def _call(self, caller: Caller, method: str, arguments: list[Any]) -> None:
        try:
            if method == "card":
                caller.tell("item", self.card)
            elif method == "count":
                caller.tell("item", self._engine.count(arguments[0]))
            else:
                self._stream(caller, method, arguments)
            caller.tell("end")
        except PublicError as error:
            caller.tell("error", known_kind(error), error.message, error.param, error.code)
        except Broken:
            raise
        except Exception as error:  # noqa: BLE001 - an engine's bug must reach its caller, not end the process
            caller.tell("bug", self._report(error))

    def _stream(self, caller: Caller, method: str, arguments: list[Any]) -> None:
        with self._places:
            caller.check()  # it may have left while it waited for its place
            with closing(self._items(method, arguments)) as items:
                for item in items:
                    caller.check()
                    if item is None:
                        caller.tell("beat")
                    else:
                        caller.tell("item", item)

    def _items(self, method: str, arguments: list[Any]) -> Any:
        if method == "transcribe":
            pcm, *rest = arguments
            arguments = [at_rate(pcm, getattr(self._engine, "hears_at", pcm.rate)), *rest]
        items = getattr(self._engine, method)(*arguments)
        return at_spoken_rate(items) if method in {"synthesize", "respond"} else items

    def _report(self, error: Exception) -> str:
        """Log where a bug is, without the error's words, which may hold what people said."""
        bug = uuid.uuid4().hex[:12]
        log.error("bug %s: %s at %s", bug, type(error).__name__, trail(error))
        return bug


def known_kind(error: PublicError) -> str:
    """The name of the class in `core.errors` an error is of: the other side knows no engine's own."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == errors.__name__)


def at_rate(pcm: Pcm, rate: int) -> Pcm:
    """The same sound at another rate."""
    if pcm.rate == rate:
        return pcm
    from vivavoce.audio.resample import resample  # noqa: PLC0415 - numpy takes 15 MB, and not every engine needs it

    return resample(pcm, rate)


def at_spoken_rate(items: Generator[Any]) -> Iterator[Any]:
    """Bring one call's sound to `SPOKEN_RATE`, whatever rate it comes at; what is no sound is passed on."""
    resampler, text_end = None, None
    with closing(items):
        for item in items:
            pcm = item.pcm if isinstance(item, AudioDelta) else item
            if isinstance(item, TurnDone) and resampler is not None:  # it is the last: nothing may follow it
                yield AudioDelta(Pcm(resampler.end(), SPOKEN_RATE), text_end or 0)
                resampler = None
            if not isinstance(pcm, Pcm) or pcm.rate == SPOKEN_RATE:
                yield item
                continue
            if resampler is None:
                from vivavoce.audio.resample import Resampler  # noqa: PLC0415 - as above

                resampler = Resampler(pcm.rate, SPOKEN_RATE)
            ours = Pcm(resampler.feed(pcm.data), SPOKEN_RATE)
            text_end = item.text_end if isinstance(item, AudioDelta) else None
            yield ours if text_end is None else AudioDelta(ours, text_end)
    if resampler is not None:
        yield Pcm(resampler.end(), SPOKEN_RATE)


def read_line() -> bytes:
    """The first line of standard input; nothing follows it."""
    line = b""
    while not line.endswith(b"\n") and (part := os.read(0, 4096)):
        line += part
    return line


def end_with_parent(folder: Path) -> None:
    """End this process, and its folder, when standard input ends: the parent holds the other end."""
    while os.read(0, 4096):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def main() -> None:
    """Run the engine named on standard input."""
    logs.begin()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to act on
    report = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what native code prints must not look like our report
    line = read_line()
    if not line:
        return  # the parent has thought better of it
    orders = msgspec.json.decode(line, type=Orders)
    folder = Path(orders.socket).parent
    tempfile.tempdir = str(folder)  # what an engine leaves behind goes with it
    threading.Thread(target=end_with_parent, args=(folder,), daemon=True).start()
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(orders.socket)
            worker = Worker(load(orders), listener)
            ready = encode(["ready", worker.card])
        except Exception as error:  # noqa: BLE001 - whatever it is, the one who starts the server is told in one line
            report.writelines(encode(["failed", why(error)]))
            sys.exit(1)
        listener.listen(BACKLOG)
        report.writelines(ready)
        worker.serve()


def why(error: Exception) -> str:
    """Why an engine cannot be loaded, for the one who runs the server."""
    if isinstance(error, msgspec.ValidationError):
        return f"options: {error}"
    if isinstance(error, PublicError | ExtraMissing):
        return str(error)
    expected = isinstance(error, RuntimeError | OSError | ImportError | ValueError)
    where = "" if expected else f" (at {trail(error)})"
    return f"{type(error).__name__}: {error}{where}"


if __name__ == "__main__":
    main()
