"""For everybody: axe finds nothing serious, the keyboard is enough, a phone is wide enough."""

import json

import pytest
from playwright.async_api import expect

from tests.playground.conftest import Serve
from tests.playground.looks import LOOKS, passes, reach
from tests.playground.talking import FIXTURES, HEARD, TOOL, AsksFirst, settings
from tests.support.browser import Visiting
from tests.support.heard import Recogniser
from vivavoce.server.service import Access
from vivavoce.testing import Hears, Says, Speaks


@pytest.mark.parametrize("look", LOOKS)
async def test_axe_finds_nothing_serious(visit: Visiting, serve: Serve, look: str) -> None:
    thinks = AsksFirst(("weather", '{"city": "Paris"}'))
    served = await serve(hear=Recogniser(), think=thinks)
    here = await visit(served.url, **LOOKS[look], reduced_motion="reduce")
    await passes(here)
    await settings(here)
    await here.at("#tools-field > summary").click()
    await here.at("#tools").fill(json.dumps([TOOL]))
    await passes(here)
    await here.at("#settings > summary").click()  # on a phone they cover the conversation
    await here.at("#file").set_input_files(FIXTURES / "question.wav")
    await here.at("form.tool-call").wait_for()
    await passes(here)
    await here.at("form.tool-call textarea").fill("Sunny.")
    await here.page.get_by_role("button", name="Send the result").click()
    await expect(here.turns("assistant").last.locator(".words")).to_contain_text("sunny")
    await here.state("idle")
    request = here.at("details.request:not([hidden])").last
    await request.locator("summary").click()
    await request.get_by_role("button", name="JavaScript").click()
    await passes(here)
    await here.page.get_by_role("tab", name="Say").click()
    await here.at("#say-text").fill("Hello.")
    await here.at("#say-go").click()
    await here.at("#say-save").wait_for()
    await passes(here)
    await here.page.get_by_role("tab", name="Transcribe").click()
    await here.at("#transcribe-file").set_input_files(FIXTURES / "question.wav")
    await here.at("#transcribe-go").click()
    await here.at("#transcript .word").first.wait_for()
    await passes(here)


@pytest.mark.parametrize("look", ["light", "dark"])
async def test_axe_finds_nothing_serious_where_something_is_wrong(visit: Visiting, serve: Serve, look: str) -> None:
    here = await visit((await serve(access=Access(keys=("k",)))).url, **LOOKS[look])
    here.forgiven.append("status of 401")
    await here.notice("key-wanted")
    await passes(here)


async def test_the_keyboard_is_enough(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve(hear=Hears(HEARD), think=Says("Paris, of course."))).url)
    keyboard = here.page.keyboard
    await reach(here, "#message")
    await keyboard.type("Hello")
    await keyboard.press("Enter")
    await expect(here.turns("assistant").locator(".words")).to_have_text("Paris, of course.")
    await here.state("idle")
    await reach(here, "#talk", "Shift+Tab")
    await keyboard.press("Enter")
    await here.state("listening")
    await here.page.wait_for_timeout(1200)
    await keyboard.press("Enter")
    await expect(here.turns("user").last.locator(".words")).to_have_text(HEARD)
    await here.state("idle")
    if not await here.at("#model").is_visible():
        await reach(here, "#settings > summary")
        await keyboard.press("Enter")
    await reach(here, "#voices input[type=radio]")
    await keyboard.press("ArrowDown")
    await expect(here.at("#voices").get_by_role("radio", name="echo")).to_be_checked()
    await reach(here, "[role=tab]", "Shift+Tab")
    await keyboard.press("ArrowRight")
    await reach(here, "#say-text")
    await keyboard.type("Hello there.")
    await reach(here, "#say-go")
    await keyboard.press("Enter")
    await reach(here, "#say-save")
    await reach(here, "[role=tab]", "Shift+Tab")
    await keyboard.press("ArrowRight")
    await expect(here.page.get_by_role("tab", name="Transcribe")).to_have_attribute("aria-selected", "true")
    await expect(here.at("#panel-transcribe")).to_be_visible()


async def test_a_finger_is_enough(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve(hear=Hears(HEARD))).url, **LOOKS["phone"])
    await here.at("#talk").tap()
    await here.state("listening")
    await here.page.wait_for_timeout(1200)
    await here.at("#talk").tap()
    await expect(here.turns("user").locator(".words")).to_have_text(HEARD)
    small = await here.page.evaluate(
        "[...document.querySelectorAll('button, select, input:not([type=file]), summary, a')]"
        ".filter((one) => one.checkVisibility() && one.getBoundingClientRect().width)"
        ".filter((one) => one.getBoundingClientRect().height < 24).map((one) => one.outerHTML)"
    )
    assert small == []


async def test_on_a_phone_a_long_conversation_stays_in_reach(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve(think=Says("Yes. " * 60), speak=Speaks(speech_ms=0.05))).url, **LOOKS["phone"])
    for times in range(1, 4):
        await here.send("word " * 60)
        await expect(here.turns("assistant")).to_have_count(times)
        await here.state("idle")
    await expect(here.at("#settings > summary")).to_be_in_viewport(ratio=1)
    await expect(here.at("#talk")).to_be_in_viewport(ratio=1)
    await here.turns("user").first.locator(".word").first.scroll_into_view_if_needed()
    await expect(here.turns("user").first.locator(".word").first).to_be_in_viewport()


async def test_it_says_what_happens_to_who_cannot_see_it(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve(hear=Hears(HEARD), think=Says("Paris."))).url)
    status = here.page.get_by_role("status").first
    await settings(here)
    await here.at("#aloud").uncheck()
    await here.send("Hi")
    await expect(status).to_contain_text("Paris.")
    await here.at("#aloud").check()
    await here.at("#file").set_input_files(FIXTURES / "question.wav")
    await expect(status).to_contain_text(HEARD)
    await here.state("idle")
    log = here.page.get_by_role("log")
    await expect(log.get_by_role("article")).to_have_count(4)
    for turn in await log.get_by_role("article").all():
        assert await turn.get_by_role("heading").count() == 1


async def test_nothing_moves_for_who_wants_it_still(visit: Visiting, serve: Serve) -> None:
    served = await serve(think=Says("Paris, of course."), speak=Speaks(speech_ms=100))
    here = await visit(served.url, reduced_motion="reduce")
    await here.send("Hi")
    await here.state("speaking")
    moving = "document.getAnimations().filter((one) => (one.effect.getComputedTiming().duration ?? 0) > 50).length"
    assert await here.page.evaluate(moving) == 0
