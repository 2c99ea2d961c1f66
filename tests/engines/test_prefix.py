"""What a model is told of a conversation begins with what it was told a turn earlier: it reads only what is new."""

import base64
import json
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.engines.conftest import Make
from tests.support.heard import Recogniser
from tests.support.serving import MODEL, Serving, model
from tests.support.upstream import ANSWER, DONE, FIRST, Upstream, chunk
from vivavoce.audio.wav import write_wav
from vivavoce.core.engines import Transcript
from vivavoce.core.recalling import Recalling
from vivavoce.core.turn import Message, Speech, Text, ToolCall, ToolResult, Turn
from vivavoce.engines import toolcalls
from vivavoce.engines.prompts import chat_messages
from vivavoce.store.database import Database
from vivavoce.store.heard import Heard
from vivavoce.testing.scripted import tone

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


CALL = {
    "index": 0,
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"b": 1, "a": 2}'},
}
CALLS = [FIRST, chunk(tool_calls=[CALL]), chunk(finish="tool_calls"), DONE]
WEATHER = {
    "name": "weather",
    "description": "Tell it.",
    "parameters": {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"enum": ["z", "y"]}}},
}


def recorded(number: int) -> dict[str, Any]:
    data = base64.b64encode(write_wav(tone(0.2 + number / 10))).decode()
    return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}


async def test_what_another_server_is_asked_begins_with_what_it_was_asked_a_turn_earlier(
    serving: Serving, upstream: Upstream, make: Make, tmp_path: Path
) -> None:
    """To the byte, so that what it keeps of a conversation serves the next turn. The ear never hears twice alike."""
    heard = count()
    ear = Recogniser(lambda _pcm, _ask: [Transcript(f"words {next(heard)}")])
    database = await Database.open(tmp_path / "heard")
    memory = Heard(database, lifetime_s=60, most=100, room=1 << 20)
    served = await serving(models={MODEL: model(hear=Recalling(ear, "ear", memory), think=make())})
    messages: list[dict[str, Any]] = [{"role": "developer", "content": 'Be brief, and say "é".'}]
    for turn in range(6):
        said = [recorded(2 * turn), {"type": "text", "text": "and"}, recorded(2 * turn + 1)]
        messages.append({"role": "user", "content": said})
        for upstream.says in (CALLS, ANSWER) if turn == 2 else (ANSWER,):
            tools = [{"type": "function", "function": WEATHER}]
            answer = await served.http.post(
                "/v1/chat/completions", json=served.say(tools=tools) | {"messages": messages}
            )
            message = answer.json()["choices"][0]["message"]
            if message.get("tool_calls"):
                messages.append({"role": "assistant", "tool_calls": message["tool_calls"]})
                messages.append({"role": "tool", "tool_call_id": "call_1", "content": '{"sky": "clear"}'})
            else:
                messages.append({"role": "assistant", "audio": {"id": message["audio"]["id"]}})
    await database.close()
    assert len(ear.heard) == 12
    assert len(upstream.bodies) == 7
    begun = [body.partition(b'],"stream"') for body in upstream.bodies]
    for (before, _, rest), (after, _, same) in pairwise(begun):
        assert after.startswith(before + b",")
        assert rest == same != b""
