"""Every request leaves one row, however it ends: what it cost is what its answer says, or what came of it."""

import asyncio
import base64
import errno
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection, Row
from sqlalchemy.exc import OperationalError

from tests.support import audio
from tests.support.entries import rows
from tests.support.leaves import SECRET, Fails, Stuck
from tests.support.schemas import events
from tests.support.serving import MODEL, Served, Serving, model
from tests.support.waiting import until
from vivavoce.account.prices import usd
from vivavoce.audio.wav import write_wav
from vivavoce.core.errors import BadRequest, EngineFailed, Overloaded
from vivavoce.core.models import Model, Price
from vivavoce.core.turn import Usage
from vivavoce.server.service import Access
from vivavoce.testing import Calls, Hears, Says, Speaks
from vivavoce.testing.scripted import tone

CHAT = "/v1/chat/completions"
MINI = Price(Decimal("0.15"), Decimal("0.6"), Decimal(10), Decimal(20))
DATED = f"{MODEL}-2024-12-17"
RECORDING = base64.b64encode(write_wav(tone(1.25))).decode()
HEARD: list[Any] = [
    {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": RECORDING, "format": "wav"}}]}
]
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def priced(**engines: Any) -> dict[str, Model]:
    return {MODEL: replace(model(**engines), price=MINI)}


def spent(row: Row[Any]) -> Decimal:
    return usd(row.cost_in + row.cost_out)


def assert_agree(row: Row[Any], usage: dict[str, Any]) -> None:
    """The row holds what the client was told, and what that costs."""
    read, made = usage["prompt_tokens_details"], usage["completion_tokens_details"]
    assert (row.text_in, row.audio_in, row.cached) == (
        read["text_tokens"],
        read["audio_tokens"],
        read["cached_tokens"],
    )
    assert (row.text_out, row.audio_out, row.reasoning) == (
        made["text_tokens"] + made["reasoning_tokens"],
        made["audio_tokens"],
        made["reasoning_tokens"],
    )
    tokens = (row.text_in, row.text_out, row.audio_in, row.audio_out)
    assert row.price == "0.15/0.6/10/20"
    dollars = [Decimal(price) for price in row.price.split("/")]
    assert spent(row) * 1_000_000 == sum(count * price for count, price in zip(tokens, dollars, strict=True))


def reported(response: httpx2.Response) -> dict[str, Any]:
    """The usage that an answer tells, whole or streamed."""
    if not response.headers["content-type"].startswith("text/event-stream"):
        return response.json()["usage"]
    chunks = [json.loads(data) for data in events(response.text) if data != "[DONE]"]
    return next(chunk["usage"] for chunk in chunks if chunk.get("usage"))


@STREAM
@pytest.mark.parametrize("spoken", [False, True], ids=["written", "spoken"])
async def test_a_row_says_what_its_answer_says(serving: Serving, stream: bool, spoken: bool) -> None:
    served = await serving(models=priced())
    body = served.say(stream=stream, messages=HEARD, stream_options={"include_usage": True} if stream else None)
    if not spoken:
        del body["audio"], body["modalities"]
    response = await served.http.post(CHAT, json=body)
    (row,) = await rows(served)
    assert_agree(row, reported(response))
    assert (row.request, row.kind, row.alias, row.model) == (response.headers["x-request-id"], "chat", MODEL, DATED)
    assert (row.status, row.http, row.project, row.key) == ("completed", 200, "default", None)
    assert row.heard_ms == 1250
    assert row.said_ms == (50 * row.audio_out if spoken else 0)
    assert (row.first_audio_ms is not None) == spoken
    assert 0 <= (row.first_audio_ms or 0) <= row.took_ms


@STREAM
async def test_several_answers_are_one_row_with_one_prompt(serving: Serving, stream: bool) -> None:
    served = await serving(models=priced())
    options = {"stream_options": {"include_usage": True}} if stream else {}
    response = await served.http.post(CHAT, json=served.say(stream=stream, n=3, **options))
    (row,) = await rows(served)
    assert_agree(row, reported(response))
    assert row.text_out == 3 * 3


async def test_an_earlier_answer_is_paid_for_as_it_was_said(serving: Serving) -> None:
    served = await serving(models=priced())
    first = await served.http.post(CHAT, json=served.say())
    said = first.json()["choices"][0]["message"]["audio"]["id"]
    again = served.say()
    again["messages"] += [{"role": "assistant", "audio": {"id": said}}, {"role": "user", "content": "And now?"}]
    second = await served.http.post(CHAT, json=again)
    before, after = await rows(served)
    assert_agree(after, second.json()["usage"])
    assert after.audio_in == before.audio_out > 0
    assert after.heard_ms == 0


class Remembers(Says):
    """Has read some of its prompt before."""

    async def generate(self, turn: Any) -> Any:
        async for event in super().generate(turn):
            yield replace(event, usage=replace(event.usage, cached=5)) if hasattr(event, "usage") else event


async def test_cached_tokens_are_told_apart_and_cost_the_same(serving: Serving) -> None:
    served = await serving(models=priced(think=Remembers("Hi.")))
    response = await served.post(messages=[{"role": "user", "content": "Hello"}])
    (row,) = await rows(served)
    assert_agree(row, response.json()["usage"])
    assert 0 < row.cached <= row.text_in


@STREAM
async def test_calls_are_paid_for(serving: Serving, stream: bool) -> None:
    served = await serving(models=priced(think=Calls(("weather", '{"city": "Paris"}'))))
    tool = {"type": "function", "function": {"name": "weather"}}
    options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    response = await served.post(messages=[{"role": "user", "content": "Hi"}], tools=[tool], **options)
    (row,) = await rows(served)
    assert_agree(row, reported(response))
    assert row.text_out > 0


async def test_a_client_that_leaves_pays_for_what_was_sent(serving: Serving) -> None:
    stuck = Stuck("speak")
    served = await serving(models=priced(think=stuck, speak=stuck))
    got = b""
    body = served.say(stream=True, messages=HEARD)
    async with served.http.stream("POST", CHAT, json=body) as answer:
        async with asyncio.timeout(5):
            async for line in answer.aiter_lines():
                if line.startswith("data: {") and (told := json.loads(line[6:])["choices"]):
                    got += base64.b64decode(told[0]["delta"].get("audio", {}).get("data", ""))
                if got:
                    break
    await until(lambda: not served.server.server_state.tasks)
    (row,) = await rows(served)
    assert (row.status, row.http) == ("cancelled", 200)
    assert row.audio_out == 10
    assert row.said_ms == round(len(got) / 48)
    assert 2 <= row.text_out <= 5
    assert (row.audio_in, row.heard_ms) == (12, 1250)
    assert row.text_in == 11
    assert spent(row) * 1_000_000 == 11 * MINI.text_in + 12 * 10 + row.text_out * MINI.text_out + 10 * 20


@STREAM
@pytest.mark.parametrize("stage", ["hear", "prompt"])
async def test_a_client_that_leaves_before_the_first_word_pays_for_its_prompt(
    serving: Serving, stage: str, stream: bool
) -> None:
    stuck = Stuck(stage)
    served = await serving(models=priced(hear=stuck, think=stuck))
    asking = asyncio.create_task(served.http.post(CHAT, json=served.say(stream=stream, messages=HEARD)))
    await asyncio.wait_for(stuck.begun.wait(), 5)
    asking.cancel()
    await asyncio.wait_for(stuck.stopped.wait(), 5)
    await until(lambda: not served.server.server_state.tasks)
    (row,) = await rows(served)
    assert (row.status, row.http) == ("cancelled", 0)
    assert (row.text_in, row.audio_in, row.text_out, row.audio_out) == (11, 12, 0, 0)


@STREAM
async def test_an_engine_that_dies_mid_answer_is_paid_for_what_it_gave(serving: Serving, stream: bool) -> None:
    served = await serving(models=priced(think=Fails("think", EngineFailed("Gone."))))
    response = await served.post(messages=[{"role": "user", "content": "Hi"}], stream=stream)
    (row,) = await rows(served)
    assert (row.status, row.http) == ("failed", response.status_code)
    assert row.text_out == 5
    assert row.text_in > 0


@pytest.mark.parametrize(
    ("error", "status", "http"),
    [
        (EngineFailed("Gone."), "failed", 500),
        (RuntimeError(SECRET), "failed", 500),
        (Overloaded(), "refused", 503),
        (BadRequest("No."), "refused", 400),
    ],
)
async def test_what_came_to_nothing_costs_nothing(serving: Serving, error: Exception, status: str, http: int) -> None:
    served = await serving(models=priced(think=Fails("prompt", error)))
    sound = {"data": base64.b64encode(write_wav(tone(1.25))).decode(), "format": "wav"}
    messages = [{"role": "user", "content": [{"type": "input_audio", "input_audio": sound}]}]
    response = await served.http.post(CHAT, json=served.say(messages=messages))
    assert response.status_code == http
    (row,) = await rows(served)
    assert (row.status, row.http) == (status, http)
    assert (row.text_in, row.audio_in, row.heard_ms, row.text_out, row.cost_in, row.cost_out) == (0, 0, 0, 0, 0, 0)


async def test_what_was_refused_has_a_row_and_who_may_not_come_in_has_none(serving: Serving) -> None:
    served = await serving(models=priced(), access=Access(keys=("sk-one",)))
    key = {"authorization": "Bearer sk-one"}
    assert (await served.http.post(CHAT, json={})).status_code == 401
    assert (await served.http.post(CHAT, json={}, headers=key)).status_code == 400
    assert (await served.http.post(CHAT, json=served.say() | {"model": "gpt-9"}, headers=key)).status_code == 404
    assert (await served.http.get("/v1/models", headers=key)).status_code == 200
    found = await rows(served)
    assert [(row.status, row.http, row.model) for row in found] == [("refused", 400, ""), ("refused", 404, "")]
    assert len({row.key for row in found}) == 1
    assert all(row.key and "sk-one" not in row.key for row in found)


async def test_an_answer_given_again_is_paid_for_once(serving: Serving) -> None:
    served = await serving(models=priced())
    first, again = [await served.http.post(CHAT, json=served.say(), headers={"idempotency-key": "k"}) for _ in "ab"]
    assert again.content == first.content
    assert len(await rows(served)) == 1


async def test_a_model_without_a_price_costs_nothing(serving: Serving) -> None:
    served = await serving()
    await served.http.post(CHAT, json=served.say())
    (row,) = await rows(served)
    assert (row.price, row.cost_in, row.cost_out) == ("", 0, 0)
    assert row.audio_out > 0


@pytest.fixture
async def sounding(tmp_path: Path) -> AsyncIterator[Served]:
    known = {name: replace(each, price=MINI) for name, each in audio.models(hear=Hears("hello world")).items()}
    async with audio.audio_server(tmp_path, known, media=audio.OwnMedia()) as served:
        yield served


@pytest.mark.parametrize("form", ["pcm", "mp3"])
@pytest.mark.parametrize("stream_format", ["audio", "sse"])
async def test_what_is_read_aloud_has_its_row(sounding: Served, form: str, stream_format: str) -> None:
    body = {"model": "gpt-4o-mini-tts", "input": "Hello there.", "voice": "alloy", "response_format": form}
    await sounding.http.post("/v1/audio/speech", json=body | {"stream_format": stream_format})
    (row,) = await rows(sounding)
    assert (row.kind, row.status, row.alias, row.characters) == ("speech", "completed", "gpt-4o-mini-tts", 12)
    assert (row.text_in, row.audio_out, row.said_ms) == (3, 3, 120)
    assert row.first_audio_ms is not None
    assert spent(row) * 1_000_000 == 3 * MINI.text_in + 3 * 20


async def test_who_leaves_while_it_is_read_pays_for_what_was_said(serving: Serving) -> None:
    stuck = Stuck("speak")
    served = await serving(models=audio.models(speak=stuck))
    body = {"model": "tts-1", "input": "Hello there. And more.", "voice": "alloy", "response_format": "pcm"}
    async with served.http.stream("POST", "/v1/audio/speech", json=body) as answer:
        got = await anext(answer.aiter_raw())
    await until(lambda: not served.server.server_state.tasks)
    (row,) = await rows(served)
    assert (row.kind, row.status, row.said_ms) == ("speech", "cancelled", round(len(got) / 48))
    assert (row.audio_out, row.text_in) == (10, 6)
    assert row.characters < len("Hello there. And more.")


@pytest.mark.parametrize(
    ("path", "name", "kind"),
    [
        ("/v1/audio/transcriptions", "gpt-4o-mini-transcribe", "transcription"),
        ("/v1/audio/transcriptions", "whisper-1", "transcription"),
        ("/audio/translations", "whisper-1", "translation"),
    ],
)
async def test_what_is_written_down_has_its_row(sounding: Served, path: str, name: str, kind: str) -> None:
    file = {"file": ("a.wav", write_wav(tone(2.5)), "audio/wav")}
    response = await sounding.http.post(path, data={"model": name, "prompt": "a b"}, files=file)
    (row,) = await rows(sounding)
    assert (row.kind, row.status, row.http, row.alias) == (kind, "completed", 200, name)
    assert (row.text_in, row.audio_in, row.text_out, row.heard_ms) == (2, 25, 2 + 2, 2500)
    usage = response.json().get("usage", {})
    if usage.get("type") == "tokens":
        assert usage["total_tokens"] == row.text_in + row.audio_in + row.text_out


async def test_a_streamed_transcription_has_its_row_and_a_bad_one_costs_nothing(sounding: Served) -> None:
    form = {"model": "gpt-4o-mini-transcribe", "stream": "true"}
    await sounding.http.post(
        "/v1/audio/transcriptions", data=form, files={"file": ("a.wav", write_wav(tone(2.5)), "audio/wav")}
    )
    await sounding.http.post("/v1/audio/transcriptions", data=form, files={"file": ("a.wav", b"no sound")})
    good, bad = await rows(sounding)
    assert (good.status, good.text_out) == ("completed", 4)
    assert (bad.status, bad.http, bad.audio_in, bad.cost_in) == ("refused", 400, 0, 0)


def unwritable(connection: Connection, entries: object) -> None:
    del connection, entries
    raise OperationalError("insert", {}, Exception(SECRET))


@STREAM
@pytest.mark.parametrize("spoken", [False, True], ids=["written", "spoken"])
async def test_no_answer_is_given_whole_that_cannot_be_recorded(
    serving: Serving, stream: bool, spoken: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serving(models=priced())
    monkeypatch.setattr("vivavoce.store.answers.append", unwritable)
    monkeypatch.setattr(served.service.ledger._rows, "_write", unwritable)
    body = served.say(stream=stream)
    if not spoken:
        del body["audio"], body["modalities"]
    response = await served.http.post(CHAT, json=body)
    assert response.status_code == (200 if stream else 503)
    assert '"not_recorded"' in response.text
    assert "[DONE]" not in response.text
    assert '"finish_reason":"stop"' not in response.text or not spoken
    assert SECRET not in caplog.text + response.text
    assert "could not be recorded: OperationalError" in caplog.text


async def test_nothing_that_anybody_said_is_in_the_ledger(serving: Serving, tmp_path: Path) -> None:
    served = await serving(models=priced(hear=Hears(SECRET), think=Says(SECRET)))
    await served.http.post(CHAT, json=served.say(messages=HEARD, text=SECRET))
    (row,) = await rows(served)
    assert SECRET not in str(row)


async def test_the_sum_of_rows_is_the_sum_of_what_clients_were_told(serving: Serving) -> None:
    served = await serving(models=priced(speak=Speaks(3)))
    bodies = [served.say(text="word " * count, n=1 + count % 3) for count in range(1, 21)]
    answers = await asyncio.gather(*(served.http.post(CHAT, json=body) for body in bodies))
    told = [answer.json()["usage"] for answer in answers]
    found = await rows(served)
    assert len({row.request for row in found}) == len(answers)
    total = Usage(
        *(sum(getattr(row, name) for row in found) for name in ("text_in", "audio_in", "text_out", "audio_out"))
    )
    assert total.text_in + total.audio_in == sum(usage["prompt_tokens"] for usage in told)
    assert total.text_out + total.audio_out == sum(usage["completion_tokens"] for usage in told)


async def test_a_stream_that_finds_no_place_half_way_is_paid_for_what_was_sent(serving: Serving) -> None:
    served = await serving(models=priced(think=Fails("think", Overloaded())))
    response = await served.post(messages=[{"role": "user", "content": "Hi"}], stream=True)
    assert response.status_code == 200
    (row,) = await rows(served)
    assert (row.status, row.http, row.text_out) == ("failed", 200, 5)
    assert row.text_in > 0


@STREAM
async def test_an_answer_whose_sound_cannot_be_kept_is_in_no_row_as_given(
    serving: Serving, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    served = await serving(models=priced())
    monkeypatch.setattr("vivavoce.store.segments._write", full)
    response = await served.http.post(CHAT, json=served.say(stream=stream))
    assert response.status_code == (200 if stream else 503)
    assert '"not_recorded"' in response.text
    (row,) = await rows(served)
    assert (row.status, row.http) == (("failed", 200) if stream else ("refused", 503))
    assert (row.audio_out > 0) == stream


@STREAM
async def test_an_answer_that_cannot_be_stored_as_was_asked_is_in_no_row_as_given(
    serving: Serving, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise OperationalError("insert", {}, Exception(SECRET))

    served = await serving(models=priced())
    monkeypatch.setattr(served.service.completions, "keep", full)
    response = await served.http.post(CHAT, json=served.say(stream=stream, store=True))
    assert "[DONE]" not in response.text
    (row,) = await rows(served)
    assert (row.status, row.http) == ("failed", response.status_code)
    monkeypatch.undo()
    await served.http.post(CHAT, json=served.say(stream=stream, store=True))
    assert [row.status for row in await rows(served)] == ["failed", "completed"]
