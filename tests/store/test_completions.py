"""Stored completions: listed in order, found by their own project, and gone when their days are over."""

import asyncio
import logging
from pathlib import Path

import pytest

from tests.store.conftest import Clock, everything_in
from vivavoce.store.completions import DAY_S, Completions, KeptCompletion, Wanted
from vivavoce.store.database import Database
from vivavoce.store.paging import NoSuchPlace

DAYS = 3
BODY = b'{"answer":"a secret answer"}'
MESSAGES = b'[{"content":"a secret question"}]'


@pytest.fixture
def completions(database: Database, clock: Clock) -> Completions:
    return Completions(database, days=DAYS, most=5, now=clock)


def kept(number: int, clock: Clock, metadata: dict[str, str] | None = None, project: str = "mine") -> KeptCompletion:
    name = f"chatcmpl-{number}"
    return KeptCompletion(name, project, int(clock.now), "model-2024", "model", metadata or {}, BODY, "wav")


async def keep(completions: Completions, *all_of_them: KeptCompletion) -> None:
    for each in all_of_them:
        await completions.keep(each, MESSAGES)


async def ids(completions: Completions, project: str = "mine", **wanted: object) -> list[str]:
    """The numbers of what is listed, part by part, as a client reads them."""
    found: list[str] = []
    after: str | None = None
    more = True
    while more:
        page, more = await completions.page(project, Wanted(**{"after": after, **wanted}))  # type: ignore[arg-type]
        assert page or not more
        found += [each.id.removeprefix("chatcmpl-") for each in page]
        after = page[-1].id if page else None
    return found


async def test_a_kept_completion_is_found_with_its_messages(completions: Completions, clock: Clock) -> None:
    mine = kept(1, clock, {"who": "me"})
    await keep(completions, mine)
    assert await completions.find("chatcmpl-1", "mine") == mine
    assert await completions.messages("chatcmpl-1", "mine") == MESSAGES
    assert await completions.page("mine", Wanted()) == ([mine], False)


async def test_another_project_finds_changes_and_deletes_nothing(completions: Completions, clock: Clock) -> None:
    await keep(completions, kept(1, clock))
    assert await completions.find("chatcmpl-1", "another") is None
    assert await completions.messages("chatcmpl-1", "another") is None
    assert await completions.update("chatcmpl-1", "another", {"stolen": "yes"}) is None
    assert not await completions.delete("chatcmpl-1", "another")
    assert await completions.page("another", Wanted()) == ([], False)
    with pytest.raises(NoSuchPlace):
        await completions.page("another", Wanted(after="chatcmpl-1"))
    assert await completions.find("chatcmpl-1", "mine") == kept(1, clock)


@pytest.mark.parametrize("odd", ["", "chatcmpl-", "' OR 1=1 --", "\0", "x" * 4096, "chatcmpl-1\n"])
async def test_what_is_no_id_of_ours_finds_nothing(completions: Completions, clock: Clock, odd: str) -> None:
    await keep(completions, kept(1, clock))
    assert await completions.find(odd, "mine") is None
    assert await completions.update(odd, "mine", {}) is None
    assert not await completions.delete(odd, "mine")


@pytest.mark.parametrize("limit", [1, 2, 3, 20])
async def test_lists_are_by_time_and_at_one_time_in_the_order_of_keeping(
    completions: Completions, clock: Clock, limit: int
) -> None:
    late, later = kept(1, clock), kept(2, clock)
    clock.now -= 100
    await keep(completions, late, later, *[kept(number, clock) for number in (9, 3, 7)])
    assert await ids(completions, limit=limit) == ["9", "3", "7", "1", "2"]
    assert await ids(completions, limit=limit, newest_first=True) == ["2", "1", "7", "3", "9"]


async def test_the_end_of_a_list_is_known(completions: Completions, clock: Clock) -> None:
    await keep(completions, *[kept(number, clock) for number in range(4)])
    assert [(await completions.page("mine", Wanted(limit)))[1] for limit in (3, 4, 5)] == [True, False, False]
    with pytest.raises(NoSuchPlace):
        await completions.page("mine", Wanted(after="chatcmpl-5"))


@pytest.mark.parametrize("key", ["who", "a.b[0]", '"', "it's", "$", "ключ", "k%_", ""])
async def test_lists_of_those_with_some_metadata(completions: Completions, clock: Clock, key: str) -> None:
    await keep(completions, kept(1, clock, {key: "me", "n": "1"}), kept(2, clock, {key: "you", "n": "1"}))
    await keep(completions, kept(3, clock), kept(4, clock, {key + "x": "me"}))
    assert await ids(completions, metadata={key: "me"}) == ["1"]
    assert await ids(completions, metadata={"n": "1"}, limit=1) == ["1", "2"]
    assert await ids(completions, metadata={"n": "1", key: "you"}) == ["2"]
    assert await ids(completions, metadata={"n": "1", key: "they"}) == []


