"""Time for what expires, whatever is done to the machine's clock."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.store.answers import LIFETIME_S, Answers, SpokenAnswer
from vivavoce.store.clock import Clock, now
from vivavoce.store.database import Database

HOUR_S = 3600.0


class Machine:
    """A machine whose clock can be set."""

    def __init__(self) -> None:
        self.told = 1_000_000.0
        self.running = 50.0
        self.clock = Clock(lambda: self.told, lambda: self.running)

    def pass_(self, seconds: float) -> None:
        self.told += seconds
        self.running += seconds


def test_it_is_the_machines_time() -> None:
    assert abs(now() - time.time()) < 1
    machine = Machine()
    assert machine.clock() == 1_000_000
    machine.pass_(5)
    assert machine.clock() == 1_000_005


def test_a_clock_put_back_goes_on_from_where_it_was() -> None:
    machine = Machine()
    machine.told -= HOUR_S
    assert machine.clock() == 1_000_000
    machine.pass_(60)
    assert machine.clock() == 1_000_060


def test_a_clock_put_forward_is_believed() -> None:
    machine = Machine()
    machine.told += 50 * 365 * 86_400
    assert machine.clock() == machine.told


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(-(10**9), 10**9))))
def test_it_never_goes_back_and_never_stands_still(steps: list[tuple[int, int]]) -> None:
    machine = Machine()
    for seconds, jump in steps:
        before = machine.clock()
        machine.pass_(seconds)
        machine.told += jump
        assert machine.clock() >= before + seconds


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
async def answers(tmp_path: Path, machine: Machine) -> AsyncIterator[Answers]:
    database = await Database.open(tmp_path)
    yield Answers(database, tmp_path / "answers", machine.clock)
    await database.close()


def answer(number: int, answers: Answers) -> SpokenAnswer:
    return SpokenAnswer(f"audio_{number:032x}", "mine", "Blue.", Pcm(b"\1\0" * 99, SPOKEN_RATE), answers.expiry())


async def test_what_has_expired_is_not_there_again_when_the_clock_is_put_back(
    answers: Answers, machine: Machine, tmp_path: Path
) -> None:
    await answers.keep(answer(1, answers))
    machine.pass_(LIFETIME_S)
    machine.told -= HOUR_S
    assert await answers.find(answer(1, answers).id, "mine") is None
    await answers.sweep()
    assert list(tmp_path.rglob("*.pcm")) == []


async def test_who_answers_after_the_clock_was_put_back_has_an_hour_and_no_more(
    answers: Answers, machine: Machine
) -> None:
    await answers.keep(answer(1, answers))
    machine.told -= HOUR_S
    await answers.keep(answer(2, answers))
    machine.pass_(LIFETIME_S - 1)
    for number in (1, 2):
        assert await answers.find(answer(number, answers).id, "mine")
    machine.pass_(1)
    for number in (1, 2):
        assert await answers.find(answer(number, answers).id, "mine") is None
