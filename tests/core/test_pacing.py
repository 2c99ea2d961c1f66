"""What is said when: engines at a known pace, and a clock that jumps."""

import asyncio
from collections.abc import AsyncIterator
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.jumping import timed
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Speaking, Utterance
from vivavoce.core.errors import EngineFailed
from vivavoce.core.joins import PAUSES_S
from vivavoce.core.pacing import CARE, CHARACTERS_A_SECOND, Pacing, Pieces
from vivavoce.core.phrases import LIMIT, Cut, Phrases
from vivavoce.core.speaking import Phrased
from vivavoce.core.turn import AudioDelta, Stream
from vivavoce.testing.scripted import tokens, tone

LONG = (
    "The museum opens at nine in the morning and closes at six, except on Mondays. You can buy a ticket at the door, "
    "or on the web for two euros less. Children under twelve come in free of charge. If you want a guide, ask at the "
    "desk on the left side of the hall before ten. The last tour starts at four. Enjoy your visit to our city."
)


class Paced:
    """A voice that takes `cost` seconds to make one of sound, and gives it whole or in parts."""

    def __init__(self, cost: float, parts: int = 1) -> None:
        self.cost, self.parts = cost, parts
        self.said: list[tuple[float, str]] = []

    async def synthesize(self, say: Utterance) -> Stream[Pcm]:
        self.said.append((asyncio.get_running_loop().time(), say.text))
        seconds = len(say.text) / CHARACTERS_A_SECOND / self.parts
        for _ in range(self.parts):
            await asyncio.sleep(seconds * self.cost)
            yield tone(seconds)


