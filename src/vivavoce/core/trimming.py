"""Leaves out the oldest turns of a conversation that is longer than the model's context.

A turn is a user message with everything up to the next one, so a call keeps its results. What the system said stays,
and so does the last turn. It is the engine that knows how long a prompt is: it is asked, and asked again with less.

What is left out is counted from the beginning of the conversation, in steps. So what is left begins the same for many
turns, and a model that keeps what it has read goes on from there; a turn less each time, it would read all again.
"""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import pairwise

from vivavoce.core.context import CODE, excess
from vivavoce.core.engines import LanguageModel
from vivavoce.core.errors import BadRequest
from vivavoce.core.turn import Message, Speech, Stream, TextDelta, ToolCall, ToolCallDelta, Turn, TurnDone
from vivavoce.core.usage import MESSAGE_TOKENS

ROOM = 512
"""Tokens an answer without `max_tokens` has room for, while there is anything to leave out."""
STEPS = 4
"""A step is the context by this; where the context is not known, what is left of the conversation, roughly."""


class Reading:
    """One turn as a model reads it: whole, or with `trim` as much of it as fits."""

    def __init__(self, think: LanguageModel, turn: Turn, *, trim: bool) -> None:
        self.think = think
        self.turn = turn
        """What is read of it; known for certain with the first event of the answer."""
        self._whole = turn.messages
        self._out: set[int] = set()
        self._out_tokens = 0
        self._older = _older_turns(turn.messages) if trim else []

    async def answer(self) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        """Yield the answer as it is made.

        Raises:
            BadRequest: the conversation is too long, and with `trim` its last turn alone is.
        """
        sizes: list[int] | None = None
        while True:
            begun = False
            asked = replace(self.turn, room=ROOM if self._older else 0)
            try:
                async with aclosing(self.think.generate(asked)) as events:
                    async for event in events:
                        begun = True
                        yield event
            except BadRequest as error:
                if begun or not self._older or error.code != CODE:
                    raise
                sizes = sizes or await self._sizes()
                self._leave_out(sizes, *(excess(error) or (sum(sizes) // 2, _about(sum(sizes)))))
            else:
                return

    async def _sizes(self) -> list[int]:
        """About how many tokens each of the older turns is."""
        counts = await self.think.count(["\n".join(_words(self._whole[i]) for i in older) for older in self._older])
        return [count + MESSAGE_TOKENS * len(older) for count, older in zip(counts, self._older, strict=True)]

    def _leave_out(self, sizes: list[int], tokens: int, context: int) -> None:
        """Leave out the oldest turn, and more until that is `tokens` less, and a whole number of steps in all."""
        step = max(context // STEPS, 1)
        enough = -(-(self._out_tokens + tokens) // step) * step
        while True:
            self._out.update(self._older.pop(0))
            self._out_tokens += sizes.pop(0)
            if self._out_tokens >= enough or not self._older:
                break
        left = tuple(message for index, message in enumerate(self._whole) if index not in self._out)
        self.turn = replace(self.turn, messages=left)


def _about(tokens: int) -> int:
    """The power of two up to there: the same until it doubles."""
    return 1 << max(tokens.bit_length() - 1, 0)


def _older_turns(messages: Sequence[Message]) -> list[list[int]]:
    """The messages of the turns before the last, oldest first, without what the system said."""
    begins = [index for index, message in enumerate(messages) if message.role == "user"]
    turns = [range(begin, end) for begin, end in pairwise(sorted({0, *begins}))] if begins else []
    older = [[index for index in each if messages[index].role != "system"] for each in turns]
    return [each for each in older if each]


def _words(message: Message) -> str:
    texts: list[str] = []
    for part in message.parts:
        if isinstance(part, ToolCall):
            texts += [part.name, part.arguments]
        else:
            texts.append((part.transcript or "") if isinstance(part, Speech) else part.text)
    return "\n".join(texts)
