"""What is taken, given back and forgotten, to the nanosecond, by a clock that the test sets."""

import asyncio

import pytest

from vivavoce.account.counters import Counter, Full, InMemory, Take
from vivavoce.account.tiers import TIERS, Tier

MINUTE, DAY = 60, 86_400


class Running:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def running() -> Running:
    return Running()


@pytest.fixture
def counters(running: Running) -> InMemory:
    return InMemory(running)


async def taken(counters: InMemory, *takes: Take) -> bool:
    try:
        await counters.take(takes)
    except Full:
        return False
    return True


async def wait_for(counters: InMemory, *takes: Take) -> float | None:
    with pytest.raises(Full) as full:
        await counters.take(takes)
    return full.value.wait_s


REQUESTS = [(tier.name, tier.rpm, MINUTE) for tier in TIERS if tier.rpm]
REQUESTS += [(tier.name, tier.rpd, DAY) for tier in TIERS if tier.rpd]


@pytest.mark.parametrize(("name", "limit", "seconds"), REQUESTS)
async def test_a_full_one_has_room_for_one_more_after_its_share_of_the_period(
    counters: InMemory, running: Running, name: str, limit: int, seconds: int
) -> None:
    counter = Counter("rpm", name, limit, seconds)
    await counters.take([Take(counter, limit)])
    share = seconds / limit
    assert await wait_for(counters, Take(counter)) == pytest.approx(share)
    level = await counters.level(counter)
    assert (level.remaining, level.reset_s) == (0, seconds)
    running.seconds += share * 0.999
    assert not await taken(counters, Take(counter))
    running.seconds += share * 0.002
    assert await taken(counters, Take(counter))
    assert not await taken(counters, Take(counter))


@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
async def test_a_whole_period_empties_it_and_no_more(counters: InMemory, running: Running, tier: Tier) -> None:
    assert tier.tpm
    counter = Counter("tpm", "key", tier.tpm, MINUTE)
    await counters.take([Take(counter, tier.tpm)])
    running.seconds += MINUTE * 50  # long unused is not saved up
    assert (await counters.level(counter)).remaining == tier.tpm
    await counters.take([Take(counter, tier.tpm)])
    assert not await taken(counters, Take(counter))


async def test_all_is_taken_or_nothing(counters: InMemory) -> None:
    minute, day, turns = Counter("rpm", "key", 3, MINUTE), Counter("rpd", "key", 200, DAY), Counter("turns", "key", 2)
    every = [Take(minute), Take(day), Take(turns)]
    assert [await taken(counters, *every) for _ in range(4)] == [True, True, False, False]
    assert [(await counters.level(each)).used for each in (minute, day, turns)] == [2, 2, 2]
    assert await wait_for(counters, *every) is None  # no time makes room for a turn
    await counters.put([Take(turns, -1)])
    assert await taken(counters, *every)
    assert await wait_for(counters, Take(minute), Take(day)) == pytest.approx(20)


async def test_of_several_without_room_the_longest_wait_is_told(counters: InMemory) -> None:
    minute, day = Counter("rpm", "key", 3, MINUTE), Counter("rpd", "key", 3, DAY)
    await counters.take([Take(minute, 3), Take(day, 3)])
    with pytest.raises(Full) as full:
        await counters.take([Take(minute), Take(day)])
    assert (full.value.level.what, full.value.wait_s) == ("rpd", pytest.approx(28_800))


async def test_the_longest_wait_is_the_longest_in_time_whatever_is_missing(
    counters: InMemory, running: Running
) -> None:
    minute, day = Counter("rpm", "key", 3, MINUTE), Counter("rpd", "key", 10_000, DAY)
    await counters.take([Take(minute, 3), Take(day, 10_000)])
    running.seconds += 4.0  # 16 s are missing of the minute, 4.64 s of the day
    with pytest.raises(Full) as full:
        await counters.take([Take(minute), Take(day)])
    assert (full.value.level.what, full.value.wait_s) == ("rpm", pytest.approx(16))


async def test_more_than_there_ever_is_room_for_is_not_waited_for(counters: InMemory) -> None:
    counter = Counter("tpm", "key", 30_000, MINUTE)
    assert await wait_for(counters, Take(counter, 31_538)) is None
    assert await taken(counters, Take(counter, 30_000))


