"""Speak, be heard, be answered, and interrupt."""

import asyncio
import json

import pytest
from playwright.async_api import expect

from tests.playground.conftest import Serve
from tests.playground.talking import FIXTURES, SPOKEN_MS, WORDS, Endless, said, saved, settings, sounding_s, speak
from tests.support.browser import Visit, Visiting
from vivavoce.testing import Hears, Says, Speaks

SENTENCE = "One two three four five six seven eight nine ten eleven twelve."


async def test_a_spoken_question_is_heard_and_answered_aloud(visit: Visiting, embedded: str) -> None:
    here = await visit(embedded)
    here.forgiven.append("503")  # the one ear hears the question first, and then tells its words
    await here.at("#talk").hover()
    await here.page.mouse.down()
    await expect(here.at("#talk")).to_have_attribute("aria-pressed", "true")
    await here.until("document.querySelector('#level').value > 0.05")
    await here.page.wait_for_timeout(SPOKEN_MS)
    await here.page.mouse.up()
    await expect(here.at("#talk")).to_have_attribute("aria-pressed", "false")
    await expect(here.turns("user").locator(".words")).to_contain_text(WORDS, ignore_case=True)
    answer = here.turns("assistant")
    await expect(answer.locator(".words")).to_contain_text("Paris")
    await here.state("idle")
    heard, wav = await here.heard(), await saved(here, answer.locator("a.wav"))
    assert heard.peak > 0.05
    assert heard.seconds == pytest.approx(sounding_s(wav), rel=0.1, abs=0.1)
    assert sounding_s(wav) > 0.5
    assert await answer.locator(".word:not(.said)").count() == 0
    for role in ("user", "assistant"):
        await expect(here.turns(role).locator("canvas.wave")).to_be_visible()
    figures = await answer.locator(".figures").inner_text()
    chat = next(request for request in here.asked if request.url.endswith("/chat/completions"))
    answered = await chat.response()
    assert answered is not None
    usage = next(
        json.loads(line[6:])["usage"]
        for line in reversed((await answered.text()).splitlines())
        if line.startswith("data: {") and '"usage":{' in line
    )
    for count in (usage["completion_tokens_details"]["audio_tokens"], usage["prompt_tokens_details"]["audio_tokens"]):
        assert str(count) in figures
    assert "$" in figures


async def test_words_light_up_as_they_are_said(visit: Visiting, serve: Serve) -> None:
    served = await serve(think=Says(SENTENCE), speak=Speaks(speech_ms=4000 / len(SENTENCE)))
    here = await visit(served.url)
    await here.send("Count.")
    await here.state("speaking")
    before = 0.0
    for share in (0.25, 0.5, 0.75):
        await here.until(f"window.heardByTests().seconds > {4 * share}")
        said = await here.page.evaluate(
            "document.querySelectorAll('[data-role=assistant] .word.said').length"
            " / document.querySelectorAll('[data-role=assistant] .word').length"
        )
        assert before < said < 1
        assert said == pytest.approx((await here.heard()).seconds / 4, abs=0.25)
        before = said
    await here.state("idle")
    assert await here.turns("assistant").locator(".word").count() == len(SENTENCE.split())
    assert await here.turns("assistant").locator(".word:not(.said)").count() == 0
    assert (await here.heard()).seconds == pytest.approx(4, abs=0.2)


async def test_an_answer_is_played_again_and_saved(visit: Visiting, serve: Serve) -> None:
    served = await serve(speak=Speaks(speech_ms=50))
    here = await visit(served.url)
    await here.send("Hi")
    answer = here.turns("assistant")
    await here.state("idle")
    first = (await here.heard()).seconds
    assert first > 0.5
    await answer.locator("button.play").click()
    await here.until(f"window.heardByTests().seconds > {1.9 * first}")
    assert sounding_s(await saved(here, answer.locator("a.wav"))) == pytest.approx(first, abs=0.1)
    mp3 = await saved(here, answer.locator("a.mp3"))
    assert mp3[:3] == b"ID3" or mp3[0] == 0xFF


async def test_what_one_said_is_played_again_and_saved(visit: Visiting, serve: Serve) -> None:
    served = await serve()
    here = await visit(served.url)
    await speak(here)
    await here.state("idle")
    mine = here.turns("user")
    assert sounding_s(await saved(here, mine.locator("a.wav"))) > 0.8
    before = (await here.heard()).seconds
    await mine.locator("button.play").click()
    await here.until(f"window.heardByTests().seconds > {before + 0.8}")


async def stop(here: Visit) -> None:
    await here.at("#stop").click()


async def talk(here: Visit) -> None:
    await here.at("#talk").hover()
    await here.page.mouse.down()


async def write(here: Visit) -> None:
    await here.send("Enough.")


