"""Where things are too large, too slow, or too many."""

import asyncio
import re
from array import array
from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from tests.playground.conftest import Serve
from tests.playground.talking import drop
from tests.support.browser import Visiting
from tests.support.serving import MODEL
from vivavoce.audio.wav import write_wav
from vivavoce.core.audio import Pcm
from vivavoce.server.arriving import IGNORED_BYTES
from vivavoce.testing import Says, Speaks
from vivavoce.testing.scripted import tone

SENTENCE = "One two three four five six seven eight nine ten."


async def test_an_answer_over_a_slow_network_is_played_whole_and_once(visit: Visiting, serve: Serve) -> None:
    served = await serve(think=Says(SENTENCE), speak=Speaks(speech_ms=2000 / len(SENTENCE)))
    here = await visit(served.url)
    network = await here.page.context.new_cdp_session(here.page)
    slow = {"offline": False, "latency": 300, "downloadThroughput": 45_000, "uploadThroughput": 45_000}
    await network.send("Network.enable")
    await network.send("Network.emulateNetworkConditions", slow)
    await here.send("Count.")
    await here.state("speaking")
    await here.state("idle")
    assert (await here.heard()).seconds == pytest.approx(2, abs=0.15)
    assert await here.turns("assistant").locator(".word:not(.said)").count() == 0


async def test_who_writes_before_the_models_are_known_is_answered_by_one(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve()).url)
    known = asyncio.Event()

    async def slow(route: Route) -> None:
        await known.wait()
        await route.continue_()

    await here.page.route("**/v1/models", slow)
    await here.page.reload()
    await here.send("Hi")
    await here.state("thinking")
    known.set()
    await expect(here.turns("assistant").locator(".words")).to_contain_text("Hello there.")
    assert here.chats()[0]["model"] == MODEL


async def test_a_recording_that_is_too_large_is_told(visit: Visiting, serve: Serve, tmp_path: Path) -> None:
    here = await visit((await serve(body_bytes=30_000)).url)
    here.forgiven.append("status of 413")
    file = tmp_path / "long.wav"
    file.write_bytes(write_wav(tone(0.9)))  # so small that the server reads it to its end: no connection is closed
    assert 30_000 < file.stat().st_size * 4 / 3 < IGNORED_BYTES
    await drop(here, file)
    assert re.search("size|large", await here.notice("refused"))
    await here.state("idle")
    await here.send("Then by letter.")
    await expect(here.turns("assistant").last.locator(".words")).to_contain_text("Hello there.")


async def test_half_an_hour_is_played_and_drawn(visit: Visiting, serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "long.wav"
    file.write_bytes(write_wav(Pcm(array("h", range(-500, 500)).tobytes() * 8 * 600, 8000)))
    here = await visit((await serve()).url)
    await here.at("#file").set_input_files(file)
    await expect(here.turns("assistant").locator(".words")).to_contain_text("Hello there.")
    await expect(here.turns("user").locator("canvas.wave")).to_be_visible()
    await here.state("idle")


async def test_a_long_conversation_stays_usable(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve(think=Says("Yes. " * 200), speak=Speaks(speech_ms=0.05))).url)
    for times in range(1, 9):
        await here.send("word " * 300)
        await expect(here.turns("assistant")).to_have_count(times)
        await here.state("idle")
    last = here.turns("assistant").last
    await expect(last).to_be_in_viewport()
    assert len(here.chats()[-1]["messages"]) == 15


async def test_a_long_word_does_not_break_the_page(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve(think=Says("x" * 3000))).url, viewport={"width": 360, "height": 640})
    await here.send("y" * 3000)
    await expect(here.turns("assistant")).to_have_count(1)
    width, room = await here.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= room


async def test_the_microphone_is_let_go(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve()).url)
    await here.page.evaluate(
        """() => {
          const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
          window.tracks = []
          navigator.mediaDevices.getUserMedia = async (wish) => {
            const stream = await get(wish)
            window.tracks.push(...stream.getTracks())
            return stream
          }
        }"""
    )
    await here.at("#talk").click()
    await here.state("listening")
    await here.page.wait_for_timeout(800)
    await here.at("#talk").click()
    await expect(here.turns("user")).to_have_count(1)
    await here.until("window.tracks.length === 1 && window.tracks.every((track) => track.readyState === 'ended')")


async def test_a_press_that_is_over_before_the_microphone_is_open_records_until_the_next(
    visit: Visiting, serve: Serve
) -> None:
    here = await visit((await serve()).url)
    for _ in range(3):
        await here.at("#talk").click()
        await here.state("listening")
        await here.page.wait_for_timeout(700)
        await here.at("#talk").click()
        await here.until("document.documentElement.dataset.state !== 'listening'")
        await here.state("idle")
    assert 1 <= await here.turns("user").count() <= 3
