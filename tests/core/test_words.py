import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.jumping import timed
from vivavoce.core.errors import EngineFailed
from vivavoce.core.words import Words, arriving


async def _now() -> float:
    return asyncio.get_running_loop().time()


async def test_words_are_taken_in_their_order_and_end() -> None:
    words = Words()
    for word in ("one ", "", "two "):
        await words.put(word)
    words.end()
    assert [words.take() for _ in range(2)] == ["one ", ""]
    assert not words.ended
    assert words.take() == "two "
    assert words.take() is None
    assert words.ended


async def test_whoever_takes_as_they_come_waits_for_them() -> None:
    words, taken = Words(), list[str]()

    async def take() -> None:
        async for word in words:
            taken.append(word)

    taking = asyncio.create_task(take())
    for word in ("one ", "two ", "three "):
        await words.put(word)
        for _ in range(2):
            await asyncio.sleep(0)
        assert taken[-1] == word
    words.end()
    await taking
    assert taken == ["one ", "two ", "three "]


async def test_whoever_has_many_waits_until_some_are_taken() -> None:
    words, came = Words(2), list[int]()

    async def put() -> None:
        for number in range(7):
            await words.put(str(number))
            came.append(number)
        words.end()

    putting = asyncio.create_task(put())
    await asyncio.sleep(0)
    assert came == [0, 1]
    assert words.take() == "0"
    for _ in range(3):
        await asyncio.sleep(0)
    assert came == [0, 1, 2]
    assert [word async for word in words] == list("123456")
    await putting


def test_words_are_waited_for_no_longer_than_asked() -> None:
    async def waits() -> list[tuple[bool, float]]:
        words, found = Words(), list[tuple[bool, float]]()
        asyncio.get_running_loop().call_later(10, words.end)
        for seconds in (0, 3, 4, None):
            found.append((await words.within(seconds), await _now()))
        assert await words.within(0)
        return found

    assert timed(waits()) == [(False, 0), (False, 3), (False, 7), (True, 10)]


async def test_words_that_are_about_to_come_are_there_in_no_time() -> None:
    words = Words()
    putting = asyncio.create_task(words.put("one"))
    assert await words.within(0)
    assert words.take() == "one"
    await putting


def test_who_stops_waiting_can_wait_again() -> None:
    async def again() -> float:
        words = Words()
        for seconds in (5, None):
            waiting = asyncio.create_task(words.within(seconds))
            await asyncio.sleep(1)
            waiting.cancel()
            await asyncio.wait({waiting})
            assert waiting.cancelled()
        await words.put("one")
        assert await words.within(5)
        return await _now()

    assert timed(again()) == 2


async def test_why_words_break_off_is_told_after_the_last_of_them() -> None:
    words = Words()
    await words.put("one")
    words.end(EngineFailed())
    assert await words.within(None)
    assert words.take() == "one"
    for _ in range(2):
        with pytest.raises(EngineFailed):
            words.take()
    with pytest.raises(EngineFailed):
        await anext(words)


async def test_words_from_elsewhere_are_read_ahead_of_whoever_takes_them() -> None:
    read: list[str] = []

    async def elsewhere() -> AsyncIterator[str]:
        for word in ("one ", "two ", "three ", "four "):
            read.append(word)
            yield word

    async with arriving(elsewhere(), 2) as words:
        assert await words.within(None)
        assert read == ["one ", "two ", "three "]  # the third waits for room
        assert [word async for word in words] == ["one ", "two ", "three ", "four "]


async def test_words_from_elsewhere_break_off_as_they_do_there() -> None:
    async def breaks_off() -> AsyncIterator[str]:
        yield "one"
        raise EngineFailed

    async with arriving(breaks_off(), 2) as words:
        assert await anext(words) == "one"
        with pytest.raises(EngineFailed):
            await anext(words)


async def test_words_are_read_no_further_once_nobody_takes_them() -> None:
    ended: list[str] = []

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "and "
                await asyncio.sleep(0)
        finally:
            ended.append("reading")

    async with arriving(endless(), 2) as words:
        assert await anext(words) == "and "
    assert ended == ["reading"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_words_that_are_put_in_already_need_no_reader() -> None:
    words = Words()
    async with arriving(words, 1) as same:
        assert same is words
        assert asyncio.all_tasks() == {asyncio.current_task()}
