"""What each tier lets in, by a clock that the test sets: minutes, days, turns, batches, tiers and money."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from vivavoce.account.budgets import Budget
from vivavoce.account.callers import Caller
from vivavoce.account.counters import Counter, InMemory, Take
from vivavoce.account.grants import Grant, Refused
from vivavoce.account.limits import Limits, NoHistory
from vivavoce.account.prices import cost
from vivavoce.account.rules import Rules
from vivavoce.account.tiers import TIERS, Earned, Tier
from vivavoce.core.models import Price
from vivavoce.core.turn import Usage

MODEL = "gpt-4o-mini-audio-preview"
MINI = Price(Decimal("0.15"), Decimal("0.60"), Decimal(10), Decimal(20))
NOVEMBER = 1_793_491_200.0
"""The first second of November 2026, UTC."""
DAY = 86_400
DOLLAR = 10**12
"""In units of money."""
NOTHING, PIECE = Usage(), Usage(text_out=64, audio_out=100)


class Clock:
    """Seconds that pass when the test says so; `told` is the machine's clock, which may be put anywhere."""

    def __init__(self) -> None:
        self.running_s = 0.0
        self.told_s = NOVEMBER

    def pass_(self, seconds: float) -> None:
        self.running_s += seconds
        self.told_s += seconds

    def running(self) -> float:
        return self.running_s

    def told(self) -> float:
        return self.told_s


class Past:
    """A history that the test writes."""

    def __init__(self, earned: Earned = Earned(), spent: str = "0") -> None:  # noqa: B008 - it is never changed
        self.earned = earned
        self.usd = Decimal(spent)
        self.asked: list[tuple[str, float]] = []

    async def done(self, project: str) -> Earned:
        del project
        await asyncio.sleep(0)
        return self.earned

    async def spent(self, whose: str, since: float) -> Decimal:
        self.asked.append((whose, since))
        await asyncio.sleep(0)
        return self.usd


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limits(
    clock: Clock, rules: Rules | None = None, past: Past | None = None, counters: InMemory | None = None
) -> Limits:
    return Limits(rules or Rules(), counters or InMemory(clock.running), past or NoHistory(), clock.told)


def caller(tier: str | None = "free", key: str = "key-a", project: str = "shop") -> Caller:
    return Caller(project, key, tier)


async def let_in(limits: Limits, who: Caller, times: int = 1, model: str = MODEL) -> int:
    """How many of so many requests are let in; each is over at once, and used one token."""
    done = 0
    for _ in range(times):
        try:
            grant = await limits.admit(who, model, MINI)
        except Refused:
            continue
        await grant.settle(Usage(text_out=1), 0)
        done += 1
    return done


async def refusal(limits: Limits, who: Caller) -> Refused:
    with pytest.raises(Refused) as refused:
        await limits.admit(who, MODEL, MINI)
    return refused.value


@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
async def test_a_minute_holds_as_many_as_the_tier_says(clock: Clock, tier: Tier) -> None:
    counters = InMemory(clock.running)
    held, who = limits(clock, counters=counters), caller(tier.name)
    assert tier.rpm
    for wait_s in (0.0, 60.0):
        clock.pass_(wait_s)
        await counters.take([Take(Counter("rpm", f"key-a {MODEL}", tier.rpm, 60), tier.rpm - 3)])
        assert await let_in(held, who, 10) == 3
        assert (await refusal(held, who)).full.level.what == "rpm"
    clock.pass_(60 / tier.rpm * 1.0001)
    assert await let_in(held, who, 10) == 1


