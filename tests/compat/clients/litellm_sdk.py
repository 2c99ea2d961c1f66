"""LiteLLM's SDK: audio in and out, streams through its chunk builder, tools, errors; its prices are right for ours."""

import base64
import io
import json
import os
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # its own prices, not those of the day

import checks
import litellm

SETTINGS: Any = {"api_base": checks.URL, "api_key": "anything", "num_retries": 0}
MODEL = f"openai/{checks.MODEL}"
SPOKEN: Any = {
    "model": MODEL,
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    **SETTINGS,
}
HELLO: Any = [{"role": "user", "content": "Hello"}]
DOLLARS = {"prompt": {"text": 0.15e-6, "audio": 10e-6}, "completion": {"text": 0.60e-6, "audio": 20e-6}}
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def priced(answer: Any) -> None:
    """LiteLLM finds the price by the model that the answer names, and it is that of its tokens."""
    usage: Any = answer.usage.model_dump()
    ours = sum(
        dollars * usage[f"{side}_tokens_details"][f"{kind}_tokens"]
        for side, kinds in DOLLARS.items()
        for kind, dollars in kinds.items()
    )
    theirs = litellm.completion_cost(answer)
    assert theirs > 0, f"no price for {answer.model}"
    assert abs(theirs - ours) < 1e-9, f"LiteLLM says ${theirs}, the tokens cost ${ours}: {usage}"


def turns() -> None:
    messages: Any = [{"role": "user", "content": [checks.part(), checks.part("mp3")]}]
    first: Any = litellm.completion(messages=messages, **SPOKEN)
    assert first.model == checks.SNAPSHOT, f"model {first.model}"
    audio = first.choices[0].message.audio
    checks.said(audio.transcript)
    checks.adds_up(first.usage.model_dump(), checks.samples(base64.b64decode(audio.data)))
    assert first.usage.prompt_tokens_details.audio_tokens > 0
    priced(first)
    messages += [{"role": "assistant", "audio": {"id": audio.id}}, {"role": "user", "content": "And then?"}]
    second: Any = litellm.completion(messages=messages, **SPOKEN)
    checks.said(second.choices[0].message.audio.transcript)
    priced(second)


def streams() -> None:
    asked: Any = {**SPOKEN, "audio": {"voice": "echo", "format": "pcm16"}, "stream_options": {"include_usage": True}}
    chunks: Any = list(litellm.completion(messages=HELLO, stream=True, **asked))
    audio = [chunk.choices[0].delta.audio for chunk in chunks if chunk.choices and chunk.choices[0].delta.audio]
    pieces = [base64.b64decode(piece["data"]) for piece in audio if piece.get("data")]
    checks.sounds(b"".join(pieces))
    checks.said("".join(piece.get("transcript") or "" for piece in audio))
    built: Any = litellm.stream_chunk_builder(chunks, messages=HELLO)
    checks.said(built.choices[0].message.audio.transcript)
    assert base64.b64decode(built.choices[0].message.audio.data) == b"".join(pieces), "the chunk builder lost sound"
    checks.adds_up(built.usage.model_dump(), b"".join(pieces))


def tools() -> None:
    asked: Any = {"model": f"openai/{checks.CALLER}", "tools": [WEATHER], **SETTINGS}
    messages: Any = [{"role": "user", "content": "What is the weather in Paris?"}]
    answer: Any = litellm.completion(messages=messages, **asked)
    call = answer.choices[0].message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"city": "Paris"}, call
    assert answer.choices[0].finish_reason == "tool_calls"
    streamed: Any = litellm.completion(messages=messages, stream=True, **asked)
    built: Any = litellm.stream_chunk_builder(list(streamed), messages=messages)
    assert built.choices[0].message.tool_calls[0].function.arguments == call.function.arguments
    messages += [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    final: Any = litellm.completion(messages=messages, **asked)
    assert final.choices[0].message.content == "It says sunny."


def refusals() -> None:
    lost = [*HELLO, {"role": "assistant", "audio": {"id": "audio_0"}}, *HELLO]
    cases: list[Any] = [
        (litellm.BadRequestError, {"messages": HELLO, "audio": {"voice": "nobody", "format": "wav"}}),
        (litellm.NotFoundError, {"messages": HELLO, "model": "openai/gpt-9"}),
        (litellm.BadRequestError, {"messages": lost}),
    ]
    for kind, given in cases:
        checks.raised(kind, lambda given=given: litellm.completion(**{**SPOKEN, **given}))


def audio_endpoints() -> None:
    speech: Any = litellm.speech(model="openai/tts-1", voice="alloy", input="Hello there.", **SETTINGS)
    assert len(speech.content) > 1000, "no speech"
    file = io.BytesIO(checks.recording())
    file.name = "question.wav"
    heard: Any = litellm.transcription(model="openai/whisper-1", file=file, **SETTINGS)
    assert heard.text == checks.HEARS, heard
    assert heard.duration > 1, f"it asks for verbose_json, and got {heard}"


turns()
streams()
tools()
refusals()
audio_endpoints()
