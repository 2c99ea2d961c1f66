"""What one changes is sent, remembered in the browser, and shared in a link; the key is not."""

import json

from playwright.async_api import expect

from tests.playground.conftest import Serve
from tests.playground.talking import settings
from tests.support.audio import models
from tests.support.browser import Visit, Visiting
from tests.support.serving import MODEL, model
from vivavoce.server.service import Access
from vivavoce.testing import Hears, Says, Speaks

KEY = "a-key-nobody-may-see"
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


async def change(here: Visit) -> None:
    """Everything to something of one's own."""
    await settings(here)
    await here.at("#model").select_option("another")
    await here.at("#voices").get_by_role("radio", name="echo").check()
    await here.at("#instructions").fill("Speak like a pirate.")
    await here.at("#temperature").fill("0.4")
    await here.at("#max-tokens").fill("50")
    await here.at("#tools-field > summary").click()
    await here.at("#tools").fill(json.dumps(TOOLS))
    await here.at("#tools").blur()


async def changed(here: Visit) -> None:
    await settings(here)
    await expect(here.at("#model")).to_have_value("another")
    await expect(here.at("#voices").get_by_role("radio", name="echo")).to_be_checked()
    await expect(here.at("#instructions")).to_have_value("Speak like a pirate.")
    await expect(here.at("#temperature")).to_have_value("0.4")
    await expect(here.at("#max-tokens")).to_have_value("50")
    assert json.loads(await here.at("#tools").input_value()) == TOOLS


def two(think: object = None) -> dict[str, object]:
    return {MODEL: model(think=think), "another": model(think=think), **models(hear=Hears("hello"))}


async def test_they_are_sent(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve(models=two())).url)
    await change(here)
    await here.send("Hi")
    await expect(here.turns("assistant")).to_have_count(1)
    await here.state("idle")
    (chat,) = here.chats()
    assert chat["model"] == "another"
    assert chat["audio"] == {"voice": "echo", "format": "pcm16"}
    assert chat["messages"][0]["content"] == "Speak like a pirate."
    assert chat["messages"][0]["role"] in {"system", "developer"}
    assert chat["temperature"] == 0.4
    assert chat.get("max_completion_tokens", chat.get("max_tokens")) == 50
    assert chat["tools"] == TOOLS


async def test_they_are_remembered(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve(models=two())).url)
    await change(here)
    await here.page.reload()
    await changed(here)


async def test_a_link_carries_them_and_never_the_key(visit: Visiting, serve: Serve) -> None:
    served = await serve(models=two(), access=Access(keys=(KEY,)))
    here = await visit(served.url)
    here.forgiven.append("status of 401")
    await here.at("#key").fill(KEY)
    await here.at("#key").press("Enter")
    await expect(here.at("#notice")).to_be_hidden()
    await change(here)
    await here.at("#share").click()
    link = await here.page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{here.url}/")
    assert "#" in link
    assert KEY not in link
    kept = await here.page.evaluate("JSON.stringify(localStorage) + document.cookie + location.href")
    assert KEY not in kept
    assert KEY in await here.page.evaluate("JSON.stringify(sessionStorage)")
    there = await visit(served.url, link.removeprefix(served.url))
    there.forgiven.append("status of 401")
    await there.at("#key").fill(KEY)
    await there.at("#key").press("Enter")
    await expect(there.at("#notice")).to_be_hidden()
    await changed(there)


async def test_a_voice_says_its_name(visit: Visiting, serve: Serve) -> None:
    speak = Speaks(speech_ms=100)
    here = await visit((await serve(hear=Hears("hello"), speak=speak)).url)
    await settings(here)
    await here.at("#voices").get_by_role("button", name="Hear echo").click()
    await here.until("window.heardByTests().seconds > 0.3")
    assert speak.asked[-1].voice == "echo"
    assert "echo" in speak.asked[-1].text.lower()
    await expect(here.at("#voices").get_by_role("radio", name="alloy")).to_be_checked()


async def test_an_answer_may_be_wanted_in_writing(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve(think=Says("In writing."))).url)
    await settings(here)
    await here.at("#aloud").uncheck()
    await here.send("Hi")
    await expect(here.turns("assistant").locator(".words")).to_have_text("In writing.")
    await here.state("idle")
    assert "audio" not in here.chats()[0]
    assert (await here.heard()).seconds == 0


async def test_what_was_remembered_may_be_broken(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve()).url)
    await settings(here)
    await here.at("#instructions").fill("Be brief.")
    await here.at("#instructions").blur()
    names = await here.page.evaluate("Object.keys(localStorage)")
    assert names
    for stored in ("{", "null", "[]", '{"voice": 3, "temperature": {"a": 1}, "model": []}'):
        for name in names:
            await here.page.evaluate("([name, stored]) => localStorage.setItem(name, stored)", [name, stored])
        await here.page.reload()
        await here.send("Hi")
        await expect(here.turns("assistant").locator(".words")).to_contain_text("Hello there.")


async def test_which_engines_are_behind_it(visit: Visiting, embedded: str) -> None:
    here = await visit(embedded)
    await expect(here.at("#engines")).to_contain_text("smollm2", ignore_case=True)