@pytest.mark.parametrize(("name", "rpm", "rpd", "share_s"), [("free", 3, 200, 432.0), ("1", 500, 10_000, 8.64)])
async def test_a_day_holds_as_many_as_the_tier_says(
    clock: Clock, name: str, rpm: int, rpd: int, share_s: float
) -> None:
    held, who, let, minutes = limits(clock), caller(name), 0, 0
    while (now := await let_in(held, who, rpm)) == rpm:
        let, minutes = let + now, minutes + 1
        clock.pass_(60)
    refused = await refusal(held, who)
    assert refused.full.level.what == "rpd"
    assert refused.full.wait_s
    # what comes back in those minutes was let in too, and no more
    assert let + now == rpd + int(minutes * 60 / share_s)
    clock.pass_(refused.full.wait_s - 0.001)
    assert await let_in(held, who, 10) == 0
    clock.pass_(0.002)
    assert await let_in(held, who, 10) == 1


async def test_a_tier_with_a_dash_has_no_day(clock: Clock) -> None:
    for tier in TIERS[2:]:
        grant = await limits(clock).admit(caller(tier.name), MODEL)
        assert [level.what for level in grant.levels] == ["rpm", "tpm"]


@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
async def test_batches_wait_up_to_what_the_tier_says(clock: Clock, tier: Tier) -> None:
    held, who = limits(clock), caller(tier.name)
    assert tier.queue is not None
    if tier.queue:
        await held.enqueue(who, MODEL, tier.queue - 1)
        await held.enqueue(who, MODEL, 1)
        await held.enqueue(who, "another", 1)
    with pytest.raises(Refused) as refused:
        await held.enqueue(who, MODEL, 1)
    assert refused.value.full.level.what == "queue"
    clock.pass_(10 * DAY)
    with pytest.raises(Refused):
        await held.enqueue(who, MODEL, 1)
    if tier.queue:
        await held.dequeue(who, MODEL, 1)
        await held.enqueue(who, MODEL, 1)
    assert await let_in(held, who) == 1


async def test_what_waits_is_known_whatever_becomes_of_the_tier(clock: Clock) -> None:
    counters, who = InMemory(clock.running), caller("own")
    few, endless, none = (limits(clock, Rules((Tier("own", queue=most),)), counters=counters) for most in (10, None, 0))
    await few.enqueue(who, MODEL, 10)
    await endless.dequeue(who, MODEL, 2)
    await few.enqueue(who, MODEL, 2)
    await none.dequeue(who, MODEL, 3)
    await endless.enqueue(who, MODEL, 2)
    await few.enqueue(who, MODEL, 1)
    with pytest.raises(Refused):
        await few.enqueue(who, MODEL, 1)


async def test_a_tier_may_have_no_end_of_batches(clock: Clock) -> None:
    held = limits(clock, Rules((Tier("own", rpm=1),)))
    await held.enqueue(caller("own"), MODEL, 10**15)
    await held.dequeue(caller("own"), MODEL, 10**15)


async def test_nothing_limits_who_has_no_key_and_no_tier(clock: Clock) -> None:
    held = limits(clock)
    for who in (Caller(), Caller("shop", "key-a")):
        assert await let_in(held, who, 1_000) == 1_000
        grant = await held.admit(who, MODEL, MINI)
        assert (grant.levels, grant.counts, grant.pays) == ([], False, False)
        await held.enqueue(who, MODEL, 10**15)


async def test_keys_without_a_tier_may_have_one_by_the_configuration(clock: Clock) -> None:
    held = limits(clock, Rules(otherwise="free"))
    assert await let_in(held, caller(None), 10) == 3
    assert await let_in(held, Caller(), 10) == 10


async def test_keys_and_models_are_counted_apart(clock: Clock) -> None:
    held = limits(clock)
    assert await let_in(held, caller(), 10) == 3
    assert await let_in(held, caller(key="key-b"), 10) == 3
    assert await let_in(held, caller(), 10, "whisper-1") == 3


async def test_a_clock_put_anywhere_makes_no_free_minute_and_locks_nobody_out(clock: Clock) -> None:
    held, who = limits(clock), caller()
    assert await let_in(held, who, 10) == 3
    for hour in (-3_600, 7_200, -3_600):
        clock.told_s += hour
        assert await let_in(held, who, 10) == 0
    clock.pass_(20.001)
    assert await let_in(held, who, 10) == 1


