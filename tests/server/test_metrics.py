"""`/metrics` of a server: what requests and turns left behind, exactly, and nothing of what they said."""

import asyncio
import json
import re
from base64 import b64decode, b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.leaves import SECRET, Fails, Stuck
from tests.support.page import Page
from tests.support.schemas import events
from tests.support.serving import MODEL, Served, Serving, model
from tests.support.talking import line, post
from tests.support.waiting import until
from vivavoce.audio.wav import write_wav
from vivavoce.config import load
from vivavoce.core.admission import Door
from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.errors import EngineFailed, Overloaded
from vivavoce.core.load import Load
from vivavoce.core.models import Model
from vivavoce.core.speaking import Phrased
from vivavoce.core.watching import Watched
from vivavoce.server.service import Access
from vivavoce.telemetry.meters import CONTENT_TYPE, Meters
from vivavoce.testing import Hears, Says, Speaks
from vivavoce.testing.scripted import tone

CHAT = {"kind": "chat", "model": MODEL}
OF_CHAT = {"method": "POST", "route": "/chat/completions"}
KEY = {"authorization": "Bearer sk-one"}


def watched(meters: Meters, hear: Any = None, think: Any = None, speak: Any = None) -> Model:
    """Three engines as one model with ears and a voice of its own, each watched."""
    ear = Watched(hear or Hears("hello"), "ear", meters)
    brain = Watched(think or Says("Hello there. ", "Bye."), "brain", meters)
    voice = Watched(speak or Speaks(), "voice", meters)
    whole = model(hear=ear, think=brain, speak=voice)
    return replace(whole, transcriber=ear, speaker=Phrased(voice))


async def measured(serving: Serving, folder: Path, access: Access | None = None, **engines: Any) -> Served:
    meters = Meters()
    models = {MODEL: watched(meters, **engines)}
    return await serving(folder, models=models, watch=meters, meters=meters, access=access or Access())


async def page(served: Served, **headers: str) -> Page:
    answer = await served.http.get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == CONTENT_TYPE
    return Page(answer.text)


def recording(seconds: float = 1.0) -> dict[str, Any]:
    data = b64encode(write_wav(tone(seconds))).decode()
    return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}