async def test_what_is_given_back_is_there_at_once_and_never_more(counters: InMemory, running: Running) -> None:
    counter = Counter("tpm", "key", 600, MINUTE)
    await counters.take([Take(counter, 600)])
    await counters.put([Take(counter, -100)])
    assert (await counters.level(counter)).remaining == 100
    running.seconds += 59.0
    await counters.put([Take(counter, -500)])
    assert (await counters.level(counter)).remaining == 600


async def test_what_has_been_forgotten_is_not_given_back_as_well(counters: InMemory, running: Running) -> None:
    counter = Counter("tpm", "key", 600, MINUTE)
    before = await counters.take([Take(counter, 600)])
    running.seconds += 20.0
    await counters.take([Take(counter, 200)])
    await counters.put([Take(counter, -600)], before)  # a third of it has been forgotten
    assert (await counters.level(counter)).remaining == 400
    running.seconds += 40.0
    await counters.take([Take(counter, 600)])
    await counters.put([Take(counter, -600)], before)
    assert (await counters.level(counter)).remaining == 0


async def test_what_was_used_beyond_the_limit_has_to_pass_too(counters: InMemory, running: Running) -> None:
    counter = Counter("tpm", "key", 60, MINUTE)
    await counters.take([Take(counter, 60)])
    await counters.put([Take(counter, 60)])
    running.seconds += 60
    assert not await taken(counters, Take(counter))
    running.seconds += 1
    assert await taken(counters, Take(counter))


async def test_a_counter_that_does_not_drain_begins_with_what_was_there(counters: InMemory, running: Running) -> None:
    counter = Counter("usd", "project 2026-11", 100)
    await counters.begin(counter, 90)
    await counters.take([Take(counter, 5)])
    await counters.begin(counter, 90)  # known by now
    await counters.begin(counter, 94)
    running.seconds += DAY
    assert (await counters.level(counter)).used == 95
    await counters.begin(counter, 97)  # what nobody counted here in between
    assert (await counters.level(counter)).used == 97
    await counters.put([Take(counter, -2)])
    assert not await taken(counters, Take(counter, 6))


async def test_over_a_restart_the_day_goes_on_where_it_was(counters: InMemory, running: Running) -> None:
    day, minute = Counter("rpd", "key", 200, DAY), Counter("rpm", "key", 3, MINUTE)
    await counters.take([Take(day, 200), Take(minute, 3)])
    running.seconds += 100
    kept = counters.daily(50_000.0)
    assert kept == {"rpd key": (200 * DAY * 10**9, 49_900.0)}
    later = Running()
    later.seconds = 5.0  # the machine was started anew
    again = InMemory(later)
    again.restore(kept, 50_100.0)
    assert (await again.level(day)).reset_s == pytest.approx(DAY - 200)
    assert not await taken(again, Take(day))
    assert await taken(again, Take(minute, 3))
    later.seconds += 232
    assert await taken(again, Take(day))


async def test_a_clock_put_back_over_a_restart_empties_nothing_and_locks_nobody_out(running: Running) -> None:
    day = Counter("rpd", "key", 200, DAY)
    again = InMemory(running)
    again.restore({day.name: (200 * DAY * 10**9, 50_000.0)}, 50_000.0 - 3_600)
    assert await wait_for(again, Take(day)) == pytest.approx(432)
    running.seconds += 432.001
    assert await taken(again, Take(day))


async def test_what_has_been_empty_for_long_is_forgotten(counters: InMemory, running: Running) -> None:
    await counters.take([Take(Counter("rpd", "key", 200, DAY)), Take(Counter("usd", "key", 200))])
    running.seconds += DAY + 1
    assert counters.daily(0.0) == {}
    assert (await counters.level(Counter("usd", "key", 200))).used == 1


async def test_nothing_is_lost_to_rounding(counters: InMemory) -> None:
    counter = Counter("tpm", "key", 7_777, MINUTE)
    for amount in range(1, 2_000, 7):
        await counters.take([Take(counter, amount)])
        await counters.put([Take(counter, -amount)])
    assert (await counters.level(counter)).used == 0


async def test_many_at_once_take_exactly_what_there_is(counters: InMemory) -> None:
    counter = Counter("rpm", "key", 100, MINUTE)

    async def ask() -> int:
        return sum([await taken(counters, Take(counter)) for _ in range(80)])

    assert sum(await asyncio.gather(*[ask() for _ in range(50)])) == 100
