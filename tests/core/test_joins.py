from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.core.audio import QUIET, SPOKEN_RATE
from vivavoce.core.joins import NO_PAUSE_S, PAUSES_S, Joins
from vivavoce.core.places import Cut
from vivavoce.testing.scripted import tone

HEIGHT = 420  # a sine of 200 Hz and 8000 moves so far from one sample to the next at most


def silence(seconds: float) -> bytes:
    return bytes(int(seconds * SPOKEN_RATE) * 2)


def said(lead_s: float, tail_s: float, sound: bytes = tone(0.05).data) -> bytes:
    return silence(lead_s) + sound + silence(tail_s)


def join(pieces: list[tuple[Cut, bytes]], chunk: int = 0, speed: float = 1) -> bytes:
    joins, out = Joins(speed), b""
    for before, sound in pieces:
        joins.begin(before)
        out += joins.pause()
        size = chunk or max(len(sound), 2)
        for at in range(0, len(sound), size):
            out += joins.add(sound[at : at + size])
    return out + joins.end()


def pauses(sound: bytes) -> list[float]:
    """Every stretch of silence of 5 ms and more, in seconds."""
    found, run = [], 0
    for sample in (*array("h", sound), QUIET + 1):
        if abs(sample) <= QUIET:
            run += 1
            continue
        if run > 0.005 * SPOKEN_RATE:
            found.append(run / SPOKEN_RATE)
        run = 0
    return found


@pytest.mark.parametrize("chunk", [0, 1002])
@pytest.mark.parametrize("cut", [Cut.END, Cut.CLAUSE, Cut.PHRASE, Cut.SPACE])
@pytest.mark.parametrize(("tail_s", "lead_s"), [(0, 0), (0.04, 0.03), (0.1, 0.1), (0.5, 0), (0, 0.5), (0.4, 0.4)])
def test_two_pieces_are_one_pause_apart(cut: Cut, tail_s: float, lead_s: float, chunk: int):
    out = join([(Cut.NEVER, said(0, tail_s)), (cut, said(lead_s, 0))], chunk)
    least, most = PAUSES_S.get(cut, NO_PAUSE_S)
    pause = min(max(tail_s + lead_s, least), most)
    assert pauses(out) == ([pytest.approx(pause, abs=0.006)] if pause else [])
    assert len(out) / 2 / SPOKEN_RATE == pytest.approx(0.1 + pause, abs=0.011)


def test_nobody_waits_for_the_silence_before_the_first_word_and_all_of_the_last_one_is_kept():
    out = join([(Cut.NEVER, said(0.5, 0.3))])
    assert pauses(out)[0] == pytest.approx(NO_PAUSE_S[1], abs=0.006)
    assert pauses(out)[1] == pytest.approx(0.3, abs=0.006)


@pytest.mark.parametrize("chunk", [0, 1002])
def test_a_voice_that_begins_and_ends_softly_loses_nothing(chunk: int):
    soft = array("h", [QUIET + 50, -QUIET - 50] * 3600).tobytes()
    whole = soft + tone(0.05).data + soft
    out = join([(Cut.NEVER, whole), (Cut.PHRASE, whole)], chunk)
    assert (len(out), pauses(out)) == (2 * len(whole), [])


def test_pauses_are_shorter_in_fast_speech():
    out = join([(Cut.NEVER, said(0, 0.5)), (Cut.END, said(0.5, 0))], speed=2)
    assert pauses(out) == [pytest.approx(PAUSES_S[Cut.END][1] / 2, abs=0.006)]