async def test_turns_at_once_are_counted_over_all_models(clock: Clock) -> None:
    held, who = limits(clock, Rules((Tier("own", turns=2),))), caller("own")
    first, second = await held.admit(who, MODEL), await held.admit(who, "whisper-1")
    refused = await refusal(held, who)
    assert (refused.full.level.what, refused.full.wait_s) == ("turns", None)
    await first.settle(Usage(text_out=1), 0)
    third = await held.admit(who, MODEL)
    for grant in (second, third, third):  # a second time is none
        await grant.settle(NOTHING, 0, ours=True)
    assert await let_in(held, who, 10) == 10


async def test_what_fails_by_our_fault_before_anything_came_was_never_there(clock: Clock) -> None:
    held, who = limits(clock), caller()
    for _ in range(4):
        await (await held.admit(who, MODEL)).settle(NOTHING, 0, ours=True)
    assert await let_in(held, who) == 1
    for ours, used in ((False, NOTHING), (True, Usage(text_in=1))):
        await (await held.admit(who, MODEL)).settle(used, 0, ours=ours)
    assert await let_in(held, who) == 0


async def test_tokens_are_reserved_before_and_settled_after(clock: Clock) -> None:
    held, who = limits(clock), caller()
    grant = await held.admit(who, MODEL)
    await grant.reserve(30_000, NOTHING, PIECE)
    assert grant.counts
    assert [level.used for level in grant.levels] == [1, 1, 30_000]
    other = await held.admit(who, MODEL)
    with pytest.raises(Refused) as refused:
        await other.reserve(10_001, NOTHING, PIECE)
    full = refused.value.full
    assert (full.level.what, full.level.used, full.take.amount) == ("tpm", 30_000, 10_001)
    assert full.wait_s == pytest.approx(60 / 40_000)
    assert [level.what for level in refused.value.levels] == ["rpm", "rpd", "tpm"]
    await grant.settle(Usage(100, 200, 300, 400), 0)
    await other.reserve(39_000, NOTHING, PIECE)
    await other.settle(Usage(text_out=60_000), 0)  # more than was reserved, and than there is
    assert (await refusal(held, who)).full.level.used == 61_000


async def test_tokens_that_were_reserved_for_long_are_not_saved_up(clock: Clock) -> None:
    held, who, kept = limits(clock, Rules((Tier("own", tpm=1_000),))), caller("own"), list[Grant]()
    for _ in range(5):  # answers that somebody reads slowly, or not at all
        kept.append(await held.admit(who, MODEL))
        await kept[-1].reserve(1_000, NOTHING, PIECE)
        clock.pass_(60)
    used = 0
    for grant in kept:
        await grant.settle(NOTHING, 0)
        while used < 10_000:
            try:
                real = await held.admit(who, MODEL)
                await real.reserve(100, NOTHING, PIECE)
            except Refused:
                break
            await real.settle(Usage(text_in=100), 0)
            used += 100
    assert used == 1_000


async def test_a_refused_request_brings_nobody_nearer_to_the_next_tier(clock: Clock) -> None:
    held, who = limits(clock, past=Past(Earned(99, Decimal(5)))), caller()
    grant = await held.admit(who, MODEL)
    await grant.settle(NOTHING, 0)  # wrong, or left before its first word
    assert (await held.admit(who, MODEL)).levels[0].limit == 3


async def test_one_request_of_more_tokens_than_a_minute_has_never_fits(clock: Clock) -> None:
    held, who = limits(clock), caller()
    grant = await held.admit(who, MODEL)
    with pytest.raises(Refused) as refused:
        await grant.reserve(40_001, NOTHING, PIECE)
    assert refused.value.full.wait_s is None


