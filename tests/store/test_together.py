"""One that cannot be written among others that can."""

import asyncio
from pathlib import Path

from tests.store.conftest import everything_in
from tests.support.entries import entry
from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.store.answers import Answers, SpokenAnswer
from vivavoce.store.database import Database
from vivavoce.store.ledger import Ledger, Wanted


async def requests(database: Database) -> int:
    return sum(each.requests for each in await Ledger(database).sums(Wanted()))


async def test_one_bad_row_fails_alone(database: Database) -> None:
    books = Ledger(database)
    rows = [entry(number, text_in=2**70 if number == 3 else 1) for number in range(8)]
    told = await asyncio.gather(*(books.append(row) for row in rows), return_exceptions=True)
    assert [type(each) for each in told] == [OverflowError if number == 3 else type(None) for number in range(8)]
    assert await requests(database) == 7
    assert database.writable


async def test_an_answer_that_cannot_be_kept_takes_none_beside_it_along(database: Database, tmp_path: Path) -> None:
    answers = Answers(database, tmp_path / "answers")
    kept = [_answer(number) for number in range(6)]
    rows = [entry(number, text_in=2**70 if number == 2 else 1) for number in range(6)]
    told = await asyncio.gather(*map(answers.keep, kept, rows), return_exceptions=True)
    assert [each is None for each in told] == [number != 2 for number in range(6)]
    found = [await answers.find(each.id, "mine") is not None for each in kept]
    assert found == [number != 2 for number in range(6)]
    size = sum(len(each.pcm.data) for each in kept)
    assert len(everything_in(tmp_path / "answers")) == size * 5 / 6, "of the one that was not kept there is a sound"
    assert await requests(database) == 5


def _answer(number: int) -> SpokenAnswer:
    return SpokenAnswer(f"audio_{number:02}", "mine", "Hi.", Pcm(b"\1\0", SPOKEN_RATE), 2**40)