@pytest.mark.parametrize("tail_s", [0, 0.1, 0.5])
@pytest.mark.parametrize("cut", [Cut.END, Cut.CLAUSE])
def test_the_pause_before_a_piece_sounds_while_that_is_made(cut: Cut, tail_s: float):
    joins = Joins()
    joins.begin(Cut.NEVER)
    assert joins.pause() == b""
    out = joins.add(said(0, tail_s))
    joins.begin(cut)
    out += joins.pause()
    assert joins.pause() == b""
    assert len(out) / 2 / SPOKEN_RATE == pytest.approx(0.05 + PAUSES_S[cut][0] - 0.02, abs=0.006)
    out += joins.add(said(0, 0)) + joins.end()
    pause = min(max(tail_s, PAUSES_S[cut][0]), PAUSES_S[cut][1])
    assert pauses(out) == [pytest.approx(pause, abs=0.006)]


@pytest.mark.parametrize("hiss", [[0], [QUIET, -QUIET], [1, 0, 0, -1]])
@pytest.mark.parametrize("loud", [8000, 256, -256, QUIET + 1])
def test_silence_may_hiss_and_loud_samples_have_bytes_of_nothing(hiss: list[int], loud: int):
    silent, word = (array("h", samples * 4800).tobytes() for samples in (hiss, [loud]))
    out = join([(Cut.NEVER, word + silent), (Cut.END, silent + word)])
    assert len(out) == 2 * len(word) + int(PAUSES_S[Cut.END][1] * SPOKEN_RATE) * 2
    assert out.startswith(word)
    assert out.endswith(word)


@pytest.mark.parametrize("cut", [Cut.NEVER, Cut.SPACE, Cut.PHRASE])
def test_no_pause_is_certain_where_a_reader_would_not_stop(cut: Cut):
    joins = Joins()
    joins.begin(Cut.NEVER)
    joins.add(said(0, 0.5))
    joins.begin(cut)
    assert joins.pause() == b""


def test_a_piece_of_silence_leaves_one_pause_of_the_longer_kind():
    out = join([(Cut.NEVER, said(0, 0)), (Cut.END, silence(0.5)), (Cut.CLAUSE, said(0, 0))])
    assert pauses(out) == [pytest.approx(PAUSES_S[Cut.END][1], abs=0.006)]


def test_only_silence_is_kept_as_it_is():
    assert join([(Cut.NEVER, silence(0.5))]) == silence(0.5)
    assert join([]) == b""


@pytest.mark.parametrize("chunk", [0, 4800])
def test_a_voice_that_is_silent_for_long_means_it(chunk: int):
    out = join([(Cut.NEVER, said(0, 0)), (Cut.END, silence(3) + said(0, 3)), (Cut.END, said(3, 0))], chunk)
    assert [round(pause) for pause in pauses(out)] == [2, 4]


def test_endless_silence_goes_out():
    joins = Joins()
    joins.begin(Cut.NEVER)
    assert sum(len(joins.add(silence(0.1))) for _ in range(100)) > len(silence(8))


def test_nothing_clicks_where_a_voice_stops_and_begins_at_once():
    loud = array("h", [8000] * 2400).tobytes()
    out = array("h", join([(Cut.NEVER, loud), (Cut.PHRASE, silence(0.01) + tone(0.1).data)]))
    assert max(abs(after - before) for before, after in pairwise(out)) <= HEIGHT


SOUNDS = {"hush": silence(0.01), "long hush": silence(0.2), "word": tone(0.01).data, "words": tone(0.05).data}


@given(
    st.lists(
        st.tuples(st.sampled_from(list(Cut)[2:]), st.lists(st.sampled_from([*SOUNDS]), max_size=4)),
        max_size=5,
    ),
    st.integers(20, 3000),
)
def test_no_loud_sound_is_lost_and_chunks_change_nothing(pieces: list[tuple[Cut, list[str]]], chunk: int):
    whole = [(cut, b"".join(SOUNDS[sound] for sound in sounds)) for cut, sounds in pieces]
    out = join(whole)
    assert join(whole, chunk * 2) == out
    came = sum(abs(sample) > 4000 for _, sound in whole for sample in array("h", sound))
    assert sum(abs(sample) > 4000 for sample in array("h", out)) >= came - 60 * len(pieces)
