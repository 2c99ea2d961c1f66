"""Text read aloud, as clients hear it: each format, whole and in events, from the first piece on."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.audio import OwnMedia, audio_server, models
from tests.support.leaves import Stuck
from tests.support.serving import Served
from tests.wire.recorded import entries, shape
from vivavoce.audio.limits import Limits
from vivavoce.audio.sniff import sniff
from vivavoce.audio.wav import read_wav
from vivavoce.core.joins import PAUSES_S
from vivavoce.core.places import Cut
from vivavoce.testing import Speaks

TEXT = "Hello there. Bye."
SAID_S = 0.16 + PAUSES_S[Cut.END][0]  # 16 characters are said, 10 ms each, in two sentences
SLACK_S = 0.001  # a tone is quiet where it begins
KINDS = {
    "mp3": ("audio/mpeg", "mp3"),
    "opus": ("audio/opus", "ogg"),
    "aac": ("audio/aac", "aac"),
    "flac": ("audio/flac", "flac"),
    "wav": ("audio/wav", "wav"),
    "pcm": ("audio/pcm", None),
}


def asking(**more: Any) -> dict[str, Any]:
    return {"model": "gpt-4o-mini-tts", "input": TEXT, "voice": "alloy", **more}


def events(body: str) -> list[str]:
    return [line.removeprefix("data: ") for line in body.split("\r\n\r\n") if line]


@pytest.fixture
def speaks() -> Speaks:
    return Speaks()


@pytest.fixture
async def audio(tmp_path: Path, speaks: Speaks) -> AsyncIterator[Served]:
    async with audio_server(tmp_path, models(speak=speaks), media=OwnMedia()) as served:
        yield served


@pytest.mark.parametrize("form", KINDS)
async def test_each_format_is_what_it_is_called(audio: Served, form: str) -> None:
    response = await audio.http.post("/v1/audio/speech", json=asking(response_format=form))
    kind, container = KINDS[form]
    assert response.status_code == 200
    assert response.headers["content-type"] == kind
    assert "content-length" not in response.headers
    assert sniff(response.content) == container
    if container is None:
        assert len(response.content) / 48_000 == pytest.approx(SAID_S, abs=SLACK_S)
    else:
        pcm = await OwnMedia().call("decode", response.content, Limits(10, 10**7), 0)
        assert pcm.seconds == pytest.approx(SAID_S, abs=0.1)


async def test_mp3_is_the_default_and_the_short_path_is_there(audio: Served) -> None:
    response = await audio.http.post("/audio/speech", json=asking(response_format=None))
    assert response.headers["content-type"] == "audio/mpeg"


async def test_a_streamed_wav_has_the_header_of_the_recorded_one(audio: Served) -> None:
    recorded = base64.b64decode(entries("GenerateSpeechTests-OutputFormatWorks-wav")[0]["ResponseBody"])
    response = await audio.http.post("/v1/audio/speech", json=asking(response_format="wav"))
    assert response.content[:44] == recorded[:44]
    sound = read_wav(response.content)
    assert sound
    assert sound.seconds == pytest.approx(SAID_S, abs=SLACK_S)


@pytest.mark.parametrize("form", ["mp3", "pcm", "wav"])
async def test_every_header_the_original_sends_about_the_sound_is_ours(audio: Served, form: str) -> None:
    recorded = entries(f"GenerateSpeechTests-OutputFormatWorks-{form}")[0]
    response = await audio.http.post("/v1/audio/speech", json=recorded["RequestBody"])
    for name in ("Content-Type", "openai-version", "X-Content-Type-Options", "Transfer-Encoding"):
        assert response.headers[name] == recorded["ResponseHeaders"][name]
    assert response.headers["x-request-id"].startswith("req_")


async def test_events_are_those_recorded(audio: Served) -> None:
    recorded = entries("GenerateSpeechTests-StreamingSpeechWorks")[0]
    response = await audio.http.post("/v1/audio/speech", json=recorded["RequestBody"])
    for name in ("Content-Type", "Cache-Control"):
        assert response.headers[name] == recorded["ResponseHeaders"][name]
    theirs, ours = events("".join(recorded["ResponseBody"])), events(response.text)
    assert ours[-1] == theirs[-1] == "[DONE]"
    for at in (0, -2):
        mine, original = json.loads(ours[at]), json.loads(theirs[at])
        assert shape(mine) == shape(original)
        assert list(mine) == list(original)
        assert mine["type"] == original["type"]
    usage = json.loads(ours[-2])["usage"]
    assert usage["input_tokens"] == json.loads(theirs[-2])["usage"]["input_tokens"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


async def test_events_hold_the_same_sound_in_pieces_of_4096_bytes(audio: Served) -> None:
    whole = await audio.http.post("/v1/audio/speech", json=asking(response_format="pcm"))
    streamed = await audio.http.post("/v1/audio/speech", json=asking(response_format="pcm", stream_format="sse"))
    pieces = [base64.b64decode(json.loads(event)["audio"]) for event in events(streamed.text)[:-2]]
    assert b"".join(pieces) == whole.content
    assert {len(piece) for piece in pieces[:-1]} == {4096}
    assert 0 < len(pieces[-1]) <= 4096
    done = json.loads(events(streamed.text)[-2])
    assert done["usage"] == {"input_tokens": 5, "output_tokens": 8, "total_tokens": 13}


async def test_what_is_asked_reaches_the_voice(audio: Served, speaks: Speaks) -> None:
    body = asking(instructions="whisper it", speed=2, voice={"id": "echo"}, response_format="pcm")
    response = await audio.http.post("/v1/audio/speech", json=body)
    assert [(say.voice, say.speed, say.style) for say in speaks.asked] == [("echo", 2.0, "whisper it")] * 2
    assert len(response.content) / 48_000 == pytest.approx(SAID_S / 2, abs=SLACK_S)


async def test_null_instructions_are_none(audio: Served, speaks: Speaks) -> None:
    body = asking(instructions=None, speed=None, stream_format=None, response_format="pcm")
    assert (await audio.http.post("/v1/audio/speech", json=body)).status_code == 200
    assert speaks.asked[0].style is None


@pytest.mark.parametrize("form", ["pcm", "wav"])
@pytest.mark.parametrize("stream_format", ["audio", "sse"])
async def test_the_first_sound_comes_before_the_last_is_made(tmp_path: Path, form: str, stream_format: str) -> None:
    stuck = Stuck("speak")  # half a second, then nothing until it may go on
    async with audio_server(tmp_path, models(speak=stuck)) as served:
        body = asking(response_format=form, stream_format=stream_format)
        async with served.http.stream("POST", "/v1/audio/speech", json=body) as response:
            parts = response.aiter_bytes()
            first = await asyncio.wait_for(anext(parts), 5)
            assert first
            assert not stuck.stopped.is_set()
            stuck.go.set()
            rest = b"".join([part async for part in parts])
    assert len(first + rest) >= 96_000  # a second in two halves


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
async def test_a_client_that_leaves_stops_the_voice(tmp_path: Path, stream_format: str) -> None:
    stuck = Stuck("speak")
    async with audio_server(tmp_path, models(speak=stuck)) as served:
        body = asking(response_format="pcm", stream_format=stream_format)
        async with served.http.stream("POST", "/v1/audio/speech", json=body) as response:
            await anext(response.aiter_bytes())
        await asyncio.wait_for(stuck.stopped.wait(), 5)
        stuck.go.set()


async def test_text_without_words_is_a_short_silence(audio: Served) -> None:
    silence = bytes(2 * 1200)
    for text in (" \n", "😀"):
        response = await audio.http.post("/v1/audio/speech", json=asking(input=text, response_format="wav"))
        assert response.status_code == 200
        assert response.content[44:] == silence
        pcm = await audio.http.post("/v1/audio/speech", json=asking(input=text, response_format="pcm"))
        assert (pcm.status_code, pcm.content) == (200, silence)


@pytest.mark.parametrize("form", ["mp3", "opus", "aac", "flac"])
async def test_a_silence_is_a_file_in_every_format(tmp_path: Path, form: str) -> None:
    async with audio_server(tmp_path, models(), media=OwnMedia()) as served:
        response = await served.http.post("/v1/audio/speech", json=asking(input="...", response_format=form))
        assert (response.status_code, len(response.content) > 40) == (200, True)


TOO_LONG = (
    "Invalid 'input': string too long. Expected a string with maximum length 4096, but got a string with length 4097 "
    "instead."
)
BAD = [
    (
        {"input": "x" * 4097},
        400,
        TOO_LONG,
        "input",
        "string_above_max_length",
    ),
    (
        {"voice": "nobody"},
        400,
        "Invalid value: 'nobody'. Supported values are: 'alloy' and 'echo'.",
        "voice",
        "invalid_value",
    ),
    (
        {"response_format": "m4a"},
        400,
        "Invalid value: 'm4a'. Supported values are: 'mp3', 'opus', 'aac', 'flac', 'wav', and 'pcm'.",
        "response_format",
        "invalid_value",
    ),
    (
        {"speed": 4.5},
        400,
        "Invalid 'speed': decimal above maximum value. Expected a value <= 4, but got 4.5 instead.",
        "speed",
        "decimal_above_max_value",
    ),
    (
        {"model": "gpt-9"},
        404,
        "The model `gpt-9` does not exist or you do not have access to it.",
        None,
        "model_not_found",
    ),
]


@pytest.mark.parametrize(("more", "status", "message", "param", "code"), BAD)
async def test_what_is_wrong_is_said_in_the_envelope(
    audio: Served, more: dict[str, Any], status: int, message: str, param: str | None, code: str
) -> None:
    response = await audio.http.post("/v1/audio/speech", json=asking(**more))
    assert response.status_code == status
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    assert response.json() == {"error": error}


async def test_4096_characters_are_taken(audio: Served) -> None:
    body = asking(input="é" * 4096, response_format="pcm", speed=4)
    assert (await audio.http.post("/v1/audio/speech", json=body)).status_code == 200


async def test_a_model_that_does_not_speak_is_not_found(tmp_path: Path) -> None:
    known = {name: replace(model, speaker=None) for name, model in models().items()}
    async with audio_server(tmp_path, known) as served:
        response = await served.http.post("/v1/audio/speech", json=asking())
    assert response.status_code == 404


async def test_strict_refuses_what_the_older_models_do_not_take(tmp_path: Path) -> None:
    async with audio_server(tmp_path, models(), strict=True) as served:
        for more in ({"instructions": "slowly"}, {"stream_format": "sse"}):
            response = await served.http.post("/v1/audio/speech", json=asking(model="tts-1", **more))
            assert response.status_code == 400
            assert response.json()["error"]["param"] in more


@pytest.mark.parametrize("form", ["mp3", "pcm"])
async def test_the_official_client_has_the_sound_whole_and_streamed(audio: Served, form: Any) -> None:
    whole = await audio.openai.audio.speech.create(**asking(response_format=form))
    async with audio.openai.audio.speech.with_streaming_response.create(**asking(response_format=form)) as response:
        streamed = b"".join([part async for part in response.iter_bytes(1024)])
    assert whole.content == streamed
    assert streamed
