"""Shares the context of one model among the answers in work: first come, first served, who is in before who waits."""

from collections import deque
from threading import Condition
from typing import Self

BLOCK = 64
"""Tokens that an answer in work is given at once."""


class Room:
    """Tokens of context that the answers in work share. llama.cpp fails them all when it runs out."""

    def __init__(self, tokens: int) -> None:
        self.free = tokens
        self.line: deque[Place] = deque()
        self.changed = Condition()


class Place:
    """So many tokens of the room, in the order of coming."""

    def __init__(self, room: Room, tokens: int) -> None:
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

    def holds(self, tokens: int) -> bool:
        """Whether it is that large; it grows if it can. What others hold stays theirs, who wait come later."""
        if tokens > self._tokens:
            with self._room.changed:
                more = min(tokens - self._tokens + BLOCK, self._room.free)
                self._room.free -= more
                self._tokens += more
        return tokens <= self._tokens

    def __exit__(self, *_: object) -> None:
        room = self._room
        with room.changed:
            if self in room.line:
                room.line.remove(self)
            else:
                room.free += self._tokens
            room.changed.notify_all()
