"""Runs a library's blocking call on a thread, while its engine goes on yielding."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, Queue
from threading import Event, Thread
from typing import TypeAlias, TypeVar, cast

T = TypeVar("T")
Give: TypeAlias = Callable[[T | None], bool]
"""Takes the next item, None for none; false once nobody wants any more."""

BEAT_S = 0.05
WAITING = 64
"""Items the thread may be ahead."""
END = object()


def beside(work: Callable[[Give[T]], None], name: str) -> Iterator[T | None]:
    """Yield what `work` gives, and None every 50 ms in which it gives nothing; raise what it raises.

    A call that is closed waits for `work` to end, which `give` has told that nobody waits: so two calls never share
    what cannot be shared.
    """
    items: Queue[object] = Queue(WAITING)
    stopping = Event()
    failed: list[BaseException] = []

    def give(item: object) -> bool:
        if item is not None and not stopping.is_set():
            items.put(item)
        return not stopping.is_set()

    def run() -> None:
        try:
            work(give)
        except BaseException as error:  # noqa: BLE001 - raised again where the call is
            failed.append(error)
        give(END)

    thread = Thread(target=run, name=name)
    thread.start()
    try:
        item: object = None
        while item is not END:
            try:
                item = items.get(timeout=BEAT_S)
            except Empty:
                item = None
            if item is not END:
                yield cast("T | None", item)
    finally:
        stopping.set()
        while thread.is_alive():  # it may be waiting for room
            with suppress(Empty):
                items.get_nowait()
            thread.join(BEAT_S)
    if failed:
        raise failed[0]