async def test_who_does_much_and_pays_rises_while_the_server_runs(clock: Clock) -> None:
    past = Past(Earned(98, Decimal("4.99")))
    held, who = limits(clock, past=past), caller()
    for spent, rpm in (("0.005", 3), ("0.005", 3), ("0", 500)):
        grant = await held.admit(who, MODEL)
        assert grant.levels[0].limit == rpm
        await grant.settle(Usage(text_out=1), int(Decimal(spent) * DOLLAR))
    assert (await held.admit(caller(key="key-b"), MODEL)).levels[0].limit == 500  # what the project did
    assert (await held.admit(caller(key="key-c", project="other"), MODEL)).levels[0].limit == 3


async def test_who_is_on_the_highest_tier_is_not_looked_up(clock: Clock) -> None:
    class Unread(Past):
        async def done(self, project: str) -> Earned:
            raise AssertionError(project)

    assert await let_in(limits(clock, past=Unread()), caller("5"), 3) == 3


def budgeted(usd: str, **more: object) -> Rules:
    return replace(Rules(budgets={"shop": Budget(Decimal(usd), **more)}))  # type: ignore[arg-type]


async def answered(held: Limits, who: Caller, seconds: int) -> tuple[str, int]:
    """A call that would say so many seconds of speech: how it ended, and what it cost."""
    try:
        grant = await held.admit(who, MODEL, MINI)
    except Refused as refused:
        return refused.full.level.what, 0
    prompt, made, ended = Usage(text_in=50), Usage(), "stop"
    try:
        await grant.reserve(50, prompt, PIECE)
        for second in range(1, seconds + 1):
            await asyncio.sleep(0)
            after = Usage(text_out=3 * second, audio_out=20 * second)
            if not await grant.afford(after):
                ended = "length"
                while grant.affords(tokens := Usage(text_out=made.text_out, audio_out=made.audio_out + 1)):
                    made = tokens
                break
            made = after
    except Refused as refused:
        ended = refused.full.level.what
        prompt = Usage()
    used = replace(made, text_in=prompt.text_in)
    spent = cost(MINI, used).all
    await grant.settle(used, spent)
    return ended, spent


async def test_a_budget_is_used_and_never_passed(clock: Clock) -> None:
    held, who = limits(clock, budgeted("0.05")), caller(None)
    calls = await asyncio.gather(*[answered(held, who, 10) for _ in range(50)])  # of about $0.004 each
    spent = sum(spent for _, spent in calls)
    assert 0.045 * DOLLAR <= spent <= 0.05 * DOLLAR
    assert {ended for ended, _ in calls} <= {"stop", "length", "usd"}
    assert (await answered(held, who, 10))[0] == "usd"


async def test_calls_one_after_another_use_a_budget_to_the_last_frame(clock: Clock) -> None:
    held, who = limits(clock, budgeted("0.05")), caller(None)
    calls = [await answered(held, who, 10) for _ in range(20)]
    assert [ended for ended, _ in calls[:12]] == ["stop"] * 12
    assert 0.05 * DOLLAR - sum(spent for _, spent in calls) < cost(MINI, PIECE).all + cost(MINI, Usage(text_in=50)).all
    assert {ended for ended, _ in calls[13:]} == {"usd"}


async def test_what_was_spent_before_counts_and_a_new_month_begins_anew(clock: Clock) -> None:
    past = Past(spent="0.0499999")
    held, who = limits(clock, budgeted("0.05"), past), caller(None)
    assert (await answered(held, who, 10))[0] == "usd"
    assert past.asked == [("shop", NOVEMBER)]
    past.usd = Decimal(0)
    clock.pass_(30 * DAY - 1)
    assert (await answered(held, who, 10))[0] == "usd"
    clock.pass_(1)
    assert (await answered(held, who, 10))[0] == "stop"
    assert past.asked[1:] == [("shop", NOVEMBER + 30 * DAY)]


