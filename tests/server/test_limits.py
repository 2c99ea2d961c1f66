"""Limits as clients meet them: who is let in, what they are told, and what official clients make of it."""

import asyncio
import base64
import hashlib
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI, RateLimitError
from sqlalchemy.exc import OperationalError

from tests.support.leaves import Fails, Stuck
from tests.support.serving import MODEL, Served, Serving, model
from vivavoce.account.budgets import Budget
from vivavoce.account.counters import InMemory
from vivavoce.account.limits import Limits, NoHistory
from vivavoce.account.rules import Rules
from vivavoce.account.tiers import TIERS, Tier
from vivavoce.audio.wav import read_wav, write_wav
from vivavoce.core.errors import EngineFailed, Overloaded
from vivavoce.core.models import Model, Price
from vivavoce.server.app import create_app
from vivavoce.server.service import Access
from vivavoce.store.ledger import Wanted
from vivavoce.testing import Hears, Says, Speaks
from vivavoce.testing.scripted import tone

KEY = "a-key-of-a-test"
MINI = Price(Decimal("0.15"), Decimal("0.60"), Decimal(10), Decimal(20))
CHAT = "/v1/chat/completions"
DOLLAR = 10**12
"""In the ledger's units."""
NAMES = ("limit", "remaining", "reset")


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def project() -> str:
    return f"key-{hashlib.sha256(KEY.encode()).hexdigest()[:32]}"


def held(clock: Clock, *tiers: Tier, budgets: dict[str, Budget] | None = None) -> dict[str, Any]:
    """Options of a server whose one key has the first of these tiers, or none."""
    rules = Rules(tiers or TIERS, tiers[0].name if tiers else None, budgets or {})
    limits = Limits(rules, InMemory(clock), NoHistory(), lambda: 1_793_491_200.0)
    return {"access": Access((KEY,)), "limits": limits}


def priced(think: Any = None, speech_ms: float = 10) -> dict[str, Model]:
    made = model(think=think, speak=Speaks(speech_ms))
    return {MODEL: Model(MODEL, MODEL, made.responder, made.card, price=MINI)}


async def chat(served: Served, **body: Any) -> httpx2.Response:
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], **body}
    return await served.http.post(CHAT, json=asked, headers={"authorization": f"Bearer {KEY}"})


def limits_in(response: httpx2.Response, kind: str) -> list[str | None]:
    return [response.headers.get(f"x-ratelimit-{name}-{kind}") for name in NAMES]


async def ask(app: Any, body: dict[str, Any]) -> tuple[int, str]:
    """The status and the body of an answer by an application, without a socket between."""
    sent: list[Any] = []
    came = [{"type": "http.request", "body": json.dumps(body).encode()}]

    async def receive() -> Any:
        return came.pop() if came else await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [
        (b"host", b"localhost"),
        (b"content-type", b"application/json"),
        (b"authorization", f"Bearer {KEY}".encode()),
    ]
    scope = {"type": "http", "method": "POST", "path": CHAT, "query_string": b"", "headers": headers}
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message["body"] for message in sent[1:]).decode()


async def test_of_fifty_times_eighty_requests_a_hundred_a_minute_are_let_in(serving: Serving, clock: Clock) -> None:
    served = await serving(**held(clock, Tier("own", rpm=100)))
    app, body = create_app(served.service), {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}

    async def eighty() -> list[int]:
        return [(await ask(app, body))[0] for _ in range(80)]

    statuses = [status for each in await asyncio.gather(*[eighty() for _ in range(50)]) for status in each]
    assert {status: statuses.count(status) for status in set(statuses)} == {200: 100, 429: 3_900}
    clock.seconds += 0.601
    assert [(await ask(app, body))[0] for _ in range(2)] == [200, 429]


