"""How the events of a stream are gathered into writes. Nothing here goes by a clock but what is awaited."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from starlette.types import Message

from tests.support.waiting import until
from vivavoce.server import outlet as module
from vivavoce.server.outlet import GATHER_BYTES, Outlet
from vivavoce.wire.chunks import PING

LONG_S = 3600.0


class Reader:
    """An ASGI `send` that keeps what it is sent, and takes nothing while it is deaf."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.statuses: list[int] = []
        self.asked = 0
        self.ended = False
        self.hears = asyncio.Event()
        self.hears.set()

    async def __call__(self, message: Message) -> None:
        self.asked += 1
        await self.hears.wait()
        if message["type"] == "http.response.start":
            self.statuses.append(message["status"])
            return
        self.bodies.append(message["body"])
        self.ended = not message["more_body"]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is not sent by itself for as long as a test goes on."""
    monkeypatch.setattr(module, "GATHER_S", LONG_S)


@asynccontextmanager
async def begun(reader: Reader, ping_s: float = LONG_S) -> AsyncGenerator[Outlet, None]:
    """A stream whose first word has just gone out."""
    outlet = Outlet(reader, [])
    async with outlet.pinging(LONG_S, ping_s):
        await outlet.write_soon(b"one ")
        assert (reader.statuses, reader.bodies) == ([200], [b"one "])
        yield outlet


@pytest.mark.usefixtures("patient")
async def test_words_wait_for_sound_which_goes_out_at_once_with_them() -> None:
    reader = Reader()
    async with begun(reader) as outlet:
        await outlet.write_soon(b"two ")
        await outlet.write_soon(b"")
        await outlet.write_soon(b"three ")
        await outlet.write(b"")
        assert reader.bodies == [b"one "]
        await outlet.write(b"sound ")
        assert reader.bodies == [b"one ", b"two three sound "]


@pytest.mark.usefixtures("patient")
async def test_the_end_goes_out_with_what_waits() -> None:
    reader = Reader()
    async with begun(reader) as outlet:
        await outlet.write_soon(b"two ")
    await outlet.finish(b"end")
    assert reader.bodies == [b"one ", b"two end"]
    assert reader.ended


async def test_words_that_nothing_follows_go_out_by_themselves() -> None:
    reader = Reader()
    async with begun(reader) as outlet:
        for word in (b"two ", b"three "):
            await outlet.write_soon(word)
        await until(lambda: b"".join(reader.bodies) == b"one two three ")
        await outlet.write_soon(b"four ")
        await until(lambda: b"".join(reader.bodies) == b"one two three four ")


async def test_after_a_silence_words_go_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GATHER_S", 0.0)
    reader = Reader()
    async with begun(reader) as outlet:
        await outlet.write_soon(b"two ")
        assert reader.bodies == [b"one ", b"two "]


@pytest.mark.usefixtures("patient")
async def test_no_more_than_so_much_waits() -> None:
    reader = Reader()
    async with begun(reader) as outlet:
        for _ in range(GATHER_BYTES // 1024):
            await outlet.write_soon(bytes(1024))
        assert reader.bodies == [b"one "]
        await outlet.write_soon(b"more")
        assert reader.bodies[1:] == [bytes(GATHER_BYTES) + b"more"]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError])
async def test_what_waits_goes_out_before_an_error_is_told(error: type[BaseException]) -> None:
    reader = Reader()

    async def fail() -> None:
        async with begun(reader) as outlet:
            await outlet.write_soon(b"two ")
            raise error

    with pytest.raises(error):
        await fail()
    assert reader.bodies == [b"one ", b"two "]
    assert not reader.ended


@pytest.mark.usefixtures("patient")
async def test_who_writes_waits_for_a_reader_who_takes_nothing() -> None:
    reader = Reader()
    async with begun(reader) as outlet:
        reader.hears.clear()
        sounding = asyncio.create_task(outlet.write(b"sound "))
        await asyncio.sleep(0)
        saying = asyncio.create_task(outlet.write_soon(b"two "))
        assert (await asyncio.wait({saying, sounding}, timeout=0.01))[0] == set()
        reader.hears.set()
        await asyncio.gather(saying, sounding)
        assert reader.bodies == [b"one ", b"sound ", b"two "]


async def test_what_a_deaf_reader_was_being_sent_is_sent_once_and_before_an_error() -> None:
    """The stream fails while what has waited is on its way."""
    reader = Reader()
    saying: list[asyncio.Task[None]] = []

    async def fail() -> None:
        async with begun(reader) as outlet:
            reader.hears.clear()
            before = reader.asked
            # by itself: where this is slow the word is so late that it does not wait
            saying.append(asyncio.create_task(outlet.write_soon(b"two ")))
            await until(lambda: reader.asked > before)
            raise RuntimeError

    failing = asyncio.create_task(fail())
    await until(lambda: bool(saying))
    assert not (await asyncio.wait({failing}, timeout=0.05))[0]
    reader.hears.set()
    with pytest.raises(RuntimeError):
        await failing
    await saying[0]
    assert reader.bodies == [b"one ", b"two "]


async def test_it_says_that_it_is_alive_while_there_is_nothing_to_send() -> None:
    reader = Reader()
    async with begun(reader, ping_s=0.001) as outlet:
        await until(lambda: reader.bodies.count(PING) > 1)
        await outlet.write_soon(b"two ")
        await until(lambda: b"two " in b"".join(reader.bodies))
    words = b"".join(reader.bodies).replace(PING, b"")
    assert words == b"one two "
