"""The official Python SDK, 2.x and 3.x, refusing any answer that is not what OpenAI's schema says."""

import asyncio
import base64
import io
import json
from typing import Any

import checks
from openai import APIError, APIStatusError, AsyncOpenAI, BadRequestError, NotFoundError, OpenAI
from pydantic import BaseModel

SETTINGS: Any = {"base_url": checks.URL, "api_key": "anything", "max_retries": 0, "_strict_response_validation": True}
SPOKEN: Any = {"model": checks.MODEL, "modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
STREAMED: Any = {**SPOKEN, "audio": {"voice": "echo", "format": "pcm16"}, "stream_options": {"include_usage": True}}
HELLO: Any = [{"role": "user", "content": "Hello"}]
ASKED: Any = [{"role": "user", "content": [checks.part(), checks.part("mp3"), {"type": "text", "text": "?"}]}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Place(BaseModel):
    """What is asked for as JSON."""

    city: str
    people: int


def models(client: OpenAI) -> None:
    names = {model.id for model in client.models.list()}
    assert {checks.MODEL, checks.CALLER, "whisper-1", "tts-1"} <= names, f"models listed: {sorted(names)}"
    assert client.models.retrieve(checks.MODEL).id == checks.MODEL
    refused(lambda: client.models.retrieve("gpt-9"), NotFoundError)


def refused(ask: Any, kind: type[APIStatusError], **told: str) -> None:
    """An error of this kind, whose body has all of its keys."""
    error = checks.raised(kind, ask)
    body: Any = error.body
    assert set(body) >= {"message", "type", "param", "code"}, f"error body {body}"
    assert body["type"] == "invalid_request_error", f"error body {body}"
    assert error.request_id, "an error without x-request-id"
    assert all(body[key] == value for key, value in told.items()), f"error body {body}, not {told}"


def spoken(client: OpenAI, messages: Any) -> str:
    """Whole, with the sound, its words and its price; the id of the sound."""
    answer = client.chat.completions.create(messages=messages, **SPOKEN)
    assert answer._request_id, "no x-request-id"
    assert answer.model == checks.SNAPSHOT, f"model {answer.model}"
    message = answer.choices[0].message
    assert message.content is None, f"content beside audio: {message.content!r}"
    assert message.audio is not None, "no audio"
    assert answer.choices[0].finish_reason == "stop"
    assert 3595 <= message.audio.expires_at - answer.created <= 3605
    checks.said(message.audio.transcript)
    assert answer.usage is not None, "no usage"
    checks.adds_up(answer.usage.model_dump(), checks.samples(base64.b64decode(message.audio.data)))
    return message.audio.id


def streamed(client: OpenAI, messages: Any) -> str:
    """In pieces that can be joined in any way; the id of the sound."""
    chunks = list(client.chat.completions.create(messages=messages, stream=True, **STREAMED))
    assert not chunks[-1].choices, "the last chunk is not the one with usage"
    assert all(chunk.usage is None for chunk in chunks[:-1]), "usage before the end"
    deltas: list[Any] = [chunk.choices[0].delta for chunk in chunks[:-1]]
    assert deltas[0].role == "assistant"
    assert not any(delta.content for delta in deltas), "content in a spoken stream"
    audio = [as_dict(delta.audio) for delta in deltas if getattr(delta, "audio", None)]
    ids = [piece["id"] for piece in audio if "id" in piece]
    assert len(ids) == 1, f"ids of the sound: {ids}"
    assert [list(piece) for piece in audio if "expires_at" in piece] == [["expires_at"]], "expires_at not once, alone"
    data = [piece["data"] for piece in audio if piece.get("data")]
    assert all(len(base64.b64decode(piece)) % 6 == 0 for piece in data[:-1]), "pieces of sound that cannot be joined"
    sound = base64.b64decode("".join(data))
    assert sound == b"".join(map(base64.b64decode, data))
    checks.sounds(sound)
    checks.said("".join(piece.get("transcript", "") for piece in audio))
    reasons = [chunk.choices[0].finish_reason for chunk in chunks[:-1]]
    assert [reason for reason in reasons if reason] == ["stop"], f"finish reasons {reasons}"
    checks.adds_up(chunks[-1].usage.model_dump(), sound)  # type: ignore[union-attr]
    return ids[0]


def as_dict(audio: Any) -> dict[str, Any]:
    """A delta's sound: a field that only newer versions of the SDK know."""
    return audio if isinstance(audio, dict) else audio.model_dump(exclude_unset=True)


def helped(client: OpenAI) -> None:
    """The SDK's own helper adds a stream up."""
    with client.chat.completions.stream(messages=HELLO, **STREAMED) as stream:
        stream.until_done()
        final: Any = stream.get_final_completion()
    audio: Any = final.choices[0].message.audio
    assert audio.id.count("audio_") == 1, f"id {audio.id}"
    assert audio.expires_at - final.created in range(3595, 3605), f"expires at {audio.expires_at}"
    checks.said(audio.transcript)
    checks.sounds(base64.b64decode(audio.data))


def turns(client: OpenAI) -> None:
    """Earlier spoken answers by their ids."""
    messages = [*ASKED]
    for tell in (spoken, streamed, spoken):
        named = tell(client, messages)
        messages += [{"role": "assistant", "audio": {"id": named}}, {"role": "user", "content": "And then?"}]
    lost = [*HELLO, {"role": "assistant", "audio": {"id": "audio_0"}}, *HELLO]
    refused(lambda: client.chat.completions.create(messages=lost, **SPOKEN), BadRequestError, code="audio_not_found")


def refusals(client: OpenAI) -> None:
    create = client.chat.completions.create
    nobody: Any = {**SPOKEN, "audio": {"voice": "nobody", "format": "wav"}}
    refused(lambda: create(messages=HELLO, **nobody), BadRequestError, param="audio.voice")
    refused(lambda: create(messages=HELLO, **{**SPOKEN, "model": "gpt-9"}), NotFoundError, code="model_not_found")
    noise: Any = {"type": "input_audio", "input_audio": {"data": "bm90IGF1ZGlv", "format": "wav"}}
    refused(lambda: create(messages=[{"role": "user", "content": [noise]}], **SPOKEN), BadRequestError)
    refused(lambda: create(messages=[], **SPOKEN), BadRequestError)


def tools(client: OpenAI) -> None:
    """A call, whole and streamed, and the answer to its result, aloud."""
    asked: Any = {**SPOKEN, "model": checks.CALLER, "tools": [WEATHER], "tool_choice": "required"}
    messages: Any = [{"role": "user", "content": "What is the weather in Paris?"}]
    answer = client.chat.completions.create(messages=messages, **asked)
    assert answer.choices[0].finish_reason == "tool_calls"
    message: Any = answer.choices[0].message
    assert message.content is None
    call = message.tool_calls[0]
    assert call.function.name == "weather"
    assert "city" in json.loads(call.function.arguments)
    with client.chat.completions.stream(messages=messages, **asked | {"audio": STREAMED["audio"]}) as stream:
        added: Any = stream.get_final_completion().choices[0]
    assert added.finish_reason == "tool_calls"
    assert json.loads(added.message.tool_calls[0].function.arguments) == json.loads(call.function.arguments)
    messages += [message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    answer = client.chat.completions.create(messages=messages, **asked | {"tool_choice": "auto"})
    final: Any = answer.choices[0].message
    if checks.SAYS:
        assert final.audio.transcript == "It says sunny.", f"said {final.audio.transcript!r}"


def shaped(client: OpenAI) -> None:
    answer = client.chat.completions.parse(
        model=checks.CALLER, messages=[{"role": "user", "content": "Where is it?"}], response_format=Place
    )
    assert isinstance(answer.choices[0].message.parsed, Place)


def broken(client: OpenAI) -> None:
    """An answer that breaks off is an error, never a silent end."""
    asked: Any = {**STREAMED, "model": checks.CALLER, "messages": [{"role": "user", "content": "Please break off."}]}
    words: list[str] = []

    def listen() -> None:
        for chunk in client.chat.completions.create(stream=True, **asked):
            audio: Any = chunk.choices and getattr(chunk.choices[0].delta, "audio", None)
            words.append(as_dict(audio).get("transcript", "") if audio else "")

    error = checks.raised(APIError, listen)
    assert "".join(words), "it broke off before it began"
    assert isinstance(error.body, dict), f"error body {error.body!r}"
    assert error.body["type"] == "server_error", f"error body {error.body}"


def audio_endpoints(client: OpenAI) -> None:
    speech: Any = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Hello there."}
    # streamed sound has no length to put into a header
    whole = client.audio.speech.create(response_format="wav", **speech)
    assert whole.response.headers["content-type"] == "audio/wav"
    assert whole.content[:4] == b"RIFF"
    with client.audio.speech.with_streaming_response.create(response_format="pcm", **speech) as response:
        assert response.headers["content-type"].startswith("audio/"), response.headers["content-type"]
        checks.sounds(b"".join(response.iter_bytes(1024)))
    hear: Any = client.audio.transcriptions.create
    said: Any = client.audio.speech.create(response_format="mp3", **speech).content
    assert hear(model="whisper-1", file=("said.mp3", io.BytesIO(said))).text
    assert hear(model="whisper-1", file=("question.wav", checks.recording())).text == checks.HEARS
    plain = hear(model="whisper-1", file=("question.mp3", checks.recording("mp3")), response_format="text")
    assert plain.strip(), "text is empty"
    rich = hear(
        model="whisper-1",
        file=("question.wav", checks.recording()),
        response_format="verbose_json",
        timestamp_granularities=["segment"],
    )
    assert rich.segments, "verbose_json has no segments"
    assert rich.duration > 1
    events = list(hear(model="gpt-4o-mini-transcribe", file=("q.wav", checks.recording()), stream=True))
    assert events[-1].type == "transcript.text.done", f"events {[event.type for event in events]}"
    assert events[-1].text == "".join(event.delta for event in events[:-1]) == checks.HEARS
    refused(lambda: hear(model="whisper-1", file=("x.wav", b"not audio")), BadRequestError)


def files(client: OpenAI) -> None:
    lines = b'{"custom_id": "1"}\n'
    expiry: Any = {"anchor": "created_at", "seconds": 3600}
    sent = [client.files.create(file=(f"{each}.jsonl", lines), purpose="batch") for each in range(3)]
    other = client.files.create(file=("notes.txt", b"Hello"), purpose="user_data", expires_after=expiry)
    assert other.expires_at == other.created_at + 3600, f"expires_at {other.expires_at}"
    assert client.files.retrieve(other.id) == other
    assert client.files.content(sent[0].id).content == lines
    listed = [each.id for each in client.files.list(purpose="batch", limit=2)]
    assert listed == [each.id for each in reversed(sent)], f"listed {listed}"
    for each in client.files.list(limit=2):
        assert client.files.delete(each.id).deleted
    refused(lambda: client.files.retrieve(other.id), NotFoundError, param="id")


async def at_once() -> None:
    """Several at a time, with the other client of the SDK."""
    async with AsyncOpenAI(**SETTINGS) as client:
        asked = [client.chat.completions.create(messages=HELLO, **SPOKEN) for _ in range(3)]
        for answer in await asyncio.gather(*asked):
            audio = answer.choices[0].message.audio
            assert audio is not None
            checks.said(audio.transcript)


def main() -> None:
    with OpenAI(**SETTINGS) as client:
        models(client)
        turns(client)
        helped(client)
        refusals(client)
        tools(client)
        shaped(client)
        if checks.SAYS:
            broken(client)
        audio_endpoints(client)
        files(client)
    asyncio.run(at_once())


main()
