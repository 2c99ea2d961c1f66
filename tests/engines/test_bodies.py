"""What other servers answer, cut anywhere, and without an end."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.core.errors import EngineFailed
from vivavoce.engines import bodies

TEXT = 'data: {"a": "One\u2028two\u0085three\x0bfour"}\r\n\r\n: ping\n\ndata: [DONE]\n\nlast'
LINES = ['data: {"a": "One\u2028two\u0085three\x0bfour"}', "", ": ping", "", "data: [DONE]", "", "last"]


async def cut(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


@given(st.integers(1, 80))
async def test_lines_end_with_a_line_feed_and_nothing_else(size: int) -> None:
    assert [line async for line in bodies.lines(cut(TEXT.encode(), size))] == LINES


async def test_what_has_no_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "EVENT_BYTES", 100)
    with pytest.raises(EngineFailed):
        [line async for line in bodies.lines(cut(b"x" * 200, 10))]
    with pytest.raises(EngineFailed):
        await bodies.whole(cut(b"x" * 200, 10), 100)
    assert await bodies.whole(cut(b"x" * 100, 10), 100) == b"x" * 100
