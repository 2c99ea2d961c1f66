"""A blocking call on a thread of its own: what it gives, its errors, its end."""

import threading
from collections.abc import Callable, Iterator

import pytest

from vivavoce.engines.beside import WAITING, beside

Give = Callable[[int | None], bool]


def test_what_is_given_comes_in_order_with_beats_between() -> None:
    go = threading.Event()

    def work(give: Give) -> None:
        give(1)
        go.wait()
        give(2)

    items = beside(work, "work")
    assert next(items) == 1
    assert next(items) is None
    go.set()
    assert [item for item in items if item is not None] == [2]


def test_nothing_given_only_asks() -> None:
    told: list[bool] = []

    def work(give: Give) -> None:
        told.append(give(None))
        give(1)
        while give(None):
            pass
        told.append(False)

    items = beside(work, "asking")
    assert next(items) == 1
    items.close()  # type: ignore[attr-defined]
    assert told == [True, False]


def test_its_error_is_raised_after_what_it_gave() -> None:
    def work(give: Give) -> None:
        give(1)
        raise ValueError("broken")

    items = beside(work, "work")
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        list(items)


def test_closing_tells_the_work_and_waits_for_it() -> None:
    told: list[bool] = []

    def work(give: Give) -> None:
        told.append(give(1))
        while give(2):
            pass
        told.append(give(3))

    items = beside(work, "closing")
    assert next(items) == 1
    items.close()  # type: ignore[attr-defined]
    assert told == [True, False]
    assert "closing" not in {thread.name for thread in threading.enumerate()}


def test_it_is_only_so_far_ahead() -> None:
    given: list[int] = []

    def work(give: Give) -> None:
        for number in range(WAITING * 3):
            give(number)
            given.append(number)

    items: Iterator[int | None] = beside(work, "work")
    assert next(items) == 0
    assert len(given) <= WAITING + 2
    assert [item for item in items if item is not None] == list(range(1, WAITING * 3))