async def test_a_budget_is_used_and_not_passed_by_fifty_calls_at_once(
    serving: Serving, clock: Clock, project: str
) -> None:
    words = "This is an answer that takes about ten seconds, if it is said aloud and in whole. " * 2
    models = priced(Says(*words.split(" ")), speech_ms=65)  # of about $0.004
    served = await serving(models=models, **held(clock, budgets={project: Budget(Decimal("0.05"))}))
    app = create_app(served.service)
    answers = await asyncio.gather(*[ask(app, served.say(stream=bool(number % 2))) for number in range(50)])
    (summed,) = await served.service.ledger.sums(Wanted())
    spent = summed.cost_in + summed.cost_out
    assert 0.045 * DOLLAR <= spent <= 0.05 * DOLLAR
    assert {status for status, _ in answers} <= {200, 429}
    assert any('"finish_reason":"length"' in text for _, text in answers)
    status, text = await ask(app, served.say())
    assert (status, json.loads(text)["error"]["code"]) == (429, "insufficient_quota")


@pytest.mark.parametrize(("usd", "seconds"), [("0.0022", 5.5), ("0.0030", 7.5)])
@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_money_runs_out_on_ends_with_length_and_on_a_whole_frame(
    serving: Serving, clock: Clock, project: str, usd: str, seconds: float, *, stream: bool
) -> None:
    models = priced(Says(*("word " * 60).split(" ")), speech_ms=65)
    served = await serving(models=models, **held(clock, budgets={project: Budget(Decimal(usd))}))
    response = await chat(served, **served.say(stream=stream, stream_options={"include_usage": True}))
    if stream:
        chunks = [json.loads(line[6:]) for line in response.text.split("\n\n") if line.startswith("data: {")]
        choices = [choice for chunk in chunks for choice in chunk["choices"]]
        assert [each["finish_reason"] for each in choices if each["finish_reason"]] == ["length"]
        sounds = "".join((each["delta"].get("audio") or {}).get("data") or "" for each in choices)
        samples, used = len(base64.b64decode(sounds)) // 2, chunks[-1]["usage"]
    else:
        (choice,) = response.json()["choices"]
        assert choice["finish_reason"] == "length"
        sound = read_wav(base64.b64decode(choice["message"]["audio"]["data"]))
        assert sound
        samples, used = sound.samples, response.json()["usage"]
    assert samples % 1200 == 0
    assert seconds - 0.4 < samples / 24_000 <= seconds
    assert used["completion_tokens_details"]["audio_tokens"] == samples // 1200
    (summed,) = await served.service.ledger.sums(Wanted())
    assert summed.audio_out == samples // 1200
    assert float(usd) * 0.97 * DOLLAR < summed.cost_in + summed.cost_out <= float(usd) * DOLLAR


async def test_a_text_that_money_runs_out_on_ends_with_length(serving: Serving, clock: Clock, project: str) -> None:
    models = priced(Says(*["word "] * 3_000))
    served = await serving(models=models, **held(clock, budgets={project: Budget(Decimal("0.0006"))}))
    answer = (await chat(served)).json()
    assert answer["choices"][0]["finish_reason"] == "length"
    assert 950 < answer["usage"]["completion_tokens"] < 1_000
    assert answer["choices"][0]["message"]["content"] == "word " * answer["usage"]["completion_tokens"]


async def test_an_answer_that_is_paid_for_is_as_it_would_be(
    serving: Serving, clock: Clock, project: str, tmp_path: Path
) -> None:
    plain = await serving(models=priced())
    whole = (await plain.post(**plain.say())).json()
    served = await serving(tmp_path / "other", models=priced(), **held(clock, budgets={project: Budget(Decimal(1))}))
    paid = (await chat(served, **served.say())).json()
    for answer in (whole, paid):
        for key in ("id", "created"):
            answer.pop(key)
        answer["choices"][0]["message"]["audio"] |= {"id": "", "expires_at": 0}
    assert paid == whole