async def test_a_model_is_known_by_either_name(completions: Completions, clock: Clock) -> None:
    await keep(completions, kept(1, clock))
    assert [await ids(completions, model=name) for name in ("model", "model-2024", "mod")] == [["1"], ["1"], []]


async def test_other_metadata_replace_the_first(completions: Completions, clock: Clock) -> None:
    await keep(completions, kept(1, clock, {"a": "1", "b": "2"}), kept(2, clock, {"a": "1"}))
    changed = await completions.update("chatcmpl-1", "mine", {"b": "3"})
    assert changed == kept(1, clock, {"b": "3"})
    assert await completions.find("chatcmpl-1", "mine") == changed
    assert await ids(completions, metadata={"a": "1"}) == ["2"]


async def test_what_is_deleted_leaves_no_word_behind_and_its_place(
    completions: Completions, clock: Clock, tmp_path: Path
) -> None:
    """Whoever pages through a list and deletes what they find must still get to its end."""
    await keep(completions, *[kept(number, clock, {"key": "a secret label"}) for number in range(3)])
    assert await completions.delete("chatcmpl-1", "mine")
    assert not await completions.delete("chatcmpl-1", "mine")
    assert await completions.find("chatcmpl-1", "mine") is None
    assert await completions.messages("chatcmpl-1", "mine") is None
    assert await completions.update("chatcmpl-1", "mine", {"back": "again"}) is None
    assert await ids(completions) == ["0", "2"]
    assert await ids(completions, metadata={"key": "a secret label"}) == ["0", "2"]
    page, more = await completions.page("mine", Wanted(after="chatcmpl-1"))
    assert ([each.id for each in page], more) == (["chatcmpl-2"], False)
    assert b"a secret" in everything_in(tmp_path)
    for number in (0, 2):
        await completions.delete(f"chatcmpl-{number}", "mine")
    assert b"a secret" not in everything_in(tmp_path)


async def test_days_later_they_are_gone_without_a_trace(completions: Completions, clock: Clock, tmp_path: Path) -> None:
    await keep(completions, kept(1, clock))
    await completions.delete("chatcmpl-1", "mine")
    await keep(completions, kept(2, clock))
    clock.now += DAYS * DAY_S - 1
    await keep(completions, kept(3, clock))
    await completions.sweep()
    assert await ids(completions) == ["2", "3"]
    clock.now += 1
    assert await completions.find("chatcmpl-2", "mine") is None
    assert await completions.update("chatcmpl-2", "mine", {}) is None
    assert await ids(completions) == ["3"]
    await completions.sweep()
    assert b"chatcmpl-1" not in everything_in(tmp_path)
    assert b"chatcmpl-2" not in everything_in(tmp_path)
    clock.now -= 1
    assert await ids(completions) == ["3"]
    clock.now += DAYS * DAY_S
    await completions.sweep()
    assert b"a secret" not in everything_in(tmp_path)


async def test_of_too_many_the_oldest_go(completions: Completions, clock: Clock) -> None:
    await keep(completions, *[kept(number, clock) for number in range(8)])
    await completions.delete("chatcmpl-5", "mine")
    await completions.sweep()
    assert await ids(completions) == ["2", "3", "4", "6", "7"]


async def test_of_no_days_none_are_kept(database: Database, clock: Clock, tmp_path: Path) -> None:
    completions = Completions(database, days=0, now=clock)
    await keep(completions, kept(1, clock))
    assert await completions.find("chatcmpl-1", "mine") is None
    assert b"a secret" not in everything_in(tmp_path)


async def test_fewer_days_hold_for_those_kept_before(
    completions: Completions, database: Database, clock: Clock
) -> None:
    await keep(completions, kept(1, clock))
    clock.now += DAY_S
    assert await ids(Completions(database, days=1, now=clock)) == []
    assert await ids(completions) == ["1"]


async def test_they_are_there_when_the_store_is_opened_again(tmp_path: Path, clock: Clock) -> None:
    first = await Database.open(tmp_path)
    await keep(Completions(first, now=clock), kept(1, clock, {"who": "me"}))
    await first.close()
    second = await Database.open(tmp_path)
    assert await Completions(second, now=clock).find("chatcmpl-1", "mine") == kept(1, clock, {"who": "me"})
    await second.close()


async def test_many_are_kept_listed_and_deleted_at_once(database: Database, clock: Clock) -> None:
    completions = Completions(database, now=clock)
    await asyncio.gather(*(completions.keep(kept(number, clock), MESSAGES) for number in range(60)))
    lists = await asyncio.gather(*(ids(completions, limit=7) for _ in range(5)))
    assert {len(set(each)) for each in lists} == {60}
    deleted = await asyncio.gather(*(completions.delete(f"chatcmpl-{n // 2}", "mine") for n in range(80)))
    assert sum(deleted) == 40
    assert len(await ids(completions)) == 20


async def test_no_log_holds_what_was_said(
    completions: Completions, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await keep(completions, kept(1, clock, {"key": "a secret label"}))
    await completions.find("chatcmpl-1", "mine")
    await completions.delete("chatcmpl-1", "mine")
    assert "a secret" not in caplog.text
