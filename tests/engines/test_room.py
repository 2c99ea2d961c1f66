"""Answers share the room of a context: in the order of coming, and who is in before who waits."""

from vivavoce.engines.room import BLOCK, Place, Room


def test_what_is_set_aside_is_nobody_elses_until_it_is_left() -> None:
    room = Room(100)
    with Place(room, 60) as first, Place(room, 50) as second:
        assert first.taken(0)
        assert not second.taken(0)
    with Place(room, 100) as all_of_it:
        assert all_of_it.taken(0)
    assert room.free == 100


def test_who_is_in_grows_before_who_waits() -> None:
    room = Room(100 + BLOCK)
    with Place(room, 60) as first, Place(room, 90) as second:
        assert first.taken(0)
        assert first.holds(60)
        assert room.free == 40 + BLOCK
        assert first.holds(61)
        assert room.free == 39
        assert not second.taken(0)
        assert first.holds(60 + BLOCK + 40)
        assert not first.holds(60 + BLOCK + 41)
    assert room.free == 100 + BLOCK


def test_what_one_leaves_another_may_take() -> None:
    room = Room(100)
    with Place(room, 50) as first:
        assert first.taken(0)
        with Place(room, 50) as second:
            assert second.taken(0)
            assert not first.holds(51)
        assert first.holds(51)
