"""When a request to a server elsewhere is sent again: where nothing of an answer came, and nowhere else."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator

import pytest

from tests.engines.conftest import Make
from tests.support.faulty import CLOSES, HANGS, Faulty, answered, faulty, holding
from tests.support.roles import ROLES, Role, think
from tests.support.upstream import DONE, chunk
from vivavoce.core.errors import BadRequest, EngineFailed, EngineTimeout, Overloaded, PublicError, RateLimited
from vivavoce.core.wrappers import Timed

SOUND = chunk(choices=[{"index": 0, "delta": {"audio": {"data": b64encode(bytes(480)).decode()}}}])
WRITTEN = answered(b"".join([chunk("Hello."), chunk(finish="stop"), DONE]))
GOOD = {
    "think": (WRITTEN, "Hello."),
    "respond": (answered(b"".join([chunk("Hello."), SOUND, chunk(finish="stop"), DONE])), "Hello. (480)"),
    "hear": (answered(b'{"text": "hello"}'), "hello"),
    "speak": (answered(bytes(480)), "(480)"),
}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivavoce.engines.upstream.PAUSE_S", 0.01)


@pytest.fixture
async def server() -> AsyncIterator[Faulty]:
    async with faulty() as made:
        yield made


AGAIN = {"closes": CLOSES, "502": answered(b"", 502), "503": answered(b"", 503), "504": answered(b"", 504)}


@pytest.mark.parametrize("name", ROLES)
@pytest.mark.parametrize("first", AGAIN)
async def test_what_was_not_answered_is_asked_again_in_the_same_words(
    server: Faulty, make: Make, name: str, first: str
) -> None:
    good, told = GOOD[name]
    server.says = [AGAIN[first], good]
    assert await ROLES[name](make(base_url=server.url)) == told
    assert len(server.asked) == 2
    assert server.asked[0] == server.asked[1] != b""


async def test_a_kept_connection_that_was_closed_meanwhile_does_no_harm(server: Faulty, make: Make) -> None:
    body = b"".join([chunk("Hello."), chunk(finish="stop"), DONE])
    server.says = [answered(body, kept=True), CLOSES, WRITTEN]
    engine = make(base_url=server.url)
    assert [await think(engine), await think(engine)] == ["Hello.", "Hello."]
    assert len(server.asked) == 3


async def test_one_that_refuses_connections_may_be_there_a_moment_later(
    server: Faulty, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.says = [WRITTEN]
    server.stop()
    held = holding()
    pauses: list[float] = []

    async def starts(seconds: float) -> None:
        pauses.append(seconds)
        await server.start(held)

    monkeypatch.setattr("vivavoce.engines.upstream.asyncio.sleep", starts)
    assert await think(make(base_url=f"http://127.0.0.1:{held.getsockname()[1]}/v1")) == "Hello."
    assert pauses == [0.01]


ONCE: dict[str, tuple[bytes, type[PublicError]]] = {
    "400": (answered(b"{}", 400), BadRequest),
    "401": (answered(b"{}", 401), EngineFailed),
    "404": (answered(b"{}", 404), EngineFailed),
    "429": (answered(b"{}", 429, "retry-after: 1"), RateLimited),
    "500": (answered(b"{}", 500), EngineFailed),
    "503 that says when to come back": (answered(b"", 503, "retry-after: 1"), Overloaded),
    "cut before its first event": (answered(b"", length=1000), EngineFailed),
    "cut after its first event": (answered(chunk("Hel"), length=1000), EngineFailed),
}


@pytest.mark.parametrize("case", ONCE)
async def test_what_was_answered_is_not_asked_again(server: Faulty, make: Make, case: str) -> None:
    says, kind = ONCE[case]
    server.says = [says, WRITTEN]
    with pytest.raises(kind):
        await think(make(base_url=server.url))
    assert len(server.asked) == 1


@pytest.mark.parametrize(("retries", "asked"), [(0, 1), (1, 2), (3, 4)])
@pytest.mark.parametrize(("says", "kind"), [(CLOSES, EngineFailed), (AGAIN["503"], Overloaded)])
async def test_it_is_asked_no_more_often_than_that(
    server: Faulty, make: Make, retries: int, asked: int, says: bytes, kind: type[PublicError]
) -> None:
    server.says = [says]
    with pytest.raises(kind):
        await think(make(base_url=server.url, retries=retries))
    assert len(server.asked) == asked


async def test_the_list_of_its_models_is_asked_for_again(server: Faulty, make: Make) -> None:
    server.says = [CLOSES, answered(b'{"data": [{"id": "theirs"}]}'), WRITTEN]
    assert await think(make(base_url=server.url, model="")) == "Hello."
    assert b'"theirs"' in server.asked[2]


@pytest.mark.parametrize("role", ROLES.values(), ids=ROLES)
@pytest.mark.parametrize("first", [CLOSES, AGAIN["502"]], ids=["closes", "502"])
async def test_asking_again_is_within_the_time_there_is(
    server: Faulty, make: Make, role: Role, first: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vivavoce.engines.upstream.PAUSE_S", 60)
    server.says = [first, WRITTEN]
    with pytest.raises(EngineTimeout):
        await role(Timed(make(base_url=server.url), 0.5, None))
    assert len(server.asked) == 1


async def test_one_that_hangs_the_second_time_is_left(server: Faulty, make: Make) -> None:
    server.says = [CLOSES, HANGS]
    with pytest.raises(EngineTimeout):
        await think(Timed(make(base_url=server.url), 1.0, None))
    await asyncio.wait_for(server.left.wait(), 5)