async def test_speech_that_money_runs_out_on_ends(serving: Serving, clock: Clock, project: str) -> None:
    served = await serving(models=priced(speech_ms=65), **held(clock, budgets={project: Budget(Decimal("0.003"))}))
    known = served.service.models[MODEL]
    speaker = known.responder._speak  # type: ignore[union-attr]
    served.service.models[MODEL] = Model(MODEL, MODEL, known.responder, known.card, speaker=speaker, price=MINI)  # type: ignore[index]
    asked = {"model": MODEL, "input": "One of many words. " * 20, "voice": "alloy", "response_format": "pcm"}
    response = await served.http.post("/v1/audio/speech", json=asked, headers={"authorization": f"Bearer {KEY}"})
    assert response.status_code == 200
    assert 7.0 < len(response.content) / 48_000 <= 7.5
    (summed,) = await served.service.ledger.sums(Wanted())
    assert summed.audio_out == len(response.content) / 2_400
    refused = await served.http.post("/v1/audio/speech", json=asked, headers={"authorization": f"Bearer {KEY}"})
    assert (refused.status_code, refused.headers["x-should-retry"]) == (429, "false")


async def test_a_recording_is_held_to_limits_by_its_length(serving: Serving, clock: Clock) -> None:
    served = await serving(**held(clock, Tier("own", rpm=10, tpm=100)))
    known = served.service.models[MODEL]
    served.service.models[MODEL] = Model(MODEL, MODEL, None, known.card, transcriber=Hears("two words"))  # type: ignore[index]

    async def transcribe(seconds: float) -> httpx2.Response:
        file = {"file": ("a.wav", write_wav(tone(seconds)))}
        headers = {"authorization": f"Bearer {KEY}"}
        return await served.http.post("/v1/audio/transcriptions", data={"model": MODEL}, files=file, headers=headers)

    first = await transcribe(4.0)
    assert first.status_code == 200
    assert limits_in(first, "requests") == ["10", "9", "6s"]
    assert limits_in(first, "tokens") == [None] * 3
    assert (await transcribe(10.5)).json()["error"]["message"].startswith(f"Request too large for {MODEL}")
    refused = await transcribe(9.0)
    assert (refused.status_code, refused.json()["error"]["type"]) == (429, "tokens")
    assert limits_in(refused, "requests") == ["10", "7", "18s"]
    clock.seconds += 60
    assert (await transcribe(9.0)).status_code == 200


async def test_headers_tell_how_far_limits_are_used_on_errors_too(serving: Serving, clock: Clock) -> None:
    served = await serving(**held(clock, Tier("own", rpm=500, rpd=10_000, tpm=40_000)))
    first = await chat(served)
    assert limits_in(first, "requests") == ["500", "499", "120ms"]
    assert limits_in(first, "tokens") == ["40000", "39992", "12ms"]
    streamed = await chat(served, stream=True, max_tokens=100)
    assert limits_in(streamed, "requests") == ["500", "498", "240ms"]
    named = [{"role": "assistant", "audio": {"id": "audio_none"}}, {"role": "user", "content": "?"}]
    refused = await chat(served, messages=named)
    assert refused.status_code == 400
    assert limits_in(refused, "requests") == ["500", "497", "360ms"]
    listed = await served.http.get("/v1/models", headers={"authorization": f"Bearer {KEY}"})
    unknown = await served.http.get("/v1/models")
    for other in (listed, unknown):
        assert limits_in(other, "requests") == limits_in(other, "tokens") == [None] * 3


@pytest.mark.parametrize("access", [Access(), Access((KEY,))])
async def test_where_nothing_limits_no_header_says_so(serving: Serving, access: Access) -> None:
    served = await serving(access=access)
    response = await chat(served)
    assert response.status_code == 200
    assert not [name for name in response.headers if name.startswith(("x-ratelimit", "retry"))]


