"""Conversations longer than a context: what is left out, what never is, and what is refused all the same."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.core.cascade import Cascade
from vivavoce.core.context import too_long, too_long_somehow
from vivavoce.core.errors import BadRequest, PublicError
from vivavoce.core.trimming import ROOM, STEPS, Reading
from vivavoce.core.turn import (
    Message,
    Sampling,
    Speech,
    Stream,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Turn,
    TurnDone,
    TurnEvent,
)
from vivavoce.testing import Hears, Says

RULES = Message("system", (Text("Be brief"),))


class Narrow(Says):
    """Counts words, four more for a message, and takes no prompt over `context`; `tells` by how much it is over."""

    def __init__(self, context: int, *, tells: bool = True) -> None:
        super().__init__("Yes.")
        self._context = context
        self._tells = tells
        self.counted = 0

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        self.asked.append(turn)
        tokens, answer = length(turn.messages), turn.sampling.max_tokens or min(turn.room, 4)
        if tokens + answer > self._context:
            raise too_long(self._context, tokens, answer) if self._tells else too_long_somehow()
        yield TextDelta("Yes.")
        yield TurnDone()

    async def count(self, texts: Sequence[str]) -> list[int]:
        self.counted += 1
        return [len(text.split()) for text in texts]


def length(messages: Sequence[Message]) -> int:
    texts = (part.text for message in messages for part in message.parts if isinstance(part, Text))
    return sum(len(text.split()) for text in texts) + 4 * len(messages)


def said(role: str, words: int, name: str = "w") -> Message:
    return Message("user" if role == "user" else "assistant", (Text(" ".join([name] * words)),))


def names(turn: Turn) -> list[str]:
    """The first word of each message."""
    parts = [message.parts[0] for message in turn.messages]
    return [part.text.split()[0] for part in parts if isinstance(part, Text)]


async def read(think: Says, *messages: Message, trim: bool = True, max_tokens: int | None = None) -> Turn:
    """What the model has read of the conversation, once it has answered."""
    reading = Reading(think, Turn(messages, sampling=Sampling(max_tokens=max_tokens)), trim=trim)
    async with aclosing(reading.answer()) as events:
        assert [event async for event in events] == [TextDelta("Yes."), TurnDone()]
    assert replace(think.asked[-1], room=0) == reading.turn
    return reading.turn


CHAT = [said(role, 6, name) for role, name in [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]]
LAST = said("user", 6, "e")  # each is 10 tokens


async def test_what_fits_is_read_whole_and_asked_once() -> None:
    brain = Narrow(54)
    assert (await read(brain, *CHAT, LAST)).messages == (*CHAT, LAST)
    assert (len(brain.asked), brain.counted) == (1, 0)


@pytest.mark.parametrize(("context", "left"), [(54, "abcde"), (53, "cde"), (36, "cde"), (35, "e"), (10, "e")])
async def test_the_oldest_turns_go_in_steps_of_a_quarter_of_the_context(context: int, left: str) -> None:
    brain = Narrow(context)
    assert names(await read(brain, *CHAT, LAST)) == list(left)
    assert brain.asked[0].room == ROOM
    assert brain.counted <= 1


async def test_a_conversation_of_many_turns_is_tried_a_few_times_only() -> None:
    brain = Narrow(200)
    turns = [said("user", 5) for _ in range(1000)]
    assert length((await read(brain, *turns)).messages) in range(138, 197)
    assert len(brain.asked) == 2


async def test_without_numbers_half_of_it_goes_each_time() -> None:
    brain = Narrow(200, tells=False)
    left = (await read(brain, *[said("user", 6) for _ in range(1000)])).messages
    assert 5 <= len(left) <= 19
    assert len(brain.asked) < 12


async def test_the_answer_has_room_for_its_max_tokens() -> None:
    assert names(await read(Narrow(56), *CHAT, LAST)) == list("abcde")
    assert names(await read(Narrow(56), *CHAT, LAST, max_tokens=20)) == list("cde")


async def test_what_the_system_said_stays_where_it_was() -> None:
    left = await read(Narrow(36), RULES, *CHAT[:2], RULES, *CHAT[2:], LAST)
    assert left.messages == (RULES, RULES, LAST)


async def test_a_greeting_before_the_first_question_is_the_oldest_of_all() -> None:
    greeting = said("assistant", 11, "hello")
    assert names(await read(Narrow(60), greeting, *CHAT, LAST)) == list("abcde")


async def test_a_call_goes_with_its_result_and_stays_with_it() -> None:
    call = Message("assistant", (ToolCall("c", "f", "{}"),))
    result = Message("tool", (ToolResult("c", "r " * 50),))
    older = [said("user", 6, "a"), call, result, said("assistant", 6, "b")]
    assert (await read(Narrow(20), *older, said("user", 6, "c"))).messages == (said("user", 6, "c"),)
    last = (said("user", 6, "c"), call, result)
    assert (await read(Narrow(20), *older, *last)).messages == last


@pytest.mark.parametrize(
    ("messages", "kept"),
    [([*CHAT, LAST], [LAST]), ([LAST], [LAST]), ([RULES, *CHAT, LAST, CHAT[1]], [RULES, LAST, CHAT[1]])],
)
async def test_a_last_turn_that_is_too_long_alone_is_refused_with_its_own_length(
    messages: list[Message], kept: list[Message]
) -> None:
    brain = Narrow(9)
    with pytest.raises(BadRequest) as refused:
        await read(brain, *messages)
    assert refused.value.message == too_long(9, length(kept)).message
    assert brain.asked[-1].messages == tuple(kept)
    assert brain.asked[-1].room == 0


@pytest.mark.parametrize("messages", [[RULES, CHAT[1], CHAT[1]], [RULES]])
async def test_a_conversation_in_which_nobody_asked_is_not_trimmed(messages: list[Message]) -> None:
    brain = Narrow(5)
    with pytest.raises(BadRequest):
        await read(brain, *messages)
    assert len(brain.asked) == 1


async def test_without_trim_it_is_refused_as_it_is() -> None:
    brain = Narrow(53)
    with pytest.raises(BadRequest) as refused:
        await read(Narrow(49), *CHAT, LAST, trim=False)
    assert refused.value.message == too_long(49, 50).message
    assert (await read(brain, *CHAT, LAST, trim=False)).messages == (*CHAT, LAST)
    assert brain.asked[0].room == 0


@pytest.mark.parametrize("error", [BadRequest("Another."), PublicError("Another.")])
async def test_another_error_is_not_tried_again(error: PublicError) -> None:
    class Fails(Narrow):
        async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
            self.asked.append(turn)
            raise error
            yield TurnDone()

    brain = Fails(9)
    with pytest.raises(PublicError) as raised:
        await read(brain, *CHAT, LAST)
    assert (raised.value, len(brain.asked)) == (error, 1)


async def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    class Breaks(Narrow):
        async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
            self.asked.append(turn)
            yield TextDelta("Yes")
            raise too_long(9, 10)

    brain = Breaks(9)
    with pytest.raises(BadRequest):
        await read(brain, *CHAT, LAST)
    assert len(brain.asked) == 1


@given(
    st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.integers(1, 30)), max_size=12), st.integers(0, 200)
)
async def test_what_is_left_fits_and_is_at_most_a_step_less_than_would(
    plan: list[tuple[str, int]], context: int
) -> None:
    messages = (*(said(*one) for one in plan), LAST)
    brain = Narrow(context)
    begins = [index for index, message in enumerate(messages) if message.role == "user"]
    lefts = [messages[begin:] for begin in sorted({0, *begins})]
    if length((LAST,)) > context:
        with pytest.raises(BadRequest):
            await read(brain, *messages)
        return
    left = (await read(brain, *messages)).messages
    assert length(left) + (4 if left != (LAST,) else 0) <= context
    at = lefts.index(left)
    if at:  # with one turn more it would not fit, or only just
        assert length(lefts[at - 1]) + 4 > context - max(context // STEPS, 1)


@pytest.mark.parametrize("tells", [True, False])
async def test_what_is_left_of_a_growing_conversation_begins_the_same_for_many_turns(tells: bool) -> None:
    brain = Narrow(200, tells=tells)
    talk, reads = [said("user", 5, "w0")], list[list[str]]()
    for at in range(1, 101):
        reads.append(names(await read(brain, *talk)))
        talk += [said("assistant", 7), said("user", 5, f"w{at}")]
    begins = [first for first, *_ in reads]
    assert begins[0] == "w0"
    assert begins[-1] != "w0"
    changes = sum(one != other for one, other in pairwise(begins))
    assert changes <= (length(talk) // 50 if tells else 40)


async def test_usage_is_of_what_was_read() -> None:
    """The recording of a turn that was left out has been heard, and is not counted."""
    events: list[TurnEvent] = []

    async def take(event: TurnEvent) -> None:
        events.append(event)

    recording = Message("user", (Speech(None, " ".join(["heard"] * 40), 2.0),))
    turn = Turn((recording, said("assistant", 6), LAST))
    await Cascade(Hears("x"), Narrow(24), None, trim=True).respond(turn, take)
    done = events[-1]
    assert isinstance(done, TurnDone)
    assert (done.usage.audio_in, done.usage.text_in) == (0, 3 + 4 + 6)
