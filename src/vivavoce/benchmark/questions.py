"""What is asked, in writing and aloud."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vivavoce.conform.sound import Sound, write_wav
from vivavoce.conform.subject import recorded

SYSTEM = "You are a helpful assistant on the telephone. Answer in one or two short sentences."
OPENINGS = (
    "What is the capital of France?",
    "How do I keep bread fresh?",
    "Why is the sky blue?",
    "What can I cook with eggs and rice?",
    "How far away is the moon?",
    "What does a librarian do all day?",
)
MORE = (
    "Tell me a little more about that.",
    "Why is that so?",
    "Can you give me an example?",
    "What should I do first?",
)
ALL = (*OPENINGS, *MORE)
TURNS = 4
"""Of a conversation."""
MARKS = 64
"""Samples whose last bit is turned, so that no recording is sent twice."""


@dataclass(frozen=True, slots=True)
class Question:
    """One turn of a user."""

    content: Any
    """Of the message: a text, or a list with a recording."""
    said_s: float
    """How long it takes to say it; 0 where it is written."""

    @property
    def spoken(self) -> bool:
        """Whether it is a recording."""
        return isinstance(self.content, list)


class Questions:
    """Conversations to hold, written and spoken turns in equal parts; the same ones in every run."""

    def __init__(self, recordings: list[Sound]) -> None:
        """`recordings` are those of `ALL`, in its order, or any others; without any everything is written."""
        self._recordings = recordings
        self._random = random.Random(1)  # noqa: S311 - chooses questions, keeps no secret

    def conversation(self, number: int) -> Iterator[Question]:
        """The questions of a conversation; every second conversation begins with a spoken one."""
        for turn in range(TURNS):
            index = (number + turn) % len(OPENINGS) if not turn else len(OPENINGS) + (number + turn) % len(MORE)
            spoken = self._recordings and (number + turn) % 2
            yield self.spoken(index) if spoken else Question(ALL[index], 0)

    def spoken(self, index: int) -> Question:
        """A question as a recording that nobody has sent before: a cache answers for nothing."""
        sound = self._recordings[index % len(self._recordings)]
        return Question([recorded(self.unheard(sound), "wav")], sound.seconds)

    def unheard(self, sound: Sound) -> bytes:
        """A WAV that differs from every other in bits that nobody hears."""
        data = bytearray(sound.data)
        for _ in range(min(MARKS, len(data) // 2)):
            data[self._random.randrange(len(data) // 2) * 2] ^= 1
        return write_wav(Sound(bytes(data), sound.rate))

    @property
    def recordings(self) -> list[Sound]:
        """What is said."""
        return self._recordings