async def test_a_spoken_turn_is_counted_exactly(serving: Serving, tmp_path: Path) -> None:
    served = await measured(serving, tmp_path)
    body = served.say(stream=True, messages=[{"role": "user", "content": [recording(1.5)]}])
    sent = json.dumps(body).encode()
    answer = await served.http.post("/v1/chat/completions", content=sent, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    deltas = [json.loads(data)["choices"][0]["delta"] for data in events(answer.text)[:-1]]
    said = b"".join(b64decode(delta.get("audio", {}).get("data", "")) for delta in deltas)
    found = await page(served)
    assert found["http_requests_total", {**OF_CHAT, "status": "200"}] == 1
    assert found["http_received_bytes_total", OF_CHAT] == len(sent)
    assert found["http_sent_bytes_total", OF_CHAT] == len(answer.content)
    assert found["http_request_seconds_count", OF_CHAT] == 1
    assert found["turns_total", {**CHAT, "outcome": "done"}] == 1
    assert found["active_turns", CHAT] == 0
    assert found["turn_seconds_count", CHAT] == 1
    assert found["first_audio_seconds_count", CHAT] == 1
    assert 0 < found["first_audio_seconds_sum", CHAT] <= found["turn_seconds_sum", CHAT]
    assert found["audio_seconds_total", {**CHAT, "direction": "in"}] == 1.5
    assert found["audio_seconds_total", {**CHAT, "direction": "out"}] == Pcm(said, SPOKEN_RATE).seconds > 0
    assert found["tokens_total", {**CHAT, "direction": "in", "of": "audio"}] == 15
    assert found["tokens_total", {**CHAT, "direction": "out", "of": "text"}] == 3
    for stage, engine in (("hear", "ear"), ("think", "brain")):
        assert found["stage_seconds_count", {"stage": stage, "engine": engine}] == 1
        assert found["engine_calls_total", {"stage": stage, "engine": engine, "outcome": "done"}] == 1
    assert found["stage_seconds_count", {"stage": "speak", "engine": "voice"}] >= 1


async def test_several_answers_are_turns_of_one_prompt(serving: Serving, tmp_path: Path) -> None:
    served = await measured(serving, tmp_path)
    answer = await served.post(messages=[{"role": "user", "content": [recording()]}], n=3)
    usage = answer.json()["usage"]
    found = await page(served)
    assert found["turns_total", {**CHAT, "outcome": "done"}] == 3
    assert found["audio_seconds_total", {**CHAT, "direction": "in"}] == 1
    tokens = {of: found["tokens_total", {**CHAT, "direction": "in", "of": of}] for of in ("text", "audio")}
    assert sum(tokens.values()) == usage["prompt_tokens"]
    assert found["tokens_total", {**CHAT, "direction": "out", "of": "text"}] == usage["completion_tokens"] == 9
    assert not found.of("first_audio_seconds_count")


async def test_reading_aloud_and_writing_down_are_counted(serving: Serving, tmp_path: Path) -> None:
    served = await measured(serving, tmp_path)
    asked = {"model": MODEL, "input": "Hello there.", "voice": "alloy", "response_format": "pcm"}
    for more in ({}, {"stream_format": "sse"}):
        assert (await served.http.post("/v1/audio/speech", json={**asked, **more})).status_code == 200
    for where in ("transcriptions", "translations"):
        sent = {"file": ("a.wav", write_wav(tone(2.0)), "audio/wav")}
        answer = await served.http.post(f"/v1/audio/{where}", data={"model": MODEL}, files=sent)
        assert answer.status_code == 200
    found = await page(served)
    speech = {"kind": "speech", "model": MODEL}
    assert found["turns_total", {**speech, "outcome": "done"}] == 2
    assert found["first_audio_seconds_count", speech] == 2
    assert found["audio_seconds_total", {**speech, "direction": "out"}] == pytest.approx(0.24, abs=0.1)
    assert found["tokens_total", {**speech, "direction": "in", "of": "text"}] == 6
    assert found["tokens_total", {**speech, "direction": "out", "of": "audio"}] == 6
    for kind in ("transcription", "translation"):
        of = {"kind": kind, "model": MODEL}
        assert found["turns_total", {**of, "outcome": "done"}] == 1
        assert found["audio_seconds_total", {**of, "direction": "in"}] == 2


@pytest.mark.parametrize(
    ("error", "outcome", "status"),
    [(EngineFailed(), "failed", "500"), (Overloaded(), "full", "503"), (ValueError(SECRET), "failed", "500")],
)
async def test_a_turn_that_fails_is_counted_by_how(
    serving: Serving, tmp_path: Path, error: Exception, outcome: str, status: str
) -> None:
    served = await measured(serving, tmp_path, think=Fails("prompt", error))
    assert str((await served.post(messages=[{"role": "user", "content": "Hi"}])).status_code) == status
    found = await page(served)
    assert found["turns_total", {**CHAT, "outcome": outcome}] == 1
    assert found["engine_calls_total", {"stage": "think", "engine": "brain", "outcome": outcome}] == 1
    assert found["http_requests_total", {**OF_CHAT, "status": status}] == 1
    assert found["active_turns", CHAT] == 0
    assert not found.of("turn_seconds_count")
    assert not found.of("stage_seconds_count")


async def test_a_model_has_one_label_by_whichever_name_it_was_asked(serving: Serving, tmp_path: Path) -> None:
    meters = Meters()
    asked_of = watched(meters)
    models = {MODEL: asked_of, asked_of.snapshot: asked_of}
    served = await serving(tmp_path, models=models, watch=meters, meters=meters)
    asked = {"model": asked_of.snapshot, "input": "Hello there.", "voice": "alloy", "response_format": "pcm"}
    assert (await served.http.post("/v1/audio/speech", json=asked)).status_code == 200
    sent = {"file": ("a.wav", write_wav(tone(2.0)), "audio/wav")}
    answer = await served.http.post("/v1/audio/transcriptions", data={"model": asked_of.snapshot}, files=sent)
    assert answer.status_code == 200
    assert (await served.http.post("/v1/chat/completions", json=served.say(model=asked_of.snapshot))).status_code == 200
    found = await page(served)
    for kind in ("chat", "speech", "transcription"):
        assert found["turns_total", {"kind": kind, "model": MODEL, "outcome": "done"}] == 1


async def test_whoever_is_not_let_in_is_counted_as_turned_away(serving: Serving, tmp_path: Path) -> None:
    meters, door, hear, think, speak = Meters(), Door(0.0), Load(), Load(), Load()
    speak.called(took_s=1.0, sound_s=1.0)  # it speaks to one at a time
    hear.busy = 1
    asked_of = replace(watched(meters), loads={"hear": [hear], "think": [think], "speak": [speak]})
    served = await serving(tmp_path, models={MODEL: asked_of}, watch=meters, meters=meters, door=door)
    async with door.turn("", asked_of.needs("think", "speak")):
        assert (await served.post(messages=[{"role": "user", "content": "Hi"}])).status_code == 503
        asked = {"model": MODEL, "input": "Hello there.", "voice": "alloy", "response_format": "pcm"}
        assert (await served.http.post("/v1/audio/speech", json=asked)).status_code == 503
        for where in ("transcriptions", "translations"):
            sent = {"file": ("a.wav", write_wav(tone(2.0)), "audio/wav")}
            answer = await served.http.post(f"/v1/audio/{where}", data={"model": MODEL}, files=sent)
            assert answer.status_code == 503
    found = await page(served)
    for kind in ("chat", "speech", "transcription", "translation"):
        of = {"kind": kind, "model": MODEL}
        assert found["turns_total", {**of, "outcome": "full"}] == 1
        assert found["active_turns", of] == 0
    assert not found.of("turn_seconds_count")


async def test_how_long_a_turn_waited_at_the_door_is_told_when_it_is_in(serving: Serving, tmp_path: Path) -> None:
    meters, door, speak = Meters(), Door(30.0), Load()
    speak.called(took_s=1.0, sound_s=1.0)
    asked_of = replace(watched(meters), loads={"speak": [speak]})
    served = await serving(tmp_path, models={MODEL: asked_of}, watch=meters, meters=meters, door=door)
    asked = {"model": MODEL, "input": "Hello there.", "voice": "alloy", "response_format": "pcm"}
    async with door.turn("", asked_of.needs("speak")):
        began = asyncio.get_running_loop().time()
        waiting = asyncio.create_task(served.http.post("/v1/audio/speech", json=asked))
        await until(lambda: door.waiting == 1)
        assert not (await page(served)).of("waiting_seconds_count")
        await asyncio.sleep(0.1)
    assert (await waiting).status_code == 200
    found, of = await page(served), {"kind": "speech", "model": MODEL}
    assert found["waiting_seconds_count", of] == 1
    assert 0.1 <= found["waiting_seconds_sum", of] <= asyncio.get_running_loop().time() - began


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_has_left(serving: Serving, tmp_path: Path, stream: bool) -> None:
    stuck = Stuck("think")
    served = await measured(serving, tmp_path, think=stuck)
    body = json.dumps(served.say(stream=stream)).encode()
    async with line(served.port) as client:
        await client.say(post("/v1/chat/completions", body))
        await stuck.begun.wait()
        assert (await page(served))["active_turns", CHAT] == 1
    await stuck.stopped.wait()
    counted = ("POST", "/chat/completions", "200" if stream else "left")
    found = await page(served)
    async with asyncio.timeout(5):
        while counted not in found.of("http_requests_total"):
            await asyncio.sleep(0.005)
            found = await page(served)
    assert found["turns_total", {**CHAT, "outcome": "left"}] == 1
    assert found["active_turns", CHAT] == 0
    assert found["engine_calls_total", {"stage": "think", "engine": "brain", "outcome": "left"}] == 1


ODD = [
    "zzsecret",
    'zz"quoted"',
    "zz\\back\nline",
    "zz😀",
    "zz{label=1}",
    "zz" + "x" * 200,
    "zz/../v1",
    "zz%2f%00",
    "zz é",
]


async def test_nothing_that_a_client_sends_is_in_a_label_or_a_name(serving: Serving, tmp_path: Path) -> None:
    """Odd strings in every place there is: paths, methods, queries, headers, models, words, voices, keys."""
    served = await measured(serving, tmp_path)
    before = await page(served)
    for odd in ODD:
        quoted = f"/{quote(odd, safe='/%')}"
        marked = {"authorization": f"Bearer {odd.encode().hex()}zz", "x-client-request-id": "zz-mine"}
        await served.http.get(quoted, headers=marked)
        await served.http.get(f"/v1/models{quoted}", params={"zzquery": odd})
        await served.http.get(f"/v1/chat/completions{quoted}/messages", params={"after": odd})
        await served.http.post(
            "/v1/chat/completions", json={"model": odd, "messages": [{"role": "user", "content": odd}]}
        )
        await served.post(messages=[{"role": "user", "content": odd}], metadata={"zz": odd[:64]}, user=odd)
        await served.http.post("/v1/chat/completions", json=served.say(audio={"voice": odd, "format": "wav"}))
        await served.http.post("/v1/audio/speech", json={"model": odd, "input": odd, "voice": odd})
        await served.http.post(
            "/v1/audio/speech", json={"model": MODEL, "input": odd, "voice": "alloy", "response_format": "wav"}
        )
        sent: Any = {"file": (odd[:20].replace("\n", ""), b"zz no sound", "audio/wav")}
        await served.http.post("/v1/audio/transcriptions", data={"model": MODEL, "prompt": odd}, files=sent)
        await served.http.request("PROPFIND", "/v1/models", headers={"idempotency-key": "zz"})
    found = await page(served)
    labels = {value for sample in found.samples for value in sample.labels.values()}
    assert not [
        name for name in (*found.names, *labels) if "zz" in name.lower() or not re.fullmatch(r"[\w./{}+-]+", name)
    ]
    assert found["http_requests_total", {"method": "other", "route": "other", "status": "404"}] > 0
    assert found["http_requests_total", {"method": "other", "route": "/models", "status": "405"}] == len(ODD)
    assert found["http_requests_total", {"method": "GET", "route": "/models/{model}", "status": "404"}] > 0
    assert found.names - before.names <= {name for name in found.names if name.startswith("vivavoce_")}


async def test_what_is_refused_at_the_door_counts_where_it_knocked(serving: Serving, tmp_path: Path) -> None:
    served = await measured(serving, tmp_path, Access(("sk-one",), loopback=False))
    await served.post(messages=[])
    found = await page(served, **KEY)
    assert found["http_requests_total", {**OF_CHAT, "status": "401"}] == 1


async def test_the_page_takes_a_key_where_calls_do(serving: Serving, tmp_path: Path) -> None:
    served = await measured(serving, tmp_path, Access(("sk-one",), loopback=False))
    for path in ("/metrics", "/v1/metrics"):
        assert (await served.http.get(path)).status_code == 401
        assert (await served.http.get(path, headers=KEY)).status_code == 200


async def test_a_server_that_does_not_measure_has_no_page(serving: Serving) -> None:
    served = await serving()
    assert (await served.post(messages=[{"role": "user", "content": "Hi"}])).status_code == 200
    answer = await served.http.get("/metrics")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_measured")


async def test_the_configuration_says_whether_it_measures(tmp_path: Path) -> None:
    assert load(None).server.metrics
    (tmp_path / "my.toml").write_text("[server]\nmetrics = false\n")
    assert not load(tmp_path / "my.toml").server.metrics
