"""Spoken help (examples/spoken_help) in Debian's Chromium: its microphone plays a question that our own voice asks."""

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import pytest_asyncio
from openai import OpenAI

from tests.support.browser import ALLOWED, ELSEWHERE, Visit, chromium, visiting
from tests.support.weights import link_weights
from vivavoce.engines import libflite
from vivavoce.testing.serving import serving

pytestmark = pytest.mark.skipif(not libflite.installed(), reason=libflite.MISSING)

HELP = Path(__file__).parents[2] / "examples" / "spoken_help"
LIMIT_MS = 60_000
SPOKEN_MS = 3500
TRIES = 3
"""Of a question: on a machine that is busy the browser's microphone leaves out some of it."""


class Quiet(SimpleHTTPRequestHandler):
    """Serves the page, and says nothing."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        del format, args


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copytree(HELP, tmp_path_factory.mktemp("pages") / "help")


@pytest.fixture(scope="module")
def pages(folder: Path) -> Iterator[int]:
    """The port of an application with the page."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def question(pages: int, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A spoken question, beside a server with the embedded engines that the page asks."""
    home = tmp_path_factory.mktemp("help")
    link_weights(home)
    config = (folder / "vivavoce.toml").read_text().replace("8080", str(pages))
    (home / "vivavoce.toml").write_text(config)
    with serving(home) as server, OpenAI(base_url=server.url, api_key="anything") as client:
        page = folder / "settings.html"
        page.write_text(page.read_text().replace("http://127.0.0.1:8000", server.url))
        said = home / "question.wav"
        said.write_bytes(
            client.audio.speech.create(
                model="tts-1", voice="cedar", input="Where are the copies of my notes?", response_format="wav"
            ).content
        )
        yield said


class Visitor:
    """Somebody at the page."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self.page = visit.page
        self.played = visit.heard

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name, exact=True)

    @property
    def answer(self) -> Any:
        return self.page.get_by_role("note", name="Answer")

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The bodies of the chats that were asked for."""
        return [request.post_data_json for request in self._visit.asked if request.method == "POST"]

    async def write(self, text: str) -> None:
        field = self.page.get_by_label("Or write your question")
        await field.fill(text)
        await field.press("Enter")

    async def alert(self) -> str:
        alert = self.page.get_by_role("alert")
        await alert.wait_for()
        await self.button("Ask for help").wait_for()
        return await alert.inner_text()


@pytest_asyncio.fixture(loop_scope="session")
async def visit(playwright: Any, pages: int, question: Path) -> AsyncIterator[Any]:
    """Come to the page, with a microphone that asks the question or with none."""
    visits: list[Visit] = []
    async with AsyncExitStack() as stack:

        async def come(*, host: str = "127.0.0.1", microphone: bool = True, allowed: bool = True) -> Visitor:
            browser = await stack.enter_async_context(chromium(playwright, question if microphone else None))
            permissions = list(ALLOWED) if allowed else []
            visit = await stack.enter_async_context(
                visiting(browser, f"http://{host}:{pages}", permissions=permissions)
            )
            visit.forgiven += ["request to elsewhere", "Failed to load resource"]  # its server is another, or gone
            visit.page.set_default_timeout(LIMIT_MS)
            visits.append(visit)
            await visit.open("/settings.html")
            return Visitor(visit)

        yield come
    assert [fault for visit in visits for fault in visit.complaints()] == []


async def test_a_spoken_question_is_answered_from_the_page_by_keyboard_alone(visit: Any) -> None:
    for _ in range(TRIES):
        here = await visit()
        await ask_aloud(here)
        if "Backup" in await here.answer.inner_text():
            break
    assert "Backup" in await here.answer.inner_text()
    played = await here.played()
    assert played.seconds > 0.5
    assert played.peak > 0.1
    (asked,) = here.asked
    assert "the folder called Backup" in asked["messages"][0]["content"]
    assert asked["messages"][-1]["content"][0]["type"] == "input_audio"
    assert await here.page.evaluate("document.activeElement.shadowRoot.activeElement.tagName") == "BUTTON"


async def ask_aloud(here: Visitor) -> None:
    await here.page.keyboard.press("Tab")
    while not await here.page.evaluate("document.activeElement.shadowRoot !== null"):
        await here.page.keyboard.press("Tab")
    await here.page.keyboard.press("Enter")
    await here.button("I have asked").wait_for()
    assert await here.page.get_by_role("status").inner_text() == "Listening."
    await here.page.wait_for_timeout(SPOKEN_MS)
    await here.page.keyboard.press("Enter")
    await here.button("Stop").wait_for()
    await here.button("Ask for help").wait_for()


async def test_a_question_may_be_written_and_its_answer_stopped(visit: Any) -> None:
    here = await visit()
    await here.write("How do I make the text larger?")
    await here.button("Stop").wait_for()
    await here.page.wait_for_function("() => window.heardByTests().seconds > 0.3")
    await here.page.keyboard.press("Escape")
    await here.button("Ask for help").wait_for()
    first = await here.answer.inner_text()
    await here.write("How can I share a note?")
    await here.button("Stop").click()
    await here.button("Ask for help").wait_for()
    said = here.asked[1]["messages"]
    assert [message["role"] for message in said] == ["system", "user", "assistant", "user"]
    assert 0 < len(said[2]["content"].strip()) < len(first.strip())  # as far as it was heard
    assert first.startswith(said[2]["content"].strip())
    assert await here.page.get_by_role("alert").count() == 0


@pytest.mark.parametrize(
    ("coming", "sentence"),
    [
        (
            {"allowed": False},
            "The microphone is not allowed here. Allow it beside the address, or write your question.",
        ),
        ({"microphone": False}, "There is no microphone. Connect one, or write your question."),
        ({"host": ELSEWHERE}, "The microphone works on https pages alone. Write your question."),
    ],
)
async def test_what_keeps_the_microphone_away_is_said(visit: Any, coming: dict[str, Any], sentence: str) -> None:
    here = await visit(**coming)
    await here.button("Ask for help").click()
    assert await here.alert() == sentence


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (0, "does not answer, or does not know this page"),
        (401, "The help does not know who asks."),
        (503, "The help is busy. Try again in a moment."),
        (404, "The model `x` does not exist."),
    ],
)
async def test_what_the_server_cannot_do_is_said(visit: Any, status: int, sentence: str) -> None:
    here = await visit()

    async def answer(route: Any) -> None:
        if not status:
            await route.abort()
            return
        body = {"error": {"message": "The model `x` does not exist.", "type": "x", "param": None, "code": None}}
        await route.fulfill(status=status, json=body, headers={"access-control-allow-origin": "*"})

    await here.page.route("**/chat/completions", answer)
    await here.write("Hello?")
    assert sentence in await here.alert()


async def test_words_are_shown_and_never_run(visit: Any) -> None:
    here = await visit()
    words = "<img src=x onerror=alert(1)> is a picture."
    chunk = json.dumps({"choices": [{"index": 0, "delta": {"audio": {"transcript": words}}}]})
    await here.page.route(
        "**/chat/completions",
        lambda route: route.fulfill(
            body=f"data: {chunk}\r\n\r\ndata: [DONE]\r\n\r\n",
            headers={"access-control-allow-origin": "*", "content-type": "text/event-stream"},
        ),
    )
    await here.write("Hello?")
    await here.answer.wait_for()
    assert await here.answer.inner_text() == words
    assert await here.page.locator("img").count() == 0
