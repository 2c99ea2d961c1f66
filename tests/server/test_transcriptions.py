"""Recordings to words, as clients read them: every form, every way in, and every way it goes wrong."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.audio.making import silent_mp3, written
from tests.support.audio import OwnMedia, audio_server, models
from tests.support.heard import TEXT, Recogniser
from tests.support.leaves import Stuck
from tests.support.serving import Served
from tests.wire.recorded import entries, shape
from vivavoce.account.callers import ANYONE
from vivavoce.audio.wav import write_wav
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Hearing, Transcript
from vivavoce.core.errors import EngineFailed, Overloaded, RateLimited, TryLater
from vivavoce.testing.scripted import tone

PATH = "/v1/audio/transcriptions"
SOUND = write_wav(tone(1.7))
DURATION = {"type": "duration", "seconds": 0}
WHISPER = "whisper-1"
GPT = "gpt-4o-mini-transcribe"


@pytest.fixture
def ear() -> Recogniser:
    return Recogniser()


@pytest.fixture
async def audio(tmp_path: Path, ear: Recogniser) -> AsyncIterator[Served]:
    async with audio_server(tmp_path, models(hear=ear), media=OwnMedia()) as served:
        yield served


async def post(audio: Served, model: str = WHISPER, sound: bytes = SOUND, path: str = PATH, **fields: Any) -> Any:
    data = {"model": model, **fields}
    return await audio.http.post(path, data=data, files={"file": ("a.wav", sound)})


def events(body: str) -> list[str]:
    return [line.removeprefix("data: ") for line in body.split("\r\n\r\n") if line]


def error(message: str, param: str | None, code: str | None, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}, "usage": DURATION}


RECORDED = {
    "TimestampsWork-Default": {"model": WHISPER, "response_format": "verbose_json", "temperature": "0.4"},
    "TimestampsWork-Segment": {
        "model": WHISPER,
        "response_format": "verbose_json",
        "timestamp_granularities[]": ["segment"],
    },
    "TimestampsWork-Word": {"model": WHISPER, "response_format": "verbose_json", "timestamp_granularities[]": ["word"]},
    "TimestampsWork-WordSegment": {
        "model": WHISPER,
        "response_format": "verbose_json",
        "timestamp_granularities": ["word", "segment"],
    },
    "IncludesWork": {"model": GPT, "include[]": "logprobs"},
}


@pytest.mark.parametrize("name", RECORDED)
async def test_whole_answers_have_the_recorded_keys_types_and_order(audio: Served, name: str) -> None:
    recorded = entries(f"TranscriptionTests-{name}")[0]
    response = await post(audio, **RECORDED[name])
    assert response.status_code == 200
    assert response.headers["content-type"] == recorded["ResponseHeaders"]["Content-Type"]
    ours, theirs = response.json(), recorded["ResponseBody"]
    expected = {path: kind for path, kind in shape(theirs).items() if not path.endswith("tokens[]")}
    assert list(shape(ours).items()) == list(expected.items())
    assert ours["usage"] == theirs["usage"] or ours["usage"].keys() == theirs["usage"].keys()


async def test_usage_is_counted_as_recorded(audio: Served) -> None:
    recorded = entries("TranscriptionTests-IncludesWork")[0]["ResponseBody"]
    assert (await post(audio, GPT)).json()["usage"] == recorded["usage"]
    assert (await post(audio)).json()["usage"] == {"type": "duration", "seconds": 2}


@pytest.mark.parametrize("name", ["StreamingTranscriptionWorks-UsingStream", "StreamingIncludesWork"])
async def test_streamed_answers_are_those_recorded(audio: Served, name: str) -> None:
    recorded = entries(f"TranscriptionTests-{name}")[0]
    more = {"include[]": "logprobs"} if "Includes" in name else {}
    response = await post(audio, GPT, stream="true", **more)
    for header in ("Content-Type", "Cache-Control"):
        assert response.headers[header] == recorded["ResponseHeaders"][header]
    theirs, ours = events("".join(recorded["ResponseBody"])), events(response.text)
    assert ours[-1] == theirs[-1] == "[DONE]"
    for at in (0, -2):
        mine, original = json.loads(ours[at]), json.loads(theirs[at])
        assert list(shape(mine).items()) == list(shape(original).items())
        assert mine["type"] == original["type"]
    assert json.loads(ours[-2])["usage"] == json.loads(theirs[-2])["usage"]
    assert "".join(json.loads(event)["delta"] for event in ours[:-2]) == json.loads(ours[-2])["text"] == TEXT


async def test_logprobs_spell_the_text(audio: Served) -> None:
    found = (await post(audio, GPT, **{"include[]": "logprobs"})).json()["logprobs"]
    assert "".join(each["token"] for each in found) == TEXT
    assert b"".join(bytes(each["bytes"]) for each in found).decode() == TEXT
    assert found[0]["logprob"] == pytest.approx(-0.105, abs=0.001)


async def test_whisper_does_not_stream(audio: Served) -> None:
    response = await post(audio, stream="true")
    assert response.headers["content-type"] == "application/json"
    assert response.json()["text"] == TEXT


async def test_plain_text_and_subtitles(audio: Served) -> None:
    found = {form: await post(audio, response_format=form) for form in ("text", "srt", "vtt")}
    assert {response.headers["content-type"] for response in found.values()} == {"text/plain; charset=utf-8"}
    assert found["text"].text == f"{TEXT}\n"
    assert found["srt"].text == f"1\n00:00:00,000 --> 00:00:01,460\n{TEXT}\n\n"
    assert found["vtt"].text == f"WEBVTT\n\n00:00:00.000 --> 00:00:01.460\n{TEXT}\n\n"


async def test_what_is_asked_reaches_the_engine(audio: Served, ear: Recogniser) -> None:
    await post(audio, language="en", prompt="names")
    await post(audio, language="", prompt="")
    await post(audio, language="de-DE", response_format="srt", path="/audio/transcriptions")
    await post(audio, **{"languages[]": "fr", "keywords[]": ["Ann", "Bob"], "unknown": "let through"})
    assert ear.asked == [
        Hearing("en", "names", project=ANYONE),
        Hearing(project=ANYONE),
        Hearing("de", words=True, project=ANYONE),
        Hearing("fr", "Ann, Bob", project=ANYONE),
    ]
    assert ear.heard[0] == tone(1.7)


STRATEGIES: list[dict[str, Any]] = [
    {"chunking_strategy": "auto"},
    {"chunking_strategy": '"auto"'},
    {"chunking_strategy": '{"type":"server_vad","threshold":0.4}'},
    {"chunking_strategy[type]": "server_vad", "chunking_strategy[threshold]": "0.4"},
    {"chunking_strategy[prefix_padding_ms]": "300", "chunking_strategy[type]": "server_vad"},
]


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_both_encodings_of_a_chunking_strategy_are_taken(audio: Served, strategy: dict[str, Any]) -> None:
    assert (await post(audio, GPT, **strategy)).status_code == 200


@pytest.mark.parametrize("strategy", ["never", "{", '{"type":"other"}', '{"type":"server_vad","threshold":"x"}', "[1]"])
async def test_another_chunking_strategy_is_refused(audio: Served, strategy: str) -> None:
    response = await post(audio, GPT, chunking_strategy=strategy)
    assert response.status_code == 400
    assert response.json()["error"]["param"].startswith("chunking_strategy")


async def test_any_container_is_heard(audio: Served, ear: Recogniser) -> None:
    codecs = {"mp3": "libmp3lame", "flac": "flac", "ogg": "libopus", "mp4": "aac", "webm": "libopus", "adts": "aac"}
    for container, codec in codecs.items():
        response = await post(audio, sound=written(container, codec, Pcm(tone(1).data, 48_000)))
        assert response.status_code == 200, container
        assert ear.heard[-1].rate == 16_000


async def test_the_json_form_of_open_webui(audio: Served, ear: Recogniser) -> None:
    for data in (base64.b64encode(SOUND).decode(), f"data:audio/wav;base64,{base64.b64encode(SOUND).decode()}"):
        body = {"model": WHISPER, "input_audio": {"data": data, "format": "wav"}, "language": "en"}
        response = await audio.http.post(PATH, json=body)
        assert response.json() == {"text": TEXT, "usage": {"type": "duration", "seconds": 2}}
    assert ear.heard == [tone(1.7)] * 2
    assert ear.asked == [Hearing("en", project=ANYONE)] * 2


async def test_a_chunked_upload_without_a_length_or_a_type(audio: Served, ear: Recogniser) -> None:
    head = b"--x\r\nContent-Disposition: form-data; name=model\r\n\r\nwhisper-1\r\n--x\r\n"
    head += b"Content-Disposition: form-data; name=file; filename=upload\r\n\r\n"

    async def parts() -> AsyncIterator[bytes]:
        for at in range(0, len(whole), 1000):
            yield whole[at : at + 1000]

    whole = head + SOUND + b"\r\n--x--\r\n"
    headers = {"content-type": 'multipart/form-data; boundary="x"'}
    response = await audio.http.post(PATH, content=parts(), headers=headers)
    assert response.status_code == 200, response.text
    assert ear.heard == [tone(1.7)]


async def test_a_large_upload_arrives_whole(audio: Served, ear: Recogniser) -> None:
    long = Pcm(bytes(range(256)) * 20_000, 48_000)
    assert (await post(audio, sound=write_wav(long))).status_code == 200
    assert ear.heard == [long]


FORMAT = (
    "Invalid file format. Supported formats: ['flac', 'm4a', 'mp3', 'mp4', 'mpeg', 'mpga', 'oga', 'ogg', 'wav', 'webm']"
)
REFUSED = [
    (b"no sound at all", {}, error(FORMAT, None, None)),
    (b"", {}, error(FORMAT, None, None)),
    (
        b"fLaC" + bytes(2000),
        {},
        error("The audio file could not be decoded or its format is not supported.", None, None),
    ),
    (
        write_wav(tone(0.05)),
        {},
        error("Audio file is too short. Minimum audio length is 0.1 seconds.", "file", "audio_too_short"),
    ),
    (
        write_wav(Pcm(bytes(2 * 3601), 1)),
        {},
        error(
            "audio duration 3601 seconds is longer than 3600 seconds which is the maximum for this model",
            None,
            "invalid_value",
        ),
    ),
    (
        SOUND,
        {"temperature": "nan"},
        error(
            "Invalid 'temperature': decimal below minimum value. Expected a value >= 0, but got nan instead.",
            "temperature",
            "decimal_below_min_value",
        ),
    ),
    (
        SOUND,
        {"temperature": "2"},
        error(
            "Invalid 'temperature': decimal above maximum value. Expected a value <= 1, but got 2 instead.",
            "temperature",
            "decimal_above_max_value",
        ),
    ),
    (
        SOUND,
        {"response_format": "xml"},
        error(
            "Invalid value: 'xml'. Supported values are: 'json', 'text', 'srt', 'verbose_json', and 'vtt'.",
            "response_format",
            "invalid_value",
        ),
    ),
    (
        SOUND,
        {"model": "gpt-9"},
        error("The model `gpt-9` does not exist or you do not have access to it.", None, "model_not_found"),
    ),
]


@pytest.mark.parametrize(("sound", "fields", "body"), REFUSED)
async def test_what_is_wrong_is_said_as_the_original_does(
    audio: Served, sound: bytes, fields: dict[str, str], body: dict[str, Any]
) -> None:
    response = await post(audio, sound=sound, **fields)
    assert response.json() == body
    assert response.status_code == (404 if "model" in fields else 400)
    assert response.headers["content-type"] == "application/json"


async def test_an_encoded_recording_too_long_or_too_short_is_said_in_the_same_words(audio: Served) -> None:
    long = await post(audio, sound=silent_mp3(1.01))
    assert long.json() == error(
        "audio duration over 3600 seconds is longer than 3600 seconds which is the maximum for this model",
        None,
        "invalid_value",
    )
    short = await post(audio, sound=written("flac", "flac", tone(0.05)))
    assert short.json()["error"]["code"] == "audio_too_short"


async def test_a_bad_language_is_refused_as_recorded(audio: Served, ear: Recogniser) -> None:
    recorded = entries("TranscriptionTests-BadTranscriptionRequest")[0]
    response = await post(audio, language="this should cause an error")
    assert (response.status_code, response.json()) == (recorded["StatusCode"], recorded["ResponseBody"])
    assert ear.asked == []


@pytest.mark.parametrize("name", ["timestamp_granularities", "timestamp_granularities[]"])
async def test_word_times_are_for_the_long_answer_only(audio: Served, name: str) -> None:
    response = await post(audio, **{name: ["word", "segment"]})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "timestamp_granularities"
    assert (await post(audio, **{name: "segment"})).status_code == 200


async def test_speakers_are_not_told_apart(audio: Served) -> None:
    for fields in ({"response_format": "diarized_json"}, {"model": "gpt-4o-transcribe-diarize"}):
        response = await post(audio, **fields)
        assert response.status_code == 400
        assert response.json()["error"]["code"] == "unsupported_value"


async def test_missing_parts_are_named(audio: Served) -> None:
    nothing = await audio.http.post(PATH, data={"model": WHISPER}, files={"other": b"x"})
    assert nothing.json() == error("Missing required parameter: 'file'.", "file", "missing_required_parameter")
    unnamed = await audio.http.post(PATH, files={"file": SOUND})
    assert unnamed.json() == error("Missing required parameter: 'model'.", "model", "missing_required_parameter")
    bare = await audio.http.post(PATH, json={"model": WHISPER})
    assert bare.json()["error"]["param"] == "input_audio"


@pytest.mark.parametrize("announced", [True, False])
async def test_a_recording_over_the_limit_is_413(audio: Served, announced: bool, ear: Recogniser) -> None:
    limit = 26_214_400
    head = b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\n"

    async def parts() -> AsyncIterator[bytes]:
        yield head
        for _ in range(limit // 65_536 + 20):
            yield bytes(65_536)

    length = len(head) + (limit // 65_536 + 20) * 65_536
    headers = {"content-type": "multipart/form-data; boundary=x"}
    if announced:
        headers["content-length"] = str(length)
    try:
        response = await audio.http.post(PATH, content=parts(), headers=headers)
    except OSError:  # pragma: no cover - the answer came first
        return
    body = response.json()
    assert response.status_code == 413
    assert body["error"]["message"].startswith(f"413: Maximum content size limit ({limit}) exceeded (")
    assert (body["error"]["type"], body["error"]["param"], body["error"]["code"]) == ("server_error", None, None)
    assert body["usage"] == DURATION
    assert ear.asked == []


@pytest.mark.parametrize("error", [Overloaded(3), RateLimited(3)], ids=["503", "429"])
async def test_a_full_engine_says_when_to_come_again_in_the_envelope_alone(tmp_path: Path, error: TryLater) -> None:
    def full(_pcm: Pcm, _ask: Hearing) -> list[Transcript]:
        raise error

    async with audio_server(tmp_path, models(hear=Recogniser(full))) as served:
        for stream in ("true", "false"):
            response = await post(served, GPT, stream=stream)
            assert (response.status_code, response.headers["retry-after"]) == (error.status, "3")
            assert list(response.json()) == ["error"]


async def test_a_late_error_ends_the_stream(tmp_path: Path) -> None:
    class Breaks(Recogniser):
        async def transcribe(self, audio: Any, ask: Hearing) -> Any:
            yield Transcript("Hello")
            raise EngineFailed

    async with audio_server(tmp_path, models(hear=Breaks())) as served:
        response = await post(served, GPT, stream="true")
        assert response.status_code == 200
        assert [list(json.loads(event.strip())) for event in events(response.text)] == [["type", "delta"], ["error"]]


@pytest.mark.parametrize("stream", ["true", "false"])
async def test_a_client_that_leaves_stops_the_work(tmp_path: Path, stream: str) -> None:
    stuck = Stuck("hear")
    async with audio_server(tmp_path, models(hear=stuck)) as served:
        asking = asyncio.create_task(post(served, GPT, stream=stream))
        await asyncio.wait_for(stuck.begun.wait(), 5)
        asking.cancel()
        await asyncio.wait_for(stuck.stopped.wait(), 5)
        stuck.go.set()


async def test_english_is_translated_by_writing_it_down(audio: Served, ear: Recogniser) -> None:
    response = await post(audio, path="/v1/audio/translations")
    assert response.json() == {"text": TEXT}
    assert ear.asked == [Hearing(translate=True, project=ANYONE)]
    long = (await post(audio, path="/audio/translations", response_format="verbose_json")).json()
    assert list(long) == ["task", "language", "duration", "text", "segments"]
    assert (long["task"], long["language"]) == ("translate", "english")


async def test_another_language_is_refused_by_an_engine_that_cannot_translate(tmp_path: Path) -> None:
    def german(pcm: Pcm, _ask: Hearing) -> list[Transcript]:
        return [Transcript("Guten Tag.", end_s=pcm.seconds, language="de")]

    async with audio_server(tmp_path, models(hear=Recogniser(german))) as served:
        response = await post(served, path="/v1/audio/translations")
        assert response.status_code == 400
        assert response.json()["error"]["code"] == "unsupported_value"
        assert (await post(served, response_format="verbose_json")).json()["language"] == "german"


async def test_strict_refuses_what_the_original_refuses(tmp_path: Path) -> None:
    async with audio_server(tmp_path, models(hear=Recogniser()), strict=True) as served:
        wrong = await post(served, GPT, response_format="srt")
        assert wrong.json()["error"]["message"] == (
            "response_format 'srt' is not compatible with model 'gpt-4o-mini-transcribe'. Use 'json' or 'text' instead."
        )
        assert (await post(served, language="en-US")).status_code == 400
        assert (await post(served, response_format="srt")).status_code == 200


@pytest.mark.parametrize("form", ["json", "text", "srt", "vtt", "verbose_json"])
async def test_the_official_client_reads_every_form(audio: Served, form: Any) -> None:
    granularities: Any = ["word", "segment"] if form == "verbose_json" else ["segment"]
    answer: Any = await audio.openai.audio.transcriptions.create(
        file=SOUND, model=WHISPER, response_format=form, timestamp_granularities=granularities, language="en"
    )
    assert TEXT in (answer if isinstance(answer, str) else answer.text)
    if form == "verbose_json":
        assert [word.word for word in answer.words] == ["Hello", "world", "this", "is", "a", "test"]
        assert answer.segments[0].text == f" {TEXT}"


async def test_the_official_client_reads_streams_and_logprobs(audio: Served) -> None:
    stream = await audio.openai.audio.transcriptions.create(
        file=SOUND,
        model=GPT,
        stream=True,
        include=["logprobs"],
        chunking_strategy={"type": "server_vad", "threshold": 0.4},
    )
    found = [event async for event in stream]
    assert [event.type for event in found] == ["transcript.text.delta", "transcript.text.done"]
    whole = await audio.openai.audio.transcriptions.create(file=SOUND, model=GPT, include=["logprobs"])
    assert whole.logprobs
    assert len(whole.logprobs) == 6


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the client's own, of its method
@pytest.mark.parametrize("form", ["json", "verbose_json"])
async def test_the_official_client_reads_translations(audio: Served, form: Any) -> None:
    translated: Any = await audio.openai.audio.translations.create(file=SOUND, model=WHISPER, response_format=form)
    assert translated.text == TEXT
