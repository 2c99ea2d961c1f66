"""What a model is told of a conversation begins with what it was told a turn earlier: it reads only what is new."""

import json
from itertools import pairwise

import pytest

from vivavoce.core.turn import Message, Speech, Text, ToolCall, ToolResult, Turn
from vivavoce.engines import toolcalls
from vivavoce.engines.prompts import chat_messages

TALK = (
    Message("user", (Speech(None, "what is the weather in rome", 2.0),)),
    Message("assistant", (ToolCall("call_1", "weather", '{"city": "rome"}'),)),
    Message("tool", (ToolResult("call_1", '{"sky": "clear"}'),)),
    Message("assistant", (Speech(None, "Clear.", 1.0),)),
    Message("user", (Speech(None, "(nothing was heard)", 1.0), Text("and tomorrow?"))),
    Message("assistant", (Text("Rain."),)),
    Message("user", (Text("thanks"),)),
)
ENDS = [1, 3, 5, 7]
"""Where the user, or a tool, has spoken."""


@pytest.mark.parametrize("knows_tools", [True, False])
def test_each_prompt_begins_with_the_one_before(knows_tools: bool) -> None:
    prompts: list[str] = []
    for end in ENDS[1 if not knows_tools else 0 :]:  # without tools the call itself is another prompt
        turn = Turn(TALK[:end])
        messages = chat_messages(turn if knows_tools else toolcalls.told(turn), "Be short.")
        prompts.append(json.dumps(messages).removesuffix("]"))
    assert len(prompts) >= 3
    for before, after in pairwise(prompts):
        assert after.startswith(before)