class Played:
    """Whoever listens: when the sound begins, and for how long there is none in between."""

    def __init__(self) -> None:
        self.first_s = self.ends_s = self.gaps_s = 0.0

    def hear(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        if not self.ends_s:
            self.first_s = self.ends_s = now
        self.gaps_s += max(now - self.ends_s, 0)
        self.ends_s = max(self.ends_s, now) + seconds


async def each_in_time(text: str, token_s: float) -> AsyncIterator[str]:
    for token in tokens(text):
        await asyncio.sleep(token_s)
        yield token


def listen(text: str, voice: Paced, token_s: float = 0.03, first: str = "clause", live: bool = True) -> Played:
    """Have `text` thought and said, in time of its own."""

    async def speak() -> Played:
        played = Played()
        clock = asyncio.get_running_loop().time
        phrased = Phrased(voice, "en", first, clock)  # type: ignore[arg-type]
        async for sound in phrased.speak(each_in_time(text, token_s), Speaking("alloy", live=live)):
            if sound.pcm.samples:
                played.hear(sound.pcm.seconds)
        return played

    return timed(speak())


@pytest.mark.parametrize("cost", [0.01, 0.03, 0.3, 0.7])
@pytest.mark.parametrize("parts", [1, 5])
def test_nobody_hears_a_gap(cost: float, parts: int):
    voice = Paced(cost, parts)
    assert listen(LONG, voice).gaps_s < 0.001
    assert " ".join(text for _, text in voice.said) == LONG


def test_the_pause_after_a_clause_is_time_to_make_the_next_piece():
    voice = Paced(0.7)
    assert listen("No trouble at all, we can shift that for you.", voice).gaps_s < 0.001
    assert [text for _, text in voice.said] == ["No trouble at all,", "we can shift that for you."]


def test_the_first_piece_is_said_as_soon_as_it_is_there():
    voice = Paced(0.03)
    played = listen(LONG, voice)
    at_s, text = voice.said[0]
    assert text == "The museum opens at nine"
    assert at_s == pytest.approx(6 * 0.03)  # the word after it tells that it ends
    assert played.first_s == pytest.approx(at_s + len(text) / CHARACTERS_A_SECOND * 0.03)


def test_a_sentence_may_be_wanted_first():
    voice = Paced(0.03)
    listen(LONG, voice, first="sentence")
    assert voice.said[0][1].endswith("except on Mondays.")


def test_what_nobody_waits_for_is_said_in_whole_sentences():
    voice = Paced(0.7)
    listen(LONG, voice, token_s=0.4, live=False)
    assert all(text.endswith(".") for _, text in voice.said)
    assert len(voice.said) == LONG.count(".")
    fast = Paced(0.7)
    listen(LONG, fast, token_s=0, live=False)
    assert any(text.count(".") > 1 for _, text in fast.said)


def test_pieces_grow_with_the_sound_that_is_left():
    voice = Paced(0.7)
    listen(LONG, voice)
    lengths = [len(text) for _, text in voice.said]
    assert 2 * max(lengths[:2]) < max(lengths[-3:]) <= LIMIT
    fast = Paced(0.03)
    listen(LONG, fast, token_s=0)
    assert len(fast.said) < len(voice.said)
    assert any(text.count(".") > 1 for _, text in fast.said)


def test_a_sentence_that_is_thought_slowly_is_not_waited_for_in_silence():
    voice = Paced(0.03)
    slow = "I think so, because in the end the answer that we are all looking for lies somewhere behind the hill."
    listen(slow, voice, token_s=0.4)
    assert [text for _, text in voice.said][:2] == [
        "I think so,",
        "because in the end",
    ]


def test_what_is_thought_faster_than_it_is_said_is_said_in_whole_sentences():
    voice = Paced(0.03)
    listen(LONG, voice, token_s=0.005)
    assert all(text.endswith(".") for _, text in voice.said[1:])


def test_words_that_are_all_there_begin_with_the_first_piece():
    voice = Paced(0.03)
    listen(LONG * 50, voice, token_s=0)
    assert voice.said[0] == (0, "The museum opens at nine")


def test_lines_and_languages_are_said_apart():
    voice = Paced(0.01)
    listen("Here is a list, in two lines:\n- Eggs.\n- Milk.\nЭто всё. Till then.", voice)
    assert [text for _, text in voice.said][-2:] == ["Это всё.", "Till then."]
    assert not any("Eggs" in text and "Milk" in text for _, text in voice.said)


@pytest.mark.parametrize(("cut", "text"), [(Cut.END, "One two. Three four."), (Cut.CLAUSE, "I think so, but no.")])
def test_pieces_are_a_pause_apart(cut: Cut, text: str):
    voice = Paced(0.3)
    played = listen(text, voice)
    spoken = sum(len(said) for _, said in voice.said) / CHARACTERS_A_SECOND
    assert len(voice.said) == 2
    assert played.ends_s - played.first_s - spoken == pytest.approx(PAUSES_S[cut][0], abs=0.001)


def test_words_that_never_come_are_not_waited_for_once_nobody_listens():
    async def leave() -> None:
        async def endless() -> AsyncIterator[str]:
            yield "Hello there, you. "
            await asyncio.sleep(3600)

        speaking = Phrased(Paced(0.01), clock=asyncio.get_running_loop().time).speak(endless(), Speaking("alloy"))
        listening = asyncio.create_task(_through(speaking))
        await asyncio.sleep(1)
        listening.cancel()
        await asyncio.wait({listening})
        assert listening.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert asyncio.get_running_loop().time() == 1

    timed(leave())


def test_a_clause_is_said_while_the_rest_of_its_sentence_is_long_in_coming():
    async def hesitating() -> AsyncIterator[str]:
        yield "Hello there, my friend. I think that this is good, and"
        await asyncio.sleep(3600)
        yield " so on."

    async def speak() -> None:
        clock = asyncio.get_running_loop().time
        await _through(Phrased(voice, clock=clock).speak(hesitating(), Speaking("alloy")))

    voice = Paced(0.3)
    timed(speak())
    assert [text for _, text in voice.said] == ["Hello there, my friend.", "I think that this is good,", "and so on."]
    assert 0 < voice.said[1][0] < voice.said[0][0] + tone(len(voice.said[0][1]) / CHARACTERS_A_SECOND).seconds * 1.3


def test_words_that_break_off_break_off_what_is_said():
    async def broken() -> AsyncIterator[str]:
        yield "Hello there, my friend. "
        raise EngineFailed

    voice = Paced(0.01)
    with pytest.raises(EngineFailed):
        timed(_through(Phrased(voice, clock=lambda: 0.0).speak(broken(), Speaking("alloy"))))
    assert [text for _, text in voice.said] == ["Hello there, my friend."]


async def _through(sounds: Stream[AudioDelta]) -> None:
    async for _ in sounds:
        pass


def test_a_voice_may_give_a_few_samples_at_a_time():
    assert listen("Hello there, you.", Paced(0.3, parts=1000)).gaps_s < 0.001


WORDS = st.sampled_from(["one", "and", "two,", "three.", "Four", "in", "the\n", "好。", "是，", "😀"])


@given(st.lists(WORDS, max_size=60).map(" ".join), st.lists(st.floats(0, 3), min_size=1, max_size=9))
def test_pieces_are_the_text_whatever_the_clock_says(text: str, times: list[float]):
    clock = iter(accumulate(times * 1000))
    pacing = Pacing(lambda: next(clock))
    pieces = Pieces(Phrases(), pacing)
    given_out = []
    for token in [*tokens(text), None]:
        pieces.end() if token is None else pieces.feed(token)
        while piece := pieces.next():
            given_out.append(piece)
            pacing.sent(len(piece.text) / 15)
            pacing.learn(piece.text, len(piece.text) / 15, times[0])
    assert "".join(piece.text for piece in given_out) == text
    assert all(before.end == after.start for before, after in pairwise(given_out))


def test_a_voice_is_counted_on_to_be_somewhat_slower_than_it_was():
    pacing = Pacing(lambda: 0.0)
    pacing.sent(2)
    assert pacing.room == 2 * CHARACTERS_A_SECOND
    pacing.learn("twenty characters...", 2, 0.5)
    assert pacing.room == int(2 * 10 / (0.25 * CARE))
    pacing.learn("", 0, 0.5)
    assert pacing.room == int(2 * 10 / (0.25 * CARE))
