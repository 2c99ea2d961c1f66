"""Streams made of what is there already."""

from typing import TypeVar

from vivavoce.core.turn import Stream

T = TypeVar("T")


async def once(item: T) -> Stream[T]:
    """A stream of one item, for what takes streams."""
    yield item
