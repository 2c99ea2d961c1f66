"""What the tests of the proxy ask, with OpenAI's own client, and what came."""

import json
from base64 import b64decode, b64encode
from itertools import islice
from typing import Any, NamedTuple

from openai import OpenAI

from tests.compat.environments import ROOT

LIMIT_S = 30
RECORDING = (ROOT / "tests" / "fixtures" / "question.wav").read_bytes()
QUESTION: Any = [
    {
        "role": "user",
        "content": [{"type": "input_audio", "input_audio": {"data": b64encode(RECORDING).decode(), "format": "wav"}}],
    }
]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Spoken(NamedTuple):
    """A spoken answer."""

    named: str
    words: str
    sound: bytes
    usage: dict[str, Any]


class Call(NamedTuple):
    """A tool that is called."""

    id: str
    name: str
    arguments: Any

    @property
    def message(self) -> Any:
        function = {"name": self.name, "arguments": json.dumps(self.arguments)}
        return {"role": "assistant", "tool_calls": [{"id": self.id, "type": "function", "function": function}]}


def client(url: str, key: str = "any") -> OpenAI:
    """A client that asks once."""
    return OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=LIMIT_S)


def text(words: str) -> Any:
    """A conversation of one text."""
    return [{"role": "user", "content": words}]


def speak(asked: OpenAI, model: str, messages: Any = QUESTION, *, stream: bool = False, form: str = "wav") -> Spoken:
    """A spoken answer; in a stream its sound is PCM."""
    body: Any = {"model": model, "modalities": ["text", "audio"], "messages": messages}
    if not stream:
        answer = asked.chat.completions.create(audio={"voice": "alloy", "format": form}, **body)  # type: ignore[arg-type]
        audio = answer.choices[0].message.audio
        assert audio is not None
        assert answer.usage is not None
        return Spoken(audio.id, audio.transcript, b64decode(audio.data), answer.usage.model_dump(exclude_none=True))
    named, words, sound, usage = "", "", b"", None
    body |= {"audio": {"voice": "alloy", "format": "pcm16"}, "stream_options": {"include_usage": True}}
    for chunk in asked.chat.completions.create(stream=True, **body):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            piece: Any = getattr(choice.delta, "audio", None)
            if piece:
                named, words = piece.id or named, words + (piece.transcript or "")
                sound += b64decode(piece.data or "")
    assert usage is not None
    return Spoken(named, words, sound, usage.model_dump(exclude_none=True))


def call(asked: OpenAI, model: str, *, stream: bool = False) -> Call:
    """The tool that is called, which must be one."""
    body: Any = {"model": model, "messages": text("And in Paris?"), "tools": [WEATHER], "tool_choice": "required"}
    if stream:
        with asked.chat.completions.stream(**body) as events:
            choice: Any = events.get_final_completion().choices[0]
    else:
        choice = asked.chat.completions.create(**body).choices[0]
    assert choice.finish_reason == "tool_calls"
    (called,) = choice.message.tool_calls
    return Call(called.id, called.function.name, json.loads(called.function.arguments))


def hear(asked: OpenAI) -> str:
    """What is heard."""
    return asked.audio.transcriptions.create(model="whisper-1", file=("question.wav", RECORDING)).text


def leave_stream(asked: OpenAI, model: str, words: str, *, spoken: bool = False) -> None:
    """Read the beginning of an answer and go."""
    sound: Any = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}} if spoken else {}
    with asked.chat.completions.create(model=model, messages=text(words), stream=True, **sound) as chunks:
        assert len(list(islice(chunks, 5))) == 5