@pytest.mark.parametrize("interrupt", [stop, talk, write])
async def test_interrupting_stops_sound_and_generation_at_once(
    visit: Visiting, serve: Serve, interrupt: object
) -> None:
    thinks = Endless()
    served = await serve(think=thinks, speak=Speaks(speech_ms=20))
    here = await visit(served.url)
    here.forgiven.append("net::ERR_ABORTED")
    await here.send("Tell me everything.")
    await here.until("window.heardByTests().seconds > 0.3")
    assert not thinks.stopped.is_set()
    await interrupt(here)  # type: ignore[operator]
    if interrupt is write:
        await here.until("document.querySelectorAll('[data-role=assistant]').length == 2")
        assert len(thinks.asked) == 2
        await stop(here)
    async with asyncio.timeout(5):
        await thinks.stopped.wait()
    await here.state("listening" if interrupt is talk else "idle")
    await here.until("window.heardByTests().silent_s > 0.3")
    said = await here.turns("assistant").first.locator(".word.said").count()
    assert 0 < said <= await here.turns("assistant").first.locator(".word").count()
    await here.page.mouse.up()


async def test_of_what_was_interrupted_the_words_that_were_said_are_part_of_the_conversation(
    visit: Visiting, serve: Serve
) -> None:
    thinks = Endless()
    here = await visit((await serve(think=thinks, speak=Speaks(speech_ms=20))).url)
    await here.send("Tell me everything.")
    await here.until("window.heardByTests().seconds > 0.8")
    await stop(here)
    await here.state("idle")
    answer = here.turns("assistant").first
    heard = "".join(await answer.locator(".word.said").all_text_contents()).strip()
    assert heard.startswith("And then")
    assert len(heard) < len((await answer.locator(".words").text_content() or "").strip())
    await here.send("What did you say?")
    await here.until("document.querySelectorAll('[data-role=assistant]').length == 2")
    await here.state("speaking")
    await stop(here)
    assert here.chats()[-1]["messages"][1] == {"role": "assistant", "content": heard}
    assert [said(message) for message in thinks.asked[-1].messages] == [
        "Tell me everything.",
        heard,
        "What did you say?",
    ]


async def test_an_answer_that_was_stopped_and_then_played_to_its_end_is_named_by_its_id(
    visit: Visiting, serve: Serve
) -> None:
    here = await visit((await serve(think=Says(SENTENCE), speak=Speaks(speech_ms=20))).url)
    await here.send("Count.")
    await here.at("a.mp3:visible").wait_for()  # it is all there
    await stop(here)
    await here.state("idle")
    await here.turns("assistant").locator("button.play").click()
    await here.state("idle")
    assert await here.turns("assistant").locator(".word:not(.said)").count() == 0
    await here.send("Again?")
    await expect(here.turns("assistant")).to_have_count(2)
    assert here.chats()[-1]["messages"][1]["audio"]["id"].startswith("audio_")


@pytest.mark.parametrize("key", ["the button", "the space bar"])
@pytest.mark.parametrize("way", ["held", "tapped"])
async def test_one_talks_with_the_button_and_the_space_bar(visit: Visiting, serve: Serve, key: str, way: str) -> None:
    served = await serve(hear=Hears("Heard."))
    here = await visit(served.url)
    hand = here.page.mouse if key == "the button" else here.page.keyboard
    what = () if key == "the button" else (" ",)
    await here.at("#talk").hover()
    await hand.down(*what)
    if way == "tapped":
        await hand.up(*what)
    await here.state("listening")
    await here.page.wait_for_timeout(SPOKEN_MS / 2)
    await expect(here.at("#talk")).to_have_attribute("aria-pressed", "true")
    if way == "tapped":
        await hand.down(*what)
    await hand.up(*what)
    await expect(here.turns("user").locator(".words")).to_have_text("Heard.")
    await expect(here.turns("assistant").locator(".words")).to_contain_text("Hello there.")
    assert await here.turns("user").count() == 1


async def test_the_space_bar_writes_a_space_in_a_field(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve()).url)
    await here.at("#message").press_sequentially("a b")
    await expect(here.at("#message")).to_have_value("a b")
    await settings(here)
    await here.at("#instructions").press_sequentially("c d")
    await expect(here.at("#instructions")).to_have_value("c d")
    await expect(here.at("html")).to_have_attribute("data-state", "idle")


async def test_saying_nothing_asks_nothing(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve()).url)
    await here.at("#send").click()
    await here.at("#message").fill("   ")
    await here.at("#send").click()
    await expect(here.at("html")).to_have_attribute("data-state", "idle")
    assert here.chats() == []


async def test_the_words_heard_are_asked_for_again_where_there_was_no_room(visit: Visiting, serve: Serve) -> None:
    served = await serve(hear=Hears("Heard in the end."))
    here = await visit(served.url)
    here.forgiven.append("503")
    refused = 0

    async def busy(route: object) -> None:
        nonlocal refused
        refused += 1
        if refused > 2:
            await route.continue_()  # type: ignore[attr-defined]
            return
        body = {"error": {"message": "Busy.", "type": "server_error", "param": None, "code": None}}
        await route.fulfill(status=503, headers={"retry-after": "1"}, json=body)  # type: ignore[attr-defined]

    await here.page.route("**/v1/audio/transcriptions", busy)
    await here.at("#file").set_input_files(FIXTURES / "question.wav")
    await expect(here.turns("user").locator(".words")).to_have_text("Heard in the end.")
    assert refused == 3
