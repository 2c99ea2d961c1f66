"""Engines that run, shared by the configurations that have them alike: a reload starts only what has changed."""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Held:
    thing: Any
    end: Callable[[], Awaitable[None]]
    users: int = 0


class Shelf(Generic[T]):
    """Things by what they are made of, each kept for as long as anybody uses it."""

    def __init__(self) -> None:
        self._held: dict[Hashable, _Held] = {}

    def take(self, key: Hashable, make: Callable[[], T], end: Callable[[T], Awaitable[None]]) -> tuple[T, bool]:
        """Use a thing: the one that is there, or a new one; and whether it is new."""
        found = self._held.get(key)
        new = found is None
        if found is None:
            thing = make()
            found = self._held[key] = _Held(thing, lambda: end(thing))
        found.users += 1
        return found.thing, new

    async def give_back(self, key: Hashable) -> None:
        """Use it no more; the last one to say so ends it."""
        held = self._held[key]
        held.users -= 1
        if not held.users:
            del self._held[key]
            await held.end()
