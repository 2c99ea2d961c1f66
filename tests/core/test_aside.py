"""What is large is worked on in another thread, what is small at once."""

import threading

from vivavoce.core.aside import LARGE_BYTES, aside


async def test_only_what_is_large_goes_to_a_thread() -> None:
    here = threading.get_ident()
    assert await aside(LARGE_BYTES, threading.get_ident) == here
    assert await aside(LARGE_BYTES + 1, threading.get_ident) != here
    assert await aside(1, int, "11", base=2) == 3
