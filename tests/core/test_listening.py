"""Long recordings, cut where it is quiet and heard side by side."""

import asyncio
import math
from array import array
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.heard import Recogniser
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Hearing, Transcript, Word
from vivavoce.core.errors import EngineFailed, Overloaded, PublicError, RateLimited
from vivavoce.core.listening import Piecewise, quiet_places

RATE = 1000


def speech(seconds: float, pauses: tuple[tuple[float, float], ...] = ()) -> Pcm:
    """A tone of 100 Hz, each sample told apart by its place, silent in each pause (from, to)."""
    wave = [int(8000 * math.sin(at * 200 * math.pi / RATE)) or 1 for at in range(int(seconds * RATE))]
    for start_s, end_s in pauses:
        wave[int(start_s * RATE) : int(end_s * RATE)] = [0] * (int(end_s * RATE) - int(start_s * RATE))
    return Pcm(array("h", wave).tobytes(), RATE)


async def once(pcm: Pcm) -> AsyncIterator[Pcm]:
    half = len(pcm.data) // 4 * 2
    yield Pcm(pcm.data[:half], pcm.rate)
    yield Pcm(pcm.data[half:], pcm.rate)


async def hear(ear: Recogniser, pcm: Pcm, at_once: int = 1) -> list[Transcript]:
    return [heard async for heard in Piecewise(ear, at_once).transcribe(once(pcm), Hearing())]


def numbered(pcm: Pcm, _ask: Hearing) -> list[Transcript]:
    return [Transcript("part", True, 0, pcm.seconds, (Word("part", 1.0, 1.5),))]


def test_cuts_go_through_the_middle_of_pauses() -> None:
    pcm = speech(70, ((3, 4), (22, 23), (45, 45.4)))
    assert [round(cut / RATE, 1) for cut in quiet_places(pcm)] == [22.5, 45.2]


def test_a_short_recording_is_not_cut() -> None:
    assert quiet_places(speech(30)) == []
    assert len(quiet_places(speech(29.8), 29)) == 1


@settings(max_examples=30, deadline=None)
@given(st.floats(30.1, 200), st.lists(st.floats(0, 190), max_size=8))
def test_pieces_are_neither_too_long_nor_too_short(seconds: float, pauses: list[float]) -> None:
    pcm = speech(seconds, tuple((at, min(at + 0.5, seconds)) for at in pauses if at < seconds))
    edges = [0, *quiet_places(pcm), pcm.samples]
    lengths = [(end - start) / RATE for start, end in pairwise(edges)]
    assert max(lengths) <= 30
    assert min(lengths) >= 5 - 0.001


async def test_nothing_is_lost_or_heard_twice_at_the_cuts() -> None:
    pcm, ear = speech(100, ((20, 21), (44, 45), (66, 67))), Recogniser(numbered)
    await hear(ear, pcm)
    assert b"".join(piece.data for piece in ear.heard) == pcm.data
    assert len(ear.heard) > 3


async def test_times_are_those_of_the_whole_recording_and_in_order() -> None:
    pcm, ear = speech(100), Recogniser(numbered)
    heard = await hear(ear, pcm, at_once=4)
    starts = [0, *(cut / RATE for cut in quiet_places(pcm))]
    assert [transcript.start_s for transcript in heard] == starts
    assert [transcript.words[0].start_s for transcript in heard] == [start + 1.0 for start in starts]
    assert heard[-1].end_s == pytest.approx(100)


@pytest.mark.parametrize("at_once", [1, 3])
async def test_as_many_pieces_at_once_as_the_engine_takes(at_once: int) -> None:
    ear = Recogniser(numbered)
    await hear(ear, speech(200), at_once)
    assert ear.most_at_once == at_once


async def test_a_short_recording_is_one_call_with_its_partial_transcripts() -> None:
    ear = Recogniser(lambda _pcm, _ask: [Transcript("hel", final=False), Transcript("hello")])
    assert [transcript.text for transcript in await hear(ear, speech(5))] == ["hel", "hello"]
    assert len(ear.heard) == 1


async def test_no_sound_is_no_transcript() -> None:
    async def nothing() -> AsyncIterator[Pcm]:
        for pcm in list[Pcm]():
            yield pcm

    assert [heard async for heard in Piecewise(Recogniser()).transcribe(nothing(), Hearing())] == []


async def test_later_pieces_wait_for_their_place_and_the_first_does_not() -> None:
    refusals = [2]

    def busy_once_begun(pcm: Pcm, ask: Hearing) -> list[Transcript]:
        if len(ear.heard) > 1 and refusals[0]:
            refusals[0] -= 1
            raise Overloaded(0)
        return numbered(pcm, ask)

    ear = Recogniser(busy_once_begun)
    heard = await hear(ear, speech(70))
    assert len(heard) == len(quiet_places(speech(70))) + 1

    def full(_pcm: Pcm, _ask: Hearing) -> list[Transcript]:
        raise Overloaded(0)

    with pytest.raises(Overloaded):
        await hear(Recogniser(full), speech(70))


@pytest.mark.parametrize("refusal", [Overloaded(3600), RateLimited(3600)])
async def test_nobody_waits_for_a_place_that_comes_too_late(refusal: PublicError) -> None:
    def full_once_begun(pcm: Pcm, ask: Hearing) -> list[Transcript]:
        if len(ear.heard) > 1:
            raise refusal
        return numbered(pcm, ask)

    ear = Recogniser(full_once_begun)
    async with asyncio.timeout(5):
        with pytest.raises(type(refusal)):
            await hear(ear, speech(70))


async def test_without_a_time_the_next_try_is_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    def limited_once(pcm: Pcm, ask: Hearing) -> list[Transcript]:
        if len(ear.heard) == 2:
            raise RateLimited
        return numbered(pcm, ask)

    ear, pcm = Recogniser(limited_once), speech(70)
    monkeypatch.setattr("vivavoce.core.listening.asyncio.sleep", sleep)
    assert len(await hear(ear, pcm)) == len(quiet_places(pcm)) + 1
    assert [seconds for seconds in slept if seconds] == [1.0]


async def test_an_error_in_one_piece_ends_the_others() -> None:
    def fails(_pcm: Pcm, _ask: Hearing) -> list[Transcript]:
        raise EngineFailed

    ear = Recogniser(fails)
    with pytest.raises(EngineFailed):
        await hear(ear, speech(200))
    assert len(asyncio.all_tasks()) == 1
