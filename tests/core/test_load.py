"""What is known of how busy an engine is."""

import math

import pytest

from vivavoce.core.admitted import ADMITTED_S, UNREAD_S, Admitted, admitted, patience_s, working_for
from vivavoce.core.load import FULL_RATE, GUESS_S, Average, Load


def test_the_newest_counts_most_and_none_alone() -> None:
    average = Average()
    assert average.value is None
    average.add(1.0)
    assert average.value == 1.0
    for _ in range(30):
        average.add(3.0)
    assert average.value == pytest.approx(3.0, abs=0.01)


def test_a_free_place_is_not_waited_for() -> None:
    load = Load(places=2)
    load.busy = 1
    assert load.line_s == 0.0


def test_the_line_is_as_long_as_the_calls_before_take() -> None:
    load = Load(places=2)
    load.busy, load.waiting = 2, 1
    assert load.line_s == 2 * GUESS_S / 2
    load.called(4.0, 0.0)
    assert load.line_s == 2 * 4.0 / 2
    load.coming.add(Admitted("", 0.0))
    assert load.line_s == 3 * 4.0 / 2


def test_how_many_it_speaks_to_is_measured() -> None:
    load = Load(places=2)
    assert (load.pace, load.voices) == (0.0, math.inf)
    load.called(1.0, 0.0)
    assert load.voices == math.inf
    load.called(1.0, 10.0)
    assert (load.pace, load.voices) == (0.1, int(2 / 0.1 / FULL_RATE))
    for _ in range(40):
        load.called(5.0, 10.0)  # the machine has become busy
    assert (load.pace, load.voices) == (0.5, 3)
    for _ in range(40):
        load.called(50.0, 10.0)
    assert load.voices == 1


def test_a_turn_is_held_up_by_its_reader_when_no_engine_works_for_it() -> None:
    turn = Admitted("project", began=10.0)
    assert not turn.held_up(10.0)
    turn.unread(11.0)
    assert not turn.held_up(11.0 + UNREAD_S / 2)
    assert turn.held_up(11.0 + UNREAD_S)
    turn.calls = 1
    assert not turn.held_up(11.0 + UNREAD_S)
    assert turn.worked_s(14.0) == 1.0
    turn.read(15.0)
    turn.read(16.0)
    turn.calls = 0
    assert not turn.held_up(20.0)
    assert turn.worked_s(20.0) == 6.0


def test_a_reader_that_has_just_held_up_its_turn_is_given_no_more_time() -> None:
    turn = Admitted("project", began=0.0)
    turn.unread(1.0)
    turn.read(1.1)
    turn.unread(1.2)
    assert not turn.held_up(1.2)
    turn.read(9.0)
    turn.unread(9.1)
    assert turn.held_up(9.1)
    turn.read(9.2)
    turn.unread(10.0)
    assert not turn.held_up(10.0)


def test_a_turn_knows_how_long_there_is_still_something_to_hear() -> None:
    turn = Admitted("project", began=0.0)
    assert turn.ahead_s(1.0) is None
    turn.sounded(2.0, 1.0)
    assert [turn.ahead_s(now) for now in (1.0, 2.0, 9.0)] == [2.0, 1.0, 0.0]
    turn.sounded(2.0, 9.0)
    turn.sounded(2.0, 10.0)
    assert turn.ahead_s(10.0) == 3.0
    turn.unread(11.0)  # what is not taken is not played
    assert turn.ahead_s(100.0) == 2.0
    turn.read(100.0)
    assert turn.ahead_s(101.0) == 1.0


def test_a_turn_without_sound_has_nothing_to_hear_however_long_its_reader_takes() -> None:
    turn = Admitted("project", began=0.0)
    turn.unread(1.0)
    turn.read(9.0)
    assert turn.ahead_s(10.0) is None


def test_whoever_works_for_a_turn_knows_it() -> None:
    turn = Admitted("project", 0.0)
    assert admitted() is None
    with working_for(turn):
        assert admitted() is turn
        assert patience_s(2.0) == ADMITTED_S
    assert admitted() is None
    assert patience_s(2.0) == 2.0
