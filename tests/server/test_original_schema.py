"""Every kind of answer, held against OpenAI's own schema, in which nothing may be that it does not name."""

import json
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.audio import audio_server, models
from tests.support.schemas import check_events, validator
from tests.support.serving import MODEL, Served, Serving, model
from tests.wire.recorded import shared, whole
from vivavoce.audio.wav import write_wav
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Hearing, Transcript, Word
from vivavoce.testing import Calls, Hears
from vivavoce.testing.scripted import tone

NONE: set[str] = set()
SOUND = {"choices.0.delta: Additional properties are not allowed ('audio' was unexpected)"}
"""Their schema has no sound in chunks. Their recorded chunks have, and every client reads it."""
TASK = {": Additional properties are not allowed ('task' was unexpected)"}
"""Their schema has no `task` in long transcriptions. Their recorded ones have, and the official client reads it."""

CHAT, TRANSCRIPTIONS, SPEECH = "/v1/chat/completions", "/v1/audio/transcriptions", "/v1/audio/speech"
USER = [{"role": "user", "content": "Hi"}]
FUNCTION = {"name": "f", "parameters": {"type": "object", "properties": {}}}
SPOKEN = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
SPOKEN_STREAM = {**SPOKEN, **STREAMED, "audio": {"voice": "alloy", "format": "pcm16"}}
WHISPER, GPT = {"model": "whisper-1"}, {"model": "gpt-4o-mini-transcribe"}
LONG = {**WHISPER, "response_format": "verbose_json"}
BOTH = {"timestamp_granularities[]": ["word", "segment"]}


@cache
def theirs() -> dict[str, Any]:
    return closed(json.loads(shared("openapi.json").read_text()))