async def test_who_comes_too_often_is_told_in_the_originals_words(serving: Serving, clock: Clock, project: str) -> None:
    served = await serving(**held(clock, Tier("own", rpm=3, rpd=200)))
    for _ in range(3):
        assert (await chat(served)).status_code == 200
    refused = await chat(served, stream=True)
    assert refused.status_code == 429
    assert refused.json()["error"] == {
        "message": f"Rate limit reached for {MODEL} in organization org-{project} on requests per min (RPM): Limit 3, "
        "Used 3, Requested 1. Please try again in 20s. Visit https://platform.openai.com/account/rate-limits to learn "
        "more.",
        "type": "requests",
        "param": None,
        "code": "rate_limit_exceeded",
    }
    assert (refused.headers["retry-after"], refused.headers["retry-after-ms"]) == ("20", "20000")
    assert limits_in(refused, "requests") == ["3", "0", "1m0s"]
    assert "x-should-retry" not in refused.headers


async def test_a_turn_that_is_over_has_made_room_before_its_end_is_read(serving: Serving, clock: Clock) -> None:
    served = await serving(**held(clock, Tier("own", turns=1)))
    for number in range(6):
        assert (await chat(served, stream=bool(number % 2))).status_code == 200


async def test_more_turns_at_once_than_allowed_are_refused_until_one_ends(serving: Serving, clock: Clock) -> None:
    stuck = Stuck("think")
    served = await serving(models={MODEL: model(think=stuck)}, **held(clock, Tier("own", turns=1)))
    first = asyncio.create_task(chat(served))
    await stuck.begun.wait()
    refused = await chat(served)
    assert refused.status_code == 429
    assert "on requests at once: Limit 1, Used 1, Requested 1. Visit" in refused.json()["error"]["message"]
    stuck.go.set()
    assert (await first).status_code == 200
    assert (await chat(served)).status_code == 200


async def test_a_client_that_leaves_frees_its_turn_and_its_request_counts(serving: Serving, clock: Clock) -> None:
    stuck = Stuck("think")
    served = await serving(models={MODEL: model(think=stuck)}, **held(clock, Tier("own", rpm=2, turns=1)))
    first = asyncio.create_task(chat(served))
    await stuck.begun.wait()
    first.cancel()
    await stuck.stopped.wait()
    stuck.go.set()
    second = await chat(served)
    while second.status_code == 429:  # the first is on its way out
        second = await chat(served)
    assert limits_in(second, "requests") == ["2", "0", "1m0s"]


async def test_what_failed_by_our_fault_is_not_counted(serving: Serving, clock: Clock) -> None:
    failing = {MODEL: model(think=Fails("prompt", EngineFailed()))}
    served = await serving(models=failing, **held(clock, Tier("own", rpm=2, tpm=1_000)))
    for _ in range(4):
        failed = await chat(served)
        assert failed.status_code == 500
        assert limits_in(failed, "requests") == ["2", "1", "30s"]


async def test_an_answer_that_was_not_given_for_want_of_its_row_is_not_paid_for(
    serving: Serving, clock: Clock, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = held(clock, Tier("own", rpm=3, tpm=1_000), budgets={project: Budget(Decimal("0.0001"))})
    served = await serving(models=priced(Says(*["word "] * 100)), **options)

    def unwritable(*_: object) -> None:
        raise OperationalError("insert", {}, Exception())

    with monkeypatch.context() as patch:
        patch.setattr(served.service.ledger._rows, "_write", unwritable)
        for _ in range(5):  # each of more than half of that money
            refused = await chat(served)
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "not_recorded")
    answer = await chat(served)
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["finish_reason"] == "stop"
    assert limits_in(answer, "requests") == ["3", "2", "20s"]


