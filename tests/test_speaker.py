"""Which engines are given words as they come."""

from collections.abc import AsyncIterable

import pytest

from tests.support.watch import Notes
from vivavoce.assembly import Engine, speaker
from vivavoce.config import ModelConfig
from vivavoce.core.engines import Card, Speaking, Utterance
from vivavoce.core.errors import EngineFailed
from vivavoce.core.streams import once
from vivavoce.core.turn import AudioDelta, Stream
from vivavoce.engines.child import EngineMissing
from vivavoce.testing import Speaks
from vivavoce.testing.scripted import tone


class Reads:
    """Takes words as they come."""

    def __init__(self) -> None:
        self.asked: list[Speaking] = []

    def card(self) -> Card:
        return Card("reads", ("speak",), ("slt",))

    async def speak(self, words: AsyncIterable[str], ask: Speaking) -> Stream[AudioDelta]:
        self.asked.append(ask)
        async for word in words:
            yield AudioDelta(tone(0.1), len(word))


class Broken(Reads):
    async def speak(self, words: AsyncIterable[str], ask: Speaking) -> Stream[AudioDelta]:
        del ask
        async for _ in words:
            raise EngineFailed
        yield AudioDelta(tone(0.1), 0)


def running(**engines: object) -> dict[str, Engine]:
    plays = frozenset({"speak"})
    return {name: Engine(name, "x", engine, None, plays, watch=Notes()) for name, engine in engines.items()}


async def said(settings: ModelConfig, engines: dict[str, Engine]) -> int:
    return [sound.text_end async for sound in speaker(settings, engines).speak(once("Hi. Ho."), Speaking("alloy"))][-1]


async def test_an_engine_that_takes_words_is_given_them_by_its_own_voice() -> None:
    reads = Reads()
    assert await said(ModelConfig(speak="reads"), running(reads=reads)) == 7
    assert reads.asked == [Speaking("slt")]


async def test_one_that_says_pieces_stands_in_for_one_that_takes_words() -> None:
    speaks = Speaks()
    assert await said(ModelConfig(speak=["broken", "speaks"]), running(broken=Broken(), speaks=speaks)) == 7
    assert speaks.asked == [Utterance("Hi.", "alloy"), Utterance("Ho.", "alloy")]


async def test_words_have_no_language_yet() -> None:
    both = ModelConfig(speak={"default": "speaks", "de": "reads"})
    with pytest.raises(EngineMissing, match="engine 'reads' cannot speak one of several languages"):
        await said(both, running(speaks=Speaks(), reads=Reads()))


async def test_a_first_sentence_may_be_wanted() -> None:
    speaks = Speaks()
    sounds = speaker(ModelConfig(speak="speaks", first_piece="sentence"), running(speaks=speaks))
    assert [sound async for sound in sounds.speak(once("I think so, but I may be wrong."), Speaking("alloy"))]
    assert speaks.asked[0].text == "I think so, but I may be wrong."
