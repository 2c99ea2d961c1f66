"""Every way a server elsewhere can fail, in every role: a typed error in time, or an answer where another stands in."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import pytest

from tests.engines.conftest import Make
from tests.engines.test_retries import GOOD, SOUND
from tests.support.faulty import CLOSES, HANGS, Faulty, answered, faulty
from tests.support.roles import ROLES
from tests.support.upstream import chunk
from vivavoce.core.errors import EngineFailed, EngineTimeout, PublicError
from vivavoce.core.wrappers import Fallback, Timed

FIRST = {"think": chunk("Hel"), "respond": chunk("Hel") + SOUND, "hear": b'{"text": "hel', "speak": bytes(480)}
"""How an answer begins."""
BEGINS = {"think", "respond", "speak"}
"""The roles of which something has been told by then; a recogniser elsewhere answers in one piece."""


MORE = 1_000_000
"""Bytes that are promised and never come."""
EVENTS, PAGE = "content-type: text/event-stream", "content-type: text/html"
FAULTS: dict[str, tuple[Callable[[str], bytes], type[PublicError]]] = {
    "closes": (lambda role: CLOSES, EngineFailed),
    "no http": (lambda role: b"\0\1\2 not http at all\r\n\r\n", EngineFailed),
    "a page": (lambda role: answered(b"<html>hello</html>", 200, PAGE), EngineFailed),
    "an error for a success": (lambda role: answered(b'data: {"error": "x"}\n\n', 200, EVENTS), EngineFailed),
    "half an event": (lambda role: answered(b'data: {"choices": [{"del', 200, EVENTS), EngineFailed),
    "hangs before it answers": (lambda role: HANGS, EngineTimeout),
    "hangs before its first event": (lambda role: answered(b"", length=MORE) + HANGS, EngineTimeout),
    "hangs after its first event": (lambda role: answered(FIRST[role], length=MORE) + HANGS, EngineTimeout),
    "cut before its first event": (lambda role: answered(b"", length=MORE), EngineFailed),
    "cut after its first event": (lambda role: answered(FIRST[role], length=MORE), EngineFailed),
}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivavoce.engines.upstream.PAUSE_S", 0.01)


@pytest.fixture
async def servers() -> AsyncIterator[tuple[Faulty, Faulty]]:
    async with faulty() as bad, faulty() as good:
        yield bad, good


@pytest.mark.parametrize("case", FAULTS)
@pytest.mark.parametrize("name", ROLES)
async def test_each_fault_is_a_typed_error_in_time_and_with_another_an_answer(
    servers: tuple[Faulty, Faulty], make: Make, name: str, case: str
) -> None:
    bad, good = servers
    says, kind = FAULTS[case]
    bad.says = [says(name)]
    limit_s = 0.5 if kind is EngineTimeout else 5
    first = Timed(make(base_url=bad.url), limit_s, limit_s)
    async with asyncio.timeout(5):
        with pytest.raises(PublicError) as told:
            await ROLES[name](first)
    assert type(told.value) is kind
    if kind is EngineTimeout:
        await asyncio.wait_for(bad.left.wait(), 5)
    good.says, answer = [GOOD[name][0]], GOOD[name][1]
    both = Fallback([first, make(base_url=good.url)])
    if "after" in case and name in BEGINS:
        with pytest.raises(kind):
            await ROLES[name](both)
        assert not good.asked
    else:
        assert await ROLES[name](both) == answer


@pytest.mark.parametrize("name", ROLES)
async def test_one_that_is_not_there_is_told_as_such_and_another_answers(
    servers: tuple[Faulty, Faulty], make: Make, name: str
) -> None:
    _, good = servers
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    first = make(base_url=url)
    with pytest.raises(EngineFailed, match="cannot be reached"):
        await ROLES[name](first)
    good.says = [GOOD[name][0]]
    assert await ROLES[name](Fallback([first, make(base_url=good.url)])) == GOOD[name][1]
