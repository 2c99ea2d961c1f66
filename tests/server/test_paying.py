"""Answers that money runs out on, whoever makes them: nothing is passed on that was not paid for."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from vivavoce.account.counters import Counter, InMemory
from vivavoce.account.grants import Account, Grant
from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.models import Price
from vivavoce.core.tasks import together
from vivavoce.core.turn import (
    AudioDelta,
    Message,
    Send,
    Text,
    TextDelta,
    ToolCallDelta,
    Turn,
    TurnDone,
    TurnEvent,
    Usage,
)
from vivavoce.server.paying import Paid

PRICE = Price(Decimal(1), Decimal(1), Decimal(20), Decimal(20))
TOKEN = 10**6
"""What a token of text costs; one of sound costs twenty times as much."""
TURN = Turn((Message("user", (Text("one two three"),)),), voice="alloy")
PROMPT = Usage(text_in=10)


class Plain:
    """Answers by itself, whatever becomes of its events."""

    def __init__(self, *events: TurnEvent) -> None:
        self._events = events

    async def respond(self, turn: Turn, send: Send) -> None:
        del turn
        for event in self._events:
            await send(event)
        await send(TurnDone("stop", Usage(10, 0, 99, 99)))


def sound(samples: int, text_end: int = 3) -> AudioDelta:
    return AudioDelta(Pcm(b"\1\0" * samples, SPOKEN_RATE), text_end)


async def granted(tokens: int) -> Grant:
    """A grant of a budget of so many tokens of text beside the prompt's, paid for one by one."""
    grant = Grant(
        InMemory(lambda: 0.0), Account(budgets=[Counter("usd", "shop", (10 + tokens) * TOKEN)]), PRICE, lambda _: None
    )
    await grant.enter()
    await grant.reserve(0, PROMPT, Usage())
    return grant


async def answered(tokens: int, events: Sequence[TurnEvent], answers: int = 1) -> list[list[TurnEvent]]:
    sent: list[list[TurnEvent]] = [[] for _ in range(answers)]
    paid = Paid(Plain(*events), await granted(tokens))

    def into(events: list[TurnEvent]) -> Send:
        async def send(event: TurnEvent) -> None:
            events.append(event)

        return send

    await together([paid.respond(TURN, into(each)) for each in sent])
    return sent


ENOUGH = [TextDelta("one", 3), sound(1_200), sound(600), ToolCallDelta(0, "{}", "call_1", "a")]


async def test_what_can_be_paid_for_is_passed_on_as_it_is() -> None:
    ((*events, done),) = await answered(3 + 40 + 3, ENOUGH)
    assert events == ENOUGH
    assert done == TurnDone("stop", Usage(10, 0, 99, 99))


@pytest.mark.parametrize(
    ("tokens", "events", "passed", "text", "frames"),
    [
        (2, [TextDelta("one", 3)], [], 0, 0),
        (3, [TextDelta("one", 3), TextDelta(" two", 1)], [TextDelta("one", 3)], 3, 0),
        (45, [sound(2_400), TextDelta("one", 6)], [sound(2_400)], 0, 2),
        (59, [sound(2_400, 2), sound(2_400, 3)], [sound(2_400, 2)], 0, 2),
        (60, [sound(2_400, 2), sound(2_400, 3)], [sound(2_400, 2), sound(1_200, 2)], 0, 3),
        (79, [sound(6_000, 3)], [sound(3_600, 0)], 0, 3),
        (2, [ToolCallDelta(0, "", "call_1", "abc")], [], 0, 0),
    ],
)
async def test_where_there_is_no_money_for_more_it_ends_with_length(
    tokens: int, events: list[TurnEvent], passed: list[TurnEvent], text: int, frames: int
) -> None:
    ((*sent, done),) = await answered(tokens, events)
    assert sent == passed
    assert isinstance(done, TurnDone)
    assert (done.reason, done.usage.text_out, done.usage.audio_out) == ("length", text, frames)
    assert done.usage.text_in == 3 + 4 + 3


async def test_sound_that_is_broken_off_by_words_ends_on_a_whole_frame() -> None:
    ((first, rest, done),) = await answered(20, [sound(600), TextDelta("one", 1)])
    assert first == sound(600)
    assert rest == AudioDelta(Pcm(bytes(1_200), SPOKEN_RATE), 3)
    assert isinstance(done, TurnDone)
    assert done.usage.audio_out == 1


async def test_several_answers_share_the_money() -> None:
    both = await answered(100, [sound(1_200)] * 4, answers=2)
    frames = [event.pcm.samples // 1_200 for events in both for event in events if isinstance(event, AudioDelta)]
    assert sum(frames) == 5
    ends = [events[-1] for events in both]
    assert all(isinstance(end, TurnDone) and end.reason in ("stop", "length") for end in ends)
