"""What is wrong is said in one plain sentence, and goes away when it is not wrong any more."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.playground.conftest import Serve, prepared
from tests.playground.talking import FIXTURES
from tests.support.browser import ELSEWHERE, Visit, Visiting, chromium
from tests.support.leaves import Fails
from tests.support.serving import run
from vivavoce.core import errors
from vivavoce.server.service import Access
from vivavoce.testing import Hears

KEY = "the-right-key"
GONE = ("net::ERR", "Failed to fetch")


async def tap(here: Visit) -> None:
    await here.at("#talk").click()


async def can_write(here: Visit) -> None:
    """One can still write, and is answered."""
    await here.send("Then by letter.")
    await expect(here.turns("assistant").last.locator(".words")).to_contain_text("Hello there.")
    await here.state("idle")


def plain(sentence: str) -> bool:
    """One or two sentences for people: no code, no name of an exception."""
    return bool(re.fullmatch(r"[A-Z][^{}<>]{10,250}[.!?]", sentence.strip())) and "Error" not in sentence


async def test_elsewhere_than_at_home_a_page_needs_https_to_listen(visit: Visiting, serve: Serve) -> None:
    served = await serve(access=Access(keys=(KEY,), loopback=False))
    here = await visit(f"http://{ELSEWHERE}:{served.port}")
    here.forgiven.append("status of 401")
    await here.at("#key").fill(KEY)
    await here.at("#key").press("Enter")
    await expect(here.at("#notice")).to_be_hidden()
    await tap(here)
    sentence = await here.notice("no-secure-context")
    assert plain(sentence)
    assert re.search("https|localhost|127.0.0.1", sentence)
    await can_write(here)


async def test_where_there_is_no_microphone(visit: Visiting, serve: Serve, playwright: Any) -> None:
    served = await serve()
    async with chromium(playwright, microphone=None) as deaf:
        here = await visit(served.url, by=deaf)
        await tap(here)
        assert plain(await here.notice("no-microphone"))
        await expect(here.at("#talk")).to_have_attribute("aria-pressed", "false")
        await here.at("#file").set_input_files(FIXTURES / "question.wav")
        await expect(here.turns("assistant")).to_have_count(1)
        await here.state("idle")


async def test_where_the_microphone_is_refused(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve()).url, permissions=[])
    await tap(here)
    assert plain(await here.notice("microphone-refused"))
    await here.state("idle")
    await can_write(here)


async def test_a_server_that_is_gone_and_comes_back(visit: Visiting, tmp_path: Path) -> None:
    async with run(tmp_path, **prepared()) as served:
        here = await visit(served.url)
        here.forgiven.extend(GONE)
        await can_write(here)
    await here.send("Are you there?")
    assert plain(await here.notice("server-gone"))
    await here.state("idle")
    async with run(tmp_path, port=served.port, **prepared()):
        await expect(here.at("#notice")).to_be_hidden()
        await can_write(here)
        assert here.chats()[-1]["messages"][1]["audio"]["id"].startswith("audio_")


async def test_a_server_that_goes_in_the_middle_of_an_answer(visit: Visiting, serve: Serve) -> None:
    served = await serve(think=Fails("think", errors.EngineFailed("The model gave up.")))
    here = await visit(served.url)
    await here.send("Hi")
    assert plain(await here.notice("refused"))
    await here.state("idle")
    await expect(here.turns("assistant").last.locator(".words")).to_contain_text("Hello there.")


async def test_what_is_heard_does_not_hide_that_the_answer_was_refused(visit: Visiting, serve: Serve) -> None:
    served = await serve(hear=Hears("Heard."), think=Fails("prompt", errors.EngineFailed("The model gave up.")))
    here = await visit(served.url)
    here.forgiven.append("Failed to load resource")
    await here.at("#file").set_input_files(FIXTURES / "question.wav")
    await here.notice("refused")
    await expect(here.turns("user").locator(".words")).to_have_text("Heard.")
    await here.page.wait_for_timeout(500)
    await expect(here.at("#notice")).to_be_visible()


async def test_a_server_that_wants_a_key(visit: Visiting, serve: Serve) -> None:
    served = await serve(access=Access(keys=(KEY,)))
    here = await visit(served.url)
    here.forgiven.append("status of 401")
    assert plain(await here.notice("key-wanted"))
    await expect(here.at("#key")).to_be_visible()
    await here.at("#key").fill("another")
    await here.at("#key").press("Enter")
    assert plain(await here.notice("key-wrong"))
    await here.at("#key").fill(KEY)
    await here.at("#key").press("Enter")
    await expect(here.at("#notice")).to_be_hidden()
    await expect(here.at("#model option")).not_to_have_count(0)
    await can_write(here)
    await here.page.reload()
    await can_write(here)


async def test_a_server_that_is_not_ready_yet(visit: Visiting, serve: Serve) -> None:
    missing = ["brain"]
    here = await visit((await serve(missing=lambda: missing)).url)
    here.forgiven.append("status of 503")
    assert plain(await here.notice("not-ready"))
    missing.clear()
    await expect(here.at("#notice")).to_be_hidden()
    await can_write(here)


@pytest.mark.parametrize(
    "error",
    [
        errors.EngineFailed("The model gave up."),
        errors.RateLimited(7),
        errors.Overloaded(),
        errors.EngineTimeout(),
        errors.BadRequest("That is too long.", code="context_length_exceeded"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_a_server_refuses_is_told_in_its_words(
    visit: Visiting, serve: Serve, error: errors.PublicError
) -> None:
    here = await visit((await serve(think=Fails("prompt", error))).url)
    here.forgiven.append("Failed to load resource")
    await here.send("Hi")
    notice = here.at("#notice[data-code]")
    await notice.wait_for()
    assert await notice.get_attribute("data-code") in {"refused", "not-ready"}
    assert str(error) in await notice.inner_text() or plain(await notice.inner_text())
    await here.state("idle")
    await expect(here.at("#message")).to_be_enabled()
