"""Lines of batches as requests: the same answers and errors, their caller as it is by now, their money, their row."""

import asyncio
import base64
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.entries import rows
from tests.support.leaves import Stuck
from tests.support.serving import MODEL, Served, Serving, model
from tests.support.waiting import until
from vivavoce.account.budgets import Budget
from vivavoce.account.counters import InMemory
from vivavoce.account.keys import KeyRing, Wish
from vivavoce.account.limits import Limits, NoHistory
from vivavoce.account.prices import usd
from vivavoce.account.rules import Rules
from vivavoce.account.tiers import Tier
from vivavoce.batches.running import Outcome
from vivavoce.core import background
from vivavoce.core.background import GaveWay
from vivavoce.core.models import Price
from vivavoce.core.speaking import Phrased
from vivavoce.server.app import create_app
from vivavoce.server.lines import Lines
from vivavoce.server.service import Access
from vivavoce.store import clock
from vivavoce.store.batches import Leased
from vivavoce.store.ledger import Entry
from vivavoce.telemetry.meters import Meters
from vivavoce.testing import Speaks

CHAT = "/v1/chat/completions"
MINI = Price(Decimal("0.15"), Decimal("0.6"), Decimal(10), Decimal(20))
HALF = Decimal("0.5")
SAYS: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}


def leased(body: Any = SAYS, *, endpoint: str = CHAT, key: str | None = None) -> Leased:
    data = json.dumps(body).encode()
    return Leased("batch_a", 1, "c1", endpoint, data, "default", key, MODEL, 7, 1, "req_" + 32 * "a")


def lines(served: Served) -> Lines:
    return Lines(create_app(served.service))


def said(outcome: Outcome) -> Any:
    return json.loads(outcome.body)


def entry_of(outcome: Outcome) -> Entry:
    assert outcome.line.entry is not None
    return outcome.line.entry


def limited(budget: str | None = None, tier: Tier | None = None) -> Limits:
    budgets = {"default": Budget(Decimal(budget))} if budget else {}
    tiers = (tier,) if tier else ()
    rules = Rules(tiers, tier.name if tier else None, budgets)
    return Limits(rules, InMemory(clock.running), NoHistory(), clock.now)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "QUIET_S", 0.0)


async def made(served: Served, **wish: Any) -> str:
    return (await served.service.keys.create(Wish("mine", "default", **wish))).key.id


async def test_a_line_is_answered_as_a_request_is_and_its_row_is_left_to_whoever_asks(serving: Serving) -> None:
    served = await serving(models={MODEL: replace(model(), price=MINI)}, batched=HALF)
    outcome = await lines(served).ask(leased(served.say()))
    assert outcome.status == 200
    assert said(outcome)["choices"][0]["message"]["audio"]["transcript"] == "Hello there. Bye."
    entry = entry_of(outcome)
    assert (entry.request, entry.batch, entry.status) == ("req_" + 32 * "a", "batch_a", "completed")
    assert await rows(served) == []
    told = said(outcome)["usage"]
    assert entry.text_in + entry.audio_in == told["prompt_tokens"]
    assert entry.text_out + entry.audio_out == told["completion_tokens"]
    answer = said(outcome)["choices"][0]["message"]["audio"]["id"]
    assert await served.service.answers.find(answer, "default") is not None


async def test_a_line_costs_its_part_of_the_price(serving: Serving) -> None:
    served = await serving(models={MODEL: replace(model(), price=MINI)}, batched=HALF, meta_usage=True)
    outcome = await lines(served).ask(leased(served.say()))
    await served.post(**served.say())
    (whole,) = await rows(served)
    half = entry_of(outcome)
    assert half.price == "0.075/0.3/5/10"
    assert (2 * half.cost_in, 2 * half.cost_out) == (whole.cost_in, whole.cost_out)
    assert said(outcome)["meta"]["usage"]["usd_spent"] == float(usd(half.cost_in + half.cost_out))


async def test_what_is_wrong_with_a_line_is_said_as_of_a_request(serving: Serving) -> None:
    served = await serving()
    outcome = await lines(served).ask(leased({"model": MODEL, "messages": []}))
    asked = await served.post(messages=[])
    assert (outcome.status, said(outcome)) == (asked.status_code, asked.json())
    assert entry_of(outcome).status == "refused"


async def test_sound_is_told_in_json(serving: Serving) -> None:
    served = await serving(models={MODEL: replace(model(), speaker=Phrased(Speaks()))})
    asked = {"model": MODEL, "input": "Hello", "voice": "alloy", "response_format": "wav"}
    outcome = await lines(served).ask(leased(asked, endpoint="/v1/audio/speech"))
    assert outcome.status == 200
    assert said(outcome)["content_type"] == "audio/wav"
    assert base64.b64decode(said(outcome)["audio"]).startswith(b"RIFF")


