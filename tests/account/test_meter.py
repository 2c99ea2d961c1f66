"""What is owed for an answer: what its end says, or else what came of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.account.ledger import Meter, in_all
from vivavoce.core.audio import FRAME_SAMPLES, SAMPLE_BYTES, SPOKEN_RATE, Pcm
from vivavoce.core.engines import Transcript
from vivavoce.core.turn import AudioDelta, Message, Speech, Text, TextDelta, ToolCallDelta, Turn, TurnDone, Usage

ASKED = Turn((Message("user", (Text("Say hello to me."), Speech(Pcm(bytes(48_000), SPOKEN_RATE), seconds=1.0))),))
PROMPT = Usage(text_in=3 + 4 + 4 + 5, audio_in=10)
"""What is fixed, a sound, and a token for each word and sign."""


def sound(samples: int, text_end: int = 0) -> AudioDelta:
    return AudioDelta(Pcm(bytes(samples * SAMPLE_BYTES), SPOKEN_RATE), text_end)


async def test_before_anything_came_there_is_the_prompt() -> None:
    meter = Meter(ASKED)
    assert await meter.usage() == PROMPT
    assert not meter.begun


async def test_the_end_says_what_it_cost() -> None:
    meter = Meter(ASKED)
    for item in (TextDelta("Hi.", 2), sound(100), TurnDone(usage=Usage(1, 2, 3, 4, 1, 1))):
        meter.told(item)
    assert await meter.usage() == Usage(1, 2, 3, 4, 1, 1)


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 3 * FRAME_SAMPLES)))
async def test_without_an_end_what_came_adds_up(tokens: list[int], samples: list[int]) -> None:
    meter = Meter(Usage(text_in=7))
    for count in tokens:
        meter.told(TextDelta("x", count))
    for count in samples:
        meter.told(sound(count))
    assert await meter.usage() == Usage(7, 0, sum(tokens), -(-sum(samples) // FRAME_SAMPLES))
    assert meter.begun == bool(tokens or samples)
    assert (meter.first_audio_s is not None) == any(samples)
    assert meter.said_s == pytest.approx(sum(samples) / SPOKEN_RATE)


async def test_calls_and_words_heard_are_counted_by_their_text() -> None:
    meter = Meter(Usage())
    meter.told(ToolCallDelta(0, "", "call_1", "weather"))
    meter.told(ToolCallDelta(0, '{"city":'))
    meter.told(ToolCallDelta(0, '"Paris"}'))
    meter.told(Transcript("hello there"))
    assert (await meter.usage()).text_out == 1 + 9 + 2


def test_what_is_read_aloud_is_counted_as_far_as_it_was_said() -> None:
    meter = Meter(Usage(), characters=20)
    meter.told(sound(10, 5))
    meter.told(sound(10, 3))
    assert meter.read_so_far() == 5
    meter.told(TurnDone())
    assert meter.read_so_far() == 20


def test_a_recording_alone_is_no_answer() -> None:
    meter = Meter(Usage(audio_in=10))
    meter.told(Pcm(bytes(48_000), SPOKEN_RATE))
    assert (meter.begun, meter.heard_s) == (False, 1.0)


def test_several_answers_have_one_prompt() -> None:
    assert in_all([Usage(1, 2, 3, 4, 1), Usage(1, 2, 30, 40, 0, 5)]) == Usage(1, 2, 33, 44, 1, 5)
    assert in_all([]) == Usage()
