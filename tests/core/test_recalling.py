"""Nothing is heard twice: what was heard is recalled, and those who ask at the same moment hear together."""

import asyncio
from collections.abc import AsyncIterable
from contextlib import aclosing

import pytest

from tests.support.waiting import until
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Hearing, Transcript
from vivavoce.core.errors import EngineFailed
from vivavoce.core.recalling import How, Recalling
from vivavoce.core.streams import once
from vivavoce.core.turn import Stream
from vivavoce.testing.scripted import tone

ASK = Hearing(project="mine")


class Ear:
    """Hears two stretches, the second when it is let."""

    def __init__(self, error: Exception | None = None, *, held: bool = False) -> None:
        self.asked: list[Hearing] = []
        self.left = 0
        self.go = asyncio.Event()
        self._error = error
        if not held:
            self.go.set()

    async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        self.asked.append(ask)
        sound = [pcm async for pcm in audio]
        try:
            yield Transcript("he", final=False)
            yield Transcript(f"hello {len(self.asked)}", end_s=sound[0].seconds)
            await self.go.wait()
            if self._error is not None:
                raise self._error
            yield Transcript("there")
        finally:
            self.left += 1


class Kept:
    def __init__(self) -> None:
        self.words: dict[str, list[Transcript]] = {}

    async def recall(self, name: str) -> list[Transcript] | None:
        await asyncio.sleep(0)
        return self.words.get(name)

    def remember(self, name: str, words: list[Transcript]) -> None:
        self.words[name] = words


async def hear(ear: Recalling, sound: Pcm | None = None, ask: Hearing = ASK) -> str:
    async with aclosing(ear.transcribe(once(sound or tone(0.25)), ask)) as heard:
        return " ".join([each.text async for each in heard if each.final])


async def test_what_was_heard_once_is_recalled_and_the_engine_learns_nothing_of_whose_it_is() -> None:
    ear, memory, told = Ear(), Kept(), list[How]()
    for _ in range(2):  # the second as after a restart
        first = Recalling(ear, "ear", memory, told.append)
        assert [await hear(first), await hear(first)] == ["hello 1 there"] * 2
    assert ear.asked == [Hearing()]
    assert told == ["heard", "recalled", "recalled", "recalled"]
    assert [[each.text for each in words] for words in memory.words.values()] == [["hello 1", "there"]]


async def test_what_comes_in_pieces_is_the_same_sound() -> None:
    ear = Ear()
    recalling = Recalling(ear, "ear", Kept())

    async def halves() -> Stream[Pcm]:
        whole = tone(0.25)
        yield Pcm(whole.data[:2000], whole.rate)
        yield Pcm(whole.data[2000:], whole.rate)

    async with aclosing(recalling.transcribe(halves(), ASK)) as heard:
        assert [each.text async for each in heard] == ["he", "hello 1", "there"]
    assert await hear(recalling) == "hello 1 there"


@pytest.mark.parametrize(
    ("sound", "ask"),
    [
        (tone(0.5), ASK),
        (Pcm(tone(0.25).data, 16_000), ASK),
        (None, Hearing(project="another's")),
        (None, Hearing("en", project="mine")),
        (None, Hearing(prompt="mine", project="mine")),
        (None, Hearing(words=True, project="mine")),
        (None, Hearing(translate=True, project="mine")),
    ],
)
async def test_another_question_is_heard_anew(sound: Pcm | None, ask: Hearing) -> None:
    ear = Ear()
    recalling = Recalling(ear, "ear", Kept())
    await hear(recalling)
    assert await hear(recalling, sound, ask) == "hello 2 there"


async def test_another_ear_hears_anew() -> None:
    ear, memory = Ear(), Kept()
    await hear(Recalling(ear, "tiny", memory))
    assert await hear(Recalling(ear, "large", memory)) == "hello 2 there"


async def test_without_a_memory_only_those_at_the_same_moment_share() -> None:
    ear, told = Ear(), list[How]()
    recalling = Recalling(ear, "ear", told=told.append)
    assert set(await asyncio.gather(*(hear(recalling) for _ in range(3)))) == {"hello 1 there"}
    assert await hear(recalling) == "hello 2 there"
    assert told == ["joined", "joined", "heard", "heard"]


async def test_nothing_is_heard_in_nothing() -> None:
    async def nothing() -> Stream[Pcm]:
        for pcm in list[Pcm]():
            yield pcm

    async with aclosing(Recalling(Ear(), "ear").transcribe(nothing(), ASK)) as heard:
        assert [each async for each in heard] == []


async def test_stretches_are_given_as_they_are_heard_also_to_one_who_joins() -> None:
    ear = Ear(held=True)
    recalling = Recalling(ear, "ear", Kept())
    async with aclosing(recalling.transcribe(once(tone(0.25)), ASK)) as first:
        assert [(await anext(first)).text, (await anext(first)).text] == ["he", "hello 1"]
        async with aclosing(recalling.transcribe(once(tone(0.25)), ASK)) as second:
            assert [(await anext(second)).text, (await anext(second)).text] == ["he", "hello 1"]
            ear.go.set()
            assert (await anext(first)).text == (await anext(second)).text == "there"


@pytest.mark.parametrize("leaver", [0, 1])
async def test_one_who_leaves_does_not_end_what_another_waits_for(leaver: int) -> None:
    ear = Ear(held=True)
    recalling = Recalling(ear, "ear", Kept())
    asking = [asyncio.create_task(hear(recalling)) for _ in range(2)]
    await until(lambda: bool(ear.asked))
    asking[leaver].cancel()
    await asyncio.wait([asking[leaver]])
    assert not ear.left
    ear.go.set()
    assert await asking[1 - leaver] == "hello 1 there"


async def test_the_last_who_leaves_ends_it_and_nothing_of_it_is_kept() -> None:
    ear, memory = Ear(held=True), Kept()
    recalling = Recalling(ear, "ear", memory)
    asking = [asyncio.create_task(hear(recalling)) for _ in range(2)]
    await until(lambda: bool(ear.asked))
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)
    assert ear.left == 1
    assert not memory.words
    ear.go.set()
    assert await hear(recalling) == "hello 2 there"


async def test_one_who_comes_while_the_last_leaves_begins_anew() -> None:
    ear = Ear(held=True)
    recalling = Recalling(ear, "ear", Kept())
    leaving = asyncio.create_task(hear(recalling))
    await until(lambda: bool(ear.asked))
    leaving.cancel()
    staying = asyncio.create_task(hear(recalling))
    ear.go.set()
    assert await staying == "hello 2 there"


async def test_an_error_is_everybodys_and_not_kept() -> None:
    ear, memory = Ear(EngineFailed("broken"), held=True), Kept()
    recalling = Recalling(ear, "ear", memory)
    asking = [asyncio.create_task(hear(recalling)) for _ in range(2)]
    await until(lambda: bool(ear.asked))
    ear.go.set()
    done = await asyncio.gather(*asking, return_exceptions=True)
    assert [str(error) for error in done] == ["broken"] * 2
    assert not memory.words
    with pytest.raises(EngineFailed):
        await hear(recalling)
    assert len(ear.asked) == 2


async def test_one_who_is_slow_to_take_what_failed_holds_nobody_to_that() -> None:
    ear = Ear(EngineFailed("broken"))
    recalling = Recalling(ear, "ear", Kept())
    async with aclosing(recalling.transcribe(once(tone(0.25)), ASK)) as slow:
        assert (await anext(slow)).text == "he"
        with pytest.raises(EngineFailed):
            await hear(recalling)
        with pytest.raises(EngineFailed):
            await hear(recalling)
    assert len(ear.asked) == 3