def closed(node: Any) -> Any:
    """A schema with nothing more; and with `nullable`, which OpenAPI 3.1 does not know, as it is meant there."""
    if isinstance(node, list):
        return [closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {key: closed(value) for key, value in node.items()}
    if isinstance(found.get("properties"), dict) and found.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return {"anyOf": [found, {"type": "null"}]} if found.pop("nullable", None) is True else found


def differences(name: str, *answers: Any) -> set[str]:
    check = validator({"$ref": f"#/components/schemas/{name}"}, theirs())
    found = [error for answer in answers for error in check.iter_errors(answer)]
    return {f"{'.'.join(map(str, error.instance_path))}: {error.message}" for error in found}


@pytest.mark.parametrize("asked", [{}, SPOKEN, {"n": 2}, {"max_tokens": 1}, {**SPOKEN, "n": 2}])
async def test_whole_answers(serving: Serving, asked: dict[str, Any]) -> None:
    answer = await (await serving()).post(messages=USER, **asked)
    assert answer.status_code == 200
    assert differences("CreateChatCompletionResponse", answer.json()) == NONE


@pytest.mark.parametrize(
    ("asked", "known"),
    [({"stream": True}, NONE), (STREAMED, NONE), ({**STREAMED, "n": 2}, NONE), (SPOKEN_STREAM, SOUND)],
)
async def test_streamed_answers(serving: Serving, asked: dict[str, Any], known: set[str]) -> None:
    answer = await (await serving()).post(messages=USER, **asked)
    assert differences("CreateChatCompletionStreamResponse", *check_events(CHAT, answer.text)) == known


@pytest.mark.parametrize("asked", [{"tools": [{"type": "function", "function": FUNCTION}]}, {"functions": [FUNCTION]}])
async def test_calls(serving: Serving, asked: dict[str, Any]) -> None:
    served = await serving(models={MODEL: model(think=Calls(("f", "{}")))})
    answer = await served.post(messages=USER, **asked)
    assert answer.json()["choices"][0]["finish_reason"] in ("tool_calls", "function_call")
    assert differences("CreateChatCompletionResponse", answer.json()) == NONE
    answer = await served.post(messages=USER, **asked, **STREAMED)
    assert differences("CreateChatCompletionStreamResponse", *check_events(CHAT, answer.text)) == NONE


async def test_models_and_errors(serving: Serving) -> None:
    served = await serving()
    assert differences("ListModelsResponse", (await served.http.get("/v1/models")).json()) == NONE
    assert differences("Model", (await served.http.get(f"/v1/models/{MODEL}")).json()) == NONE
    for answer in (await served.post(), await served.http.get("/v1/models/none"), await served.http.get("/v1/none")):
        assert differences("ErrorResponse", answer.json()) == NONE


class Sure(Hears):
    """Hears two words, and says when and how surely."""

    async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> AsyncGenerator[Transcript, None]:
        async for heard in super().transcribe(audio, ask):
            words = (Word("Hello", 0.1, 0.4, 0.9), Word("there.", 0.5, 0.9, 0.8))
            yield Transcript(heard.text, True, 0.1, 0.9, words, 0.85, "en")


@pytest.fixture
async def audio(tmp_path: Path) -> AsyncIterator[Served]:
    async with audio_server(tmp_path, models(hear=Sure("Hello there."))) as served:
        yield served


async def heard(audio: Served, path: str, **fields: Any) -> Any:
    answer = await audio.http.post(path, data=fields, files={"file": ("a.wav", write_wav(tone(1.0)))})
    assert answer.status_code == 200
    return answer


@pytest.mark.parametrize(
    ("path", "fields", "name", "known"),
    [
        ("transcriptions", WHISPER, "CreateTranscriptionResponseJson", NONE),
        ("transcriptions", GPT, "CreateTranscriptionResponseJson", NONE),
        ("transcriptions", {**GPT, "include[]": "logprobs"}, "CreateTranscriptionResponseJson", NONE),
        ("transcriptions", LONG, "CreateTranscriptionResponseVerboseJson", TASK),
        ("transcriptions", {**LONG, **BOTH}, "CreateTranscriptionResponseVerboseJson", TASK),
        ("translations", WHISPER, "CreateTranslationResponseJson", NONE),
        ("translations", LONG, "CreateTranslationResponseVerboseJson", TASK),
    ],
)
async def test_transcriptions(audio: Served, path: str, fields: dict[str, Any], name: str, known: set[str]) -> None:
    assert differences(name, (await heard(audio, f"/v1/audio/{path}", **fields)).json()) == known


async def test_events_of_sound(audio: Served) -> None:
    answer = await heard(audio, TRANSCRIPTIONS, **GPT, stream="true", **{"include[]": "logprobs"})
    told = check_events(TRANSCRIPTIONS, answer.text)
    assert differences("CreateTranscriptionResponseStreamEvent", *told) == NONE
    asked = {"model": "tts-1", "input": "Hi there.", "voice": "alloy", "response_format": "pcm", "stream_format": "sse"}
    said = check_events(SPEECH, (await audio.http.post(SPEECH, json=asked)).text)
    assert differences("CreateSpeechResponseStreamEvent", *said) == NONE


async def test_files(serving: Serving) -> None:
    served = await serving()
    bodies: list[Any] = []
    for purpose in ("batch", "user_data", "evals"):
        sent = await served.http.post("/v1/files", data={"purpose": purpose}, files={"file": ("a", b"b")})
        bodies.append((await served.http.get(f"/v1/files/{sent.json()['id']}")).json())
        assert bodies[-1] == sent.json()
    assert differences("OpenAIFile", *bodies[:2]) == NONE
    (evals,) = differences("OpenAIFile", bodies[2])
    assert evals.startswith("purpose: ")
    await served.http.delete(f"/v1/files/{bodies[2]['id']}")
    listed = await served.http.get("/v1/files")
    assert differences("ListFilesResponse", listed.json()) == NONE
    gone = [await served.http.delete(f"/v1/files/{each['id']}") for each in bodies[:2]]
    assert differences("DeleteFileResponse", *(each.json() for each in gone)) == NONE
    assert differences("ErrorResponse", (await served.http.get("/v1/files/none")).json()) == NONE


def test_their_own_recordings_differ_from_their_schema_where_we_do() -> None:
    recorded = whole("ChatTests-ChatWithAudio")
    assert differences("CreateChatCompletionResponse", recorded) == {'choices.0: "logprobs" is a required property'}
    assert (
        differences("CreateTranscriptionResponseVerboseJson", whole("TranscriptionTests-TimestampsWork-Word")) == TASK
    )


def test_what_does_not_fit_is_found() -> None:
    found = differences("CreateChatCompletionResponse", {"id": 1, "more": 2})
    assert {'id: 1 is not of type "string"' in each or each.startswith(": ") for each in found} == {True}
    assert len(found) > 2