async def test_an_answer_that_is_larger_than_any_has_failed(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivavoce.server.lines.MOST_BYTES", 1000)
    served = await serving(models={MODEL: replace(model(), price=MINI)})
    outcome = await lines(served).ask(leased(served.say()))
    assert outcome.status == 400
    assert said(outcome)["error"]["code"] == "answer_too_large"
    assert entry_of(outcome).status == "refused"
    assert entry_of(outcome).cost_in + entry_of(outcome).cost_out == 0


async def test_a_key_that_has_ended_ends_its_lines(serving: Serving) -> None:
    served = await serving()
    ring: KeyRing = served.service.keys
    alive, over = await made(served), await made(served)
    await ring.revoke(over)
    app = lines(served)
    assert (await app.ask(leased(key=alive))).status == 200
    outcome = await app.ask(leased(key=over))
    assert outcome.status == 401
    assert said(outcome)["error"]["code"] == "invalid_api_key"
    assert over in said(outcome)["error"]["message"]
    assert outcome.line.entry is None
    assert (await app.ask(leased(key="key_that_never_was"))).status == 401
    assert (await app.ask(leased(key=None))).status == 401


async def test_a_key_of_the_configuration_is_known_again(serving: Serving, tmp_path: Path) -> None:
    served = await serving(access=Access(("sk-configured-1234567890",)))
    found = await served.service.callers().find("sk-configured-1234567890")
    assert (await lines(served).ask(leased(key=found.key_id))).status == 200
    without = await serving(tmp_path / "without")
    assert (await lines(without).ask(leased(key=found.key_id))).status == 401


async def test_a_key_may_use_no_more_models_than_it_may(serving: Serving) -> None:
    served = await serving()
    key = await made(served, models=["another"])
    outcome = await lines(served).ask(leased(key=key))
    assert outcome.status == 404
    assert said(outcome)["error"]["code"] == "model_not_found"


async def test_the_limits_of_a_minute_do_not_hold_for_lines(serving: Serving) -> None:
    served = await serving(limits=limited(tier=Tier("tight", rpm=1, rpd=1, tpm=1, turns=1)))
    key = await made(served)
    app = lines(served)
    outcomes = await asyncio.gather(*(app.ask(leased(key=key)) for _ in range(3)))
    assert [each.status for each in outcomes] == [200, 200, 200]


async def test_budgets_do_hold_and_are_charged_what_a_line_costs(serving: Serving) -> None:
    served = await serving(
        models={MODEL: replace(model(), price=MINI)}, limits=limited(budget="0.000001"), batched=HALF
    )
    key = await made(served)
    outcome = await lines(served).ask(leased(served.say(), key=key))
    assert outcome.status == 429
    assert said(outcome)["error"]["code"] == "insufficient_quota"
    assert entry_of(outcome).cost_in + entry_of(outcome).cost_out == 0


@pytest.mark.parametrize("given", [True, False])
async def test_a_budget_pays_for_what_a_batch_was_given(serving: Serving, given: bool) -> None:
    served = await serving(models={MODEL: replace(model(), price=MINI)}, limits=limited(budget="0.003"), batched=HALF)
    key, statuses = await made(served), set[int]()
    for _ in range(60):
        outcome = await lines(served).ask(leased(served.say(), key=key))
        statuses.add(outcome.status)
        await outcome.line.settle(given=given)
    assert statuses == ({200, 429} if given else {200})


async def test_a_line_gives_way_and_owes_nothing(serving: Serving) -> None:
    stuck = Stuck("prompt")
    served = await serving(models={MODEL: replace(model(think=stuck), price=MINI)})
    asking = asyncio.create_task(lines(served).ask(leased()))
    await stuck.begun.wait()
    served.service.door.background.somebody_came()
    outcome = await asking
    assert outcome.status == 503
    assert isinstance(outcome.line.error, GaveWay)
    assert entry_of(outcome).cost_in + entry_of(outcome).cost_out == 0
    await until(lambda: served.service.door.background.inside == 0)
    served.service.door.background.somebody_left()


async def test_whoever_stops_asking_stops_the_work(serving: Serving) -> None:
    stuck = Stuck("prompt")
    served = await serving(models={MODEL: model(think=stuck)})
    asking = asyncio.create_task(lines(served).ask(leased()))
    await stuck.begun.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert asking.cancelled()
    assert served.service.door.background.inside == 0
    assert await rows(served) == []


async def test_lines_are_not_counted_among_what_came_by_a_connection(serving: Serving) -> None:
    meters = Meters()
    served = await serving(meters=meters)
    await lines(served).ask(leased())
    assert b"vivavoce_http_requests_total{" not in meters.page()
    await served.post(**SAYS)
    await until(lambda: b"vivavoce_http_requests_total{" in meters.page())
