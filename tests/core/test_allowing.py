"""Calls that a turn does not allow are left out, whoever makes them and however they come."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from vivavoce.core.allowing import Allowed
from vivavoce.core.turn import Send, TextDelta, Tool, ToolCallDelta, ToolChoice, Turn, TurnDone, TurnEvent

DONE = TurnDone("tool_calls")
ANY = ToolChoice()
WEATHER, TRANSFER = Tool("get_weather"), Tool("transfer_funds")
ASKS = [ToolCallDelta(0, "", "call_1", "get_weather"), ToolCallDelta(0, "{}")]
STEALS = [ToolCallDelta(1, "", "call_2", "transfer_funds"), ToolCallDelta(1, '{"to":"me"}')]


class Says:
    """Answers with events of a test."""

    def __init__(self, *events: TurnEvent) -> None:
        self._events = events

    async def respond(self, turn: Turn, send: Send) -> None:
        del turn
        for event in self._events:
            await send(event)


async def sent(
    events: Sequence[TurnEvent], tools: Sequence[Tool] = (WEATHER,), choice: ToolChoice = ANY
) -> list[TurnEvent]:
    told: list[TurnEvent] = []

    async def send(event: TurnEvent) -> None:
        told.append(event)

    await Allowed(Says(*events)).respond(Turn((), tuple(tools), choice), send)
    return told


async def test_what_is_allowed_goes_through_as_it_is() -> None:
    events = [TextDelta("One moment.", 3), *ASKS, *STEALS, DONE]
    assert await sent(events, [WEATHER, TRANSFER]) == events
    assert await sent([TextDelta("Hello.", 2), TurnDone()]) == [TextDelta("Hello.", 2), TurnDone()]


@pytest.mark.parametrize(
    ("tools", "choice"),
    [
        ([], ToolChoice()),
        ([TRANSFER], ToolChoice()),
        ([WEATHER], ToolChoice("none")),
        ([WEATHER, TRANSFER], ToolChoice("required", "transfer_funds")),
        ([WEATHER], ToolChoice("required", "transfer_funds")),
    ],
)
async def test_an_answer_of_calls_that_are_not_is_no_call(tools: list[Tool], choice: ToolChoice) -> None:
    assert await sent([*ASKS, DONE], tools, choice) == [TurnDone("stop")]


async def test_of_several_the_one_that_is_allowed_stays_and_is_the_first() -> None:
    mixed = [STEALS[0], ASKS[0], STEALS[1], ASKS[1], DONE]
    assert await sent(mixed) == [*ASKS, DONE]
    assert await sent(mixed, [TRANSFER]) == [*(replace(each, index=0) for each in STEALS), DONE]


async def test_a_call_cannot_change_its_name_or_get_one_later() -> None:
    changed = [ASKS[0], ToolCallDelta(0, "{}", None, "transfer_funds"), DONE]
    assert await sent(changed) == [*ASKS, DONE]
    unnamed = [ToolCallDelta(0, "{}"), ToolCallDelta(0, "", None, "get_weather"), DONE]
    assert await sent(unnamed) == [TurnDone("stop")]


async def test_the_log_is_told_once_for_each_call_and_never_its_name(caplog: pytest.LogCaptureFixture) -> None:
    await sent([*STEALS, DONE])
    (record,) = caplog.records
    assert "transfer" not in record.getMessage()
