"""Calls an engine, blocking or async, as the server would, and keeps what came of it."""

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from vivavoce.core.audio import Pcm
from vivavoce.core.errors import PublicError
from vivavoce.core.turn import TurnEvent

T = TypeVar("T")
END = object()


def want(kept: bool, otherwise: str) -> None:
    """Raise AssertionError with `otherwise` where something is not kept."""
    if not kept:
        raise AssertionError(otherwise)


@dataclass(slots=True)
class Kept(Generic[T]):
    """What a call gave, and the error it ended with if it was one that clients may be told."""

    items: list[T] = field(default_factory=list[T])
    refused: PublicError | None = None


class Call:
    """Calls of one method, in which nothing may be waited for longer than `step_s`."""

    def __init__(self, name: str, method: Callable[..., Any], step_s: float) -> None:
        self._name, self._method, self._step_s = name, method, step_s

    @staticmethod
    def is_async(method: Callable[..., Any]) -> bool:
        """Whether a method is an async engine's; a blocking one's is a generator."""
        return not inspect.isgeneratorfunction(method)

    async def sound(self, pcm: Pcm, *arguments: Any, leave: bool = False) -> Kept[Any]:
        """Call it with sound: whole for a blocking engine, piece by piece for another."""
        given = _pieces(pcm) if self.is_async(self._method) else pcm
        return await self.items(given, *arguments, leave=leave)

    async def items(self, *arguments: Any, leave: bool = False) -> Kept[Any]:
        """Call it and keep what it yields, without the Nones of a blocking engine. `leave`: after the first item."""
        kept = Kept[Any]()
        items = self._method(*arguments)
        want(isinstance(items, Generator | AsyncGenerator), f"{self._name}: it is no generator")
        ended = False
        while not ended:
            ended = await self._step(items, kept) or leave
        try:
            await self._in_time(_close(items), "its end when it is left")
        except Exception as error:
            raise AssertionError(f"{self._name}: {type(error).__name__} when it is left") from error
        return kept

    async def events(self, *arguments: Any, leave: bool = False) -> Kept[TurnEvent]:
        """Call what answers by itself: an async engine sends its events, a blocking one yields them."""
        if not self.is_async(self._method):
            return await self.items(*arguments, leave=leave)
        kept, first = Kept[TurnEvent](), asyncio.Event()

        async def send(event: TurnEvent) -> None:
            kept.items.append(event)
            first.set()

        task = asyncio.create_task(self._answer(kept, *arguments, send))
        if leave:
            waiting = asyncio.create_task(first.wait())
            await asyncio.wait({task, waiting}, timeout=self._step_s, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            task.cancel()
        done, _ = await asyncio.wait({task}, timeout=self._step_s)
        want(bool(done), f"{self._name}: its end {'when it is left ' if leave else ''}takes over {self._step_s:.0f} s")
        if not task.cancelled():
            task.result()
        return kept

    async def _answer(self, kept: Kept[TurnEvent], *arguments: Any) -> None:
        try:
            await self._method(*arguments)
        except PublicError as error:
            kept.refused = error
        except Exception as error:
            raise self._bug(error) from error

    async def _step(self, items: Any, kept: Kept[Any]) -> bool:
        """Take the next item; true where there is none."""
        try:
            item = await self._in_time(_next(items), "an item")
        except PublicError as error:
            kept.refused = error
            return True
        except AssertionError:
            raise
        except Exception as error:
            raise self._bug(error) from error
        if item is not None and item is not END:
            kept.items.append(item)
        return item is END

    async def _in_time(self, step: Awaitable[T], what: str) -> T:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._step_s):
                found = await step
        except TimeoutError:
            raise AssertionError(f"{self._name}: {what} takes over {self._step_s:.0f} s") from None
        want(time.monotonic() - began <= self._step_s, f"{self._name}: {what} takes over {self._step_s:.0f} s")
        return found

    def _bug(self, error: Exception) -> AssertionError:
        return AssertionError(f"{self._name}: it raises {type(error).__name__}, which is no PublicError: {error}")


async def _next(items: Generator[Any] | AsyncGenerator[Any]) -> Any:
    return next(items, END) if isinstance(items, Generator) else await anext(items, END)


async def _close(items: Generator[Any] | AsyncGenerator[Any]) -> None:
    if isinstance(items, Generator):
        items.close()
    else:
        await items.aclose()


async def _pieces(pcm: Pcm) -> AsyncGenerator[Pcm, None]:
    """The sound in two pieces, as it may come from a client."""
    half = pcm.until(pcm.seconds / 2)
    yield half
    yield Pcm(pcm.data[len(half.data) :], pcm.rate)