@pytest.mark.parametrize(("every", "began"), [("day", NOVEMBER + 4 * DAY), ("month", NOVEMBER), ("ever", 0.0)])
async def test_a_budget_is_of_a_day_a_month_or_for_ever(clock: Clock, every: str, began: float) -> None:
    past = Past()
    held = limits(clock, budgeted("1", every=every), past)
    clock.pass_(4 * DAY + 3_601)
    assert await let_in(held, caller(None)) == 1
    assert past.asked == [("shop", began)]


async def test_two_keys_of_a_project_share_its_budget(clock: Clock) -> None:
    held = limits(clock, budgeted("0.05"))
    calls = [answered(held, caller(None, f"key-{number % 2}"), 10) for number in range(50)]
    spent = sum(spent for _, spent in await asyncio.gather(*calls))
    assert 0.045 * DOLLAR <= spent <= 0.05 * DOLLAR


async def test_what_is_under_way_when_limits_change_is_known_to_those_that_come(clock: Clock) -> None:
    counters, who = InMemory(clock.running), replace(caller("own"), project="shop")
    before = limits(clock, replace(budgeted("0.05"), tiers=(Tier("own", turns=1, tpm=100),)), counters=counters)
    after = limits(clock, replace(budgeted("0.03"), tiers=(Tier("own", turns=2, tpm=50),)), counters=counters)
    grant = await before.admit(who, MODEL, MINI)
    await grant.reserve(60, Usage(audio_in=2_500), NOTHING)  # of $0.025
    assert (await refusal(after, who)).full.level.what == "tpm"
    clock.pass_(60)
    with pytest.raises(Refused) as refused:
        await (await after.admit(who, MODEL, MINI)).reserve(1, Usage(audio_in=600), NOTHING)
    assert refused.value.full.level.what == "usd"
    await grant.settle(Usage(audio_in=1), cost(MINI, Usage(audio_in=1)).all)
    await (await after.admit(who, MODEL, MINI)).reserve(1, Usage(audio_in=600), NOTHING)


async def test_what_was_spent_while_a_budget_was_not_set_counts(clock: Clock) -> None:
    past, counters, who = Past(), InMemory(clock.running), caller(None)
    rules = budgeted("0.05")
    assert (await answered(limits(clock, rules, past, counters), who, 10))[0] == "stop"
    assert (await answered(limits(clock, Rules(), past, counters), who, 10))[0] == "stop"
    past.usd = Decimal("0.0499999")
    assert (await answered(limits(clock, rules, past, counters), who, 10))[0] == "usd"


async def test_a_key_and_its_project_have_each_their_own(clock: Clock) -> None:
    rules = Rules(budgets={"shop": Budget(Decimal(1)), "key-a": Budget(Decimal("0.002"))})
    held = limits(clock, rules)
    assert (await answered(held, caller(None), 10))[0] == "usd"
    assert (await answered(held, caller(None, "key-b"), 10))[0] == "stop"


async def test_what_costs_nothing_is_not_held_to_a_budget(clock: Clock) -> None:
    held, who = limits(clock, budgeted("0.000001")), caller(None)
    grant = await held.admit(who, MODEL, None)
    await grant.reserve(10**6, Usage(text_in=10**6), PIECE)
    assert await grant.afford(Usage(audio_out=10**6))
    assert grant.affords(Usage(audio_out=10**6))


async def test_tiers_and_grants_are_told_apart_by_their_key() -> None:
    grant: Grant = await limits(Clock()).admit(caller("1"), MODEL)
    assert [(level.what, level.limit, level.remaining) for level in grant.levels] == [
        ("rpm", 500, 499),
        ("rpd", 10_000, 9_999),
        ("tpm", 200_000, 199_999),
    ]
    assert grant.levels[0].reset_s == pytest.approx(0.12)
    assert grant.levels[1].reset_s == pytest.approx(8.64)