async def test_several_answers_take_the_tokens_that_each_may_have(serving: Serving, clock: Clock) -> None:
    served = await serving(**held(clock, Tier("own", rpm=100, tpm=4_000)))
    refused = await chat(served, n=8, max_tokens=1_000)
    assert (refused.status_code, refused.headers["x-should-retry"]) == (429, "false")
    assert refused.json()["error"]["message"].startswith("Request too large for")
    assert limits_in(refused, "tokens") == ["4000", "3999", "15ms"]
    assert limits_in(await chat(served, n=4, max_tokens=900), "tokens")[1] == str(4_000 - 3_600 - 8)
    # Nobody knows how long an answer without max_tokens will be: the next ones wait for it.
    served.service.models[MODEL] = model(think=Says(*["word "] * 6_000))  # type: ignore[index]
    clock.seconds += 60
    assert (await chat(served)).json()["usage"]["completion_tokens"] == 6_000
    waits = await chat(served)
    assert (waits.status_code, waits.json()["error"]["type"]) == (429, "tokens")
    assert float(waits.headers["retry-after"]) > 30


async def test_an_answer_that_is_given_again_is_not_counted_and_a_refusal_is_not_kept(
    serving: Serving, clock: Clock
) -> None:
    served = await serving(**held(clock, Tier("own", rpm=1)))
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}

    async def ask(key: str) -> httpx2.Response:
        headers = {"authorization": f"Bearer {KEY}", "idempotency-key": key}
        return await served.http.post(CHAT, json=asked, headers=headers)

    first = await ask("one")
    assert (first.status_code, (await ask("two")).status_code) == (200, 429)
    again = await ask("one")
    assert (again.status_code, again.headers["idempotent-replayed"], again.content) == (200, "true", first.content)
    clock.seconds += 60
    assert (await ask("two")).status_code == 200


async def test_a_model_by_another_name_is_the_same_model(serving: Serving, clock: Clock) -> None:
    alias = f"{MODEL}-2024-12-17"
    names = {name: replace(model(), name=name, limited_as=MODEL) for name in (MODEL, alias)}
    served = await serving(models=names, **held(clock, Tier("own", rpm=2)))
    answers = [await chat(served, model=name) for name in (*names, *names)]
    assert [each.status_code for each in answers] == [200, 200, 429, 429]


def official(served: Served, clock: Clock, waited: list[float]) -> AsyncOpenAI:
    """The official client, for which time passes as it waits."""

    class Client(AsyncOpenAI):
        async def _sleep_for_retry(self, **told: Any) -> None:
            headers = told["response"].headers if told.get("response") is not None else None
            seconds = self._calculate_retry_timeout(
                told["max_retries"] - told["retries_taken"], told["options"], headers
            )
            waited.append(seconds)
            clock.seconds += seconds

    return Client(base_url=f"{served.url}/v1", api_key=KEY, max_retries=2, timeout=10)


async def test_the_official_client_comes_back_when_it_was_told_to(serving: Serving, clock: Clock) -> None:
    served, waited = await serving(**held(clock, Tier("own", rpm=60))), list[float]()
    async with official(served, clock, waited) as client:
        for _ in range(62):
            answer = await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])
            assert answer.choices[0].message.content
    assert waited == [1.0, 1.0]
    sums = await served.service.ledger.sums(Wanted())
    assert (sums[0].requests, sums[0].refused) == (62, 2)


async def test_the_official_client_does_not_come_back_without_money(
    serving: Serving, clock: Clock, project: str
) -> None:
    options = held(clock, budgets={project: Budget(Decimal("0.000001"))})
    served, waited = await serving(models=priced(), **options), list[float]()
    async with official(served, clock, waited) as client:
        with pytest.raises(RateLimitError) as refused:
            await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])
    assert (refused.value.code, refused.value.type) == ("insufficient_quota", "insufficient_quota")
    assert waited == []
    (summed,) = await served.service.ledger.sums(Wanted())
    assert (summed.requests, summed.refused) == (0, 1)


async def test_where_the_machine_is_full_the_request_is_not_counted(serving: Serving, clock: Clock) -> None:
    full = {MODEL: model(think=Fails("prompt", Overloaded()))}
    served = await serving(models=full, **held(clock, Tier("own", rpm=2)))
    for _ in range(3):
        refused = await chat(served)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert limits_in(refused, "requests") == ["2", "1", "30s"]
