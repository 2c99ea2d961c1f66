"""Whatever comes from models or people is shown as it is written, and never run."""

import json
from dataclasses import replace
from typing import Any

from playwright.async_api import expect

from tests.playground.conftest import Serve
from tests.playground.talking import FIXTURES, settings
from tests.support.audio import models
from tests.support.browser import Visit, Visiting
from tests.support.leaves import Fails
from tests.support.serving import MODEL, model
from vivavoce.core import errors
from vivavoce.testing import Calls, Hears, Says

EVIL = "<img src=x onerror=window.ran=1><script>window.ran=1</script>"
VISIBLE = "onerror=window.ran=1"


async def harmless(here: Visit) -> None:
    """Nothing of it was run, or became an element."""
    assert await here.page.evaluate("window.ran") is None
    assert await here.at("body img, body script").count() == 0


async def test_in_what_is_heard_and_in_what_is_answered(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve(hear=Hears(EVIL), think=Says(EVIL))).url)
    await here.at("#file").set_input_files(FIXTURES / "question.wav")
    await here.state("idle")
    for role in ("user", "assistant"):
        await expect(here.turns(role).locator(".words")).to_contain_text(VISIBLE)
    await harmless(here)
    await here.turns("assistant").locator("details.request > summary").click()
    await harmless(here)


async def test_in_what_one_writes_and_in_every_request_shown(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve()).url)
    await settings(here)
    await here.at("#instructions").fill(EVIL)
    await here.send(EVIL)
    await here.state("idle")
    await expect(here.turns("user").locator(".words")).to_contain_text(VISIBLE)
    details = here.at("article.turn details.request").last
    await details.locator("summary").click()
    for name in ("Python", "JavaScript", "curl"):
        await details.get_by_role("button", name=name, exact=True).click()
        await expect(details.locator("pre")).to_contain_text("onerror=window.ran=1")
    await harmless(here)


async def test_in_the_arguments_of_a_tool(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve(think=Calls(("weather", json.dumps({"city": EVIL}))))).url)
    here.forgiven.append("Failed to load resource")
    await settings(here)
    await here.at("#tools-field > summary").click()
    tool = {"type": "function", "function": {"name": "weather", "description": EVIL, "parameters": {"type": "object"}}}
    await here.at("#tools").fill(json.dumps([tool]))
    await here.send("Hi")
    await expect(here.at("form.tool-call, #notice:not([hidden])").first).to_contain_text("onerror=window.ran=1")
    await harmless(here)


async def test_in_an_error(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve(think=Fails("prompt", errors.EngineFailed(EVIL)))).url)
    here.forgiven.append("Failed to load resource")
    await here.send("Hi")
    assert VISIBLE in await here.notice("refused")
    await harmless(here)


async def test_in_the_names_of_voices_models_and_engines(visit: Visiting, serve: Serve) -> None:
    evil = model()
    evil = replace(evil, name=EVIL, card=replace(evil.card, voices=(EVIL, "alloy")))
    spoken = {
        name: replace(known, card=replace(known.card, voices=(EVIL, "alloy"))) for name, known in _audio().items()
    }
    known = {EVIL: evil, MODEL: evil, **spoken, f"{EVIL}2": spoken["tts-1"]}
    here = await visit((await serve(models=known, about=EVIL)).url)
    await expect(here.at("#engines")).to_contain_text(VISIBLE)
    await settings(here)
    await expect(here.at("#voices")).to_contain_text(VISIBLE)
    for tab in ("Talk", "Say", "Transcribe"):
        await here.page.get_by_role("tab", name=tab).click()
        await harmless(here)


async def test_in_a_transcript(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve(hear=Hears(EVIL))).url)
    await here.page.get_by_role("tab", name="Transcribe").click()
    await here.at("#transcribe-file").set_input_files(FIXTURES / "question.wav")
    await here.at("#transcribe-go").click()
    await expect(here.at("#transcript")).to_contain_text(VISIBLE)
    await harmless(here)


async def test_in_the_settings_of_a_link(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve()).url)
    await settings(here)
    await here.at("#instructions").fill(EVIL)
    await here.at("#share").click()
    link = await here.page.evaluate("navigator.clipboard.readText()")
    there = await visit(here.url, link.removeprefix(here.url))
    await settings(there)
    await expect(there.at("#instructions")).to_have_value(EVIL)
    await harmless(there)


async def test_a_broken_link_is_a_page_like_any_other(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve()).url)
    for fragment in ("#%", "#settings=%7B", "#model", "#eyJ", "#voice=null", "#{}", "#model=a&model=b"):
        await here.open(f"/{fragment}")
        await here.page.reload()
        await here.send("Hi")
        await expect(here.turns("assistant").locator(".words")).to_contain_text("Hello there.")


def _audio() -> dict[str, Any]:
    return dict(models(hear=Hears("hello")))
