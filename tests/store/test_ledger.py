"""The ledger: rows that are written once, never changed, and added up exactly."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, String, delete, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from tests.support.entries import entry
from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.store.answers import Answers, SpokenAnswer
from vivavoce.store.database import Database
from vivavoce.store.ledger import GROUPS, SUMMED, Entry, Ledger, Wanted, append, ledger

DAY_S = 86_400
HUGE = 2**62
"""Of which two are more than 64 bits hold."""


@pytest.fixture
def books(database: Database) -> Ledger:
    return Ledger(database)


async def written(database: Database) -> list[str]:
    return [row.request for row in await database.read(select(ledger.c.request).order_by(ledger.c.number))]


async def test_a_row_is_there_when_it_was_written_and_after_a_restart(tmp_path: Path) -> None:
    first = await Database.open(tmp_path)
    await Ledger(first).append(entry(1, text_in=7, cost_in=1_050_000))
    await first.close()
    second = await Database.open(tmp_path)
    (found,) = await Ledger(second).sums(Wanted())
    await second.close()
    assert (found.requests, found.text_in, found.cost_in) == (1, 7, 1_050_000)


async def test_everything_stands_in_its_own_column(database: Database, books: Ledger) -> None:
    words = {field.name: field.name for field in fields(Entry) if isinstance(ledger.c[field.name].type, String)}
    numbers = {field.name: at for at, field in enumerate(fields(Entry)) if field.name not in words}
    wrote = entry(**words, **numbers)
    await books.append(wrote)
    (row,) = await database.read(select(ledger))
    assert row._asdict() == {"number": 1, **asdict(wrote)}


async def test_no_request_has_two_rows(database: Database, books: Ledger) -> None:
    await books.append(entry(1, text_in=7))
    await asyncio.gather(*(books.append(entry(number, text_in=99)) for number in (1, 2, 2)))
    assert await written(database) == [entry(1).request, entry(2).request]
    (found,) = await books.sums(Wanted())
    assert found.text_in == 7 + 99


async def test_no_row_is_changed_or_deleted(database: Database, books: Ledger) -> None:
    await books.append(entry(1, text_in=7))
    for change in (update(ledger).values(text_in=0), delete(ledger)):

        def job(connection: Connection, change: Any = change) -> None:
            connection.execute(change)

        with pytest.raises(SQLAlchemyError):
            await database.write(job)
    (found,) = await books.sums(Wanted())
    assert found.text_in == 7


async def test_whoever_stops_waiting_has_it_written_all_the_same(database: Database, books: Ledger) -> None:
    waiting = asyncio.create_task(books.append(entry(1)))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await books.append(entry(2))
    assert await written(database) == [entry(1).request, entry(2).request]


async def test_a_spoken_answer_and_its_row_are_kept_together_or_not_at_all(database: Database, tmp_path: Path) -> None:
    answers = Answers(database, tmp_path / "answers")
    answer = SpokenAnswer("audio_1", "default", "Hi.", Pcm(b"\1\0", SPOKEN_RATE), answers.expiry())
    await answers.keep(answer, entry(1))
    assert await answers.find("audio_1", "default")
    with pytest.raises(SQLAlchemyError):  # an answer of that id is there
        await answers.keep(answer, entry(2))
    assert await written(database) == [entry(1).request]


async def test_rows_are_summed_by_time_and_by_what_they_have_in_common(books: Ledger) -> None:
    for number, (at, key, model) in enumerate(
        [(10, "a", "m"), (DAY_S - 1, "a", "m"), (DAY_S, "a", "n"), (DAY_S + 5, "b", "n"), (3 * DAY_S, None, "m")]
    ):
        await books.append(entry(number, at=at, key=key, model=model, text_in=2**number, cost_out=HUGE))
    by_day = await books.sums(Wanted(width_s=DAY_S))
    assert [(each.start, each.text_in) for each in by_day] == [(0, 3), (DAY_S, 12), (3 * DAY_S, 16)]
    assert by_day[0].cost_out == 2 * HUGE, "more than 64 bits hold"
    by_key = await books.sums(Wanted(by=("key", "model")))
    assert [(*each.group.values(), each.text_in) for each in by_key] == [
        (None, "m", 16),
        ("a", "m", 3),
        ("a", "n", 4),
        ("b", "n", 8),
    ]
    some = await books.sums(Wanted(since=10, until=DAY_S + 5, only={"key": ["a"], "model": ["n", "o"]}))
    assert [each.text_in for each in some] == [4]
    assert await books.sums(Wanted(since=4 * DAY_S)) == []


async def test_batches_and_what_was_refused_are_told_apart(books: Ledger) -> None:
    await books.append(entry(1, text_in=1))
    await books.append(entry(2, text_in=2, batch="batch_1"))
    await books.append(entry(3, status="refused", http=400))
    sums = {batch: (await books.sums(Wanted(batch=batch)))[0] for batch in (None, True, False)}
    assert {batch: each.text_in for batch, each in sums.items()} == {None: 3, True: 2, False: 1}
    assert (sums[None].requests, sums[None].refused) == (2, 1)
    apart = await books.sums(Wanted(by=("batched",)))
    assert [(each.group, each.text_in) for each in apart] == [({"batched": False}, 1), ({"batched": True}, 2)]


counts = st.integers(0, 2**31)
entries = st.lists(
    st.builds(
        lambda at, key, model, status, batch, sums, costs: entry(
            at=at, key=key, model=model, status=status, batch=batch, **sums, cost_in=costs[0], cost_out=costs[1]
        ),
        st.integers(0, 3 * DAY_S),
        st.sampled_from([None, "key-a", "key-b"]),
        st.sampled_from(["m", "n"]),
        st.sampled_from(["completed", "cancelled", "failed", "refused"]),
        st.sampled_from([None, "batch_1"]),
        st.fixed_dictionaries(dict.fromkeys(SUMMED, counts)),
        st.tuples(st.integers(0, HUGE), st.integers(0, HUGE)),
    ),
    max_size=12,
)


@settings(max_examples=10, deadline=None)
@given(
    made=entries,
    by=st.lists(st.sampled_from(list(GROUPS)), unique=True),
    width_s=st.sampled_from([None, 60, DAY_S]),
)
def test_however_rows_are_grouped_their_sums_are_the_same(
    made: Sequence[Entry], by: Sequence[str], width_s: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def look() -> None:
        database = await Database.open(tmp_path_factory.mktemp("books"))
        try:
            for number, each in enumerate(made):
                own = entry(number, **{name: getattr(each, name) for name in each.__slots__ if name != "request"})
                await Ledger(database).append(own)
            found = await Ledger(database).sums(Wanted(by=by, width_s=width_s))
        finally:
            await database.close()
        for name in (*SUMMED, "cost_in", "cost_out"):
            assert sum(getattr(each, name) for each in found) == sum(getattr(each, name) for each in made)
        assert sum(each.requests + each.refused for each in found) == len(made)
        seen = [(each.start, *each.group.values()) for each in found]
        assert len(seen) == len(set(seen))

    asyncio.run(look())


async def test_nothing_is_written_where_there_is_nothing_to_write(database: Database) -> None:
    await database.write(lambda connection: append(connection, []))
    assert await database.read(select(func.count()).select_from(ledger)) == [(0,)]
