"""Debian's Chromium at the playground: its microphone plays a recording, and what the page plays is kept.

Whatever a browser complains of is a fault: an error on the console (so is a breach of the content security policy),
an exception nobody caught, a dialogue, a request to anywhere but the server.
"""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.async_api import Browser, ConsoleMessage, Error, Locator, Page, Playwright, Request

CHROMIUM = shutil.which("chromium")
ELSEWHERE = "elsewhere.test"
"""This machine by a name that is not its own: there a page is in no secure context."""
QUESTION = Path(__file__).parents[1] / "fixtures" / "question.wav"
LIMIT_MS = 15_000
"""For anything a test waits for: the machine may be busy."""
ALLOWED = ("microphone", "clipboard-read", "clipboard-write")
EAR = """{
  const connect = AudioNode.prototype.connect
  const taps = new WeakMap()
  const kept = []
  const loudness = (samples) => Math.sqrt(samples.reduce((sum, height) => sum + height * height, 0) / samples.length)

  async function keep(track) {
    const frames = new MediaStreamTrackProcessor({ track, maxBufferSize: 1000 }).readable.getReader()
    for (;;) {
      const { value: frame, done } = await frames.read()
      if (done) return
      const samples = new Float32Array(frame.numberOfFrames)
      frame.copyTo(samples, { planeIndex: 0, format: 'f32-planar' })
      kept.push({ at: performance.now() / 1000, seconds: samples.length / frame.sampleRate, loud: loudness(samples) })
      frame.close()
    }
  }

  AudioNode.prototype.connect = function (to, ...more) {
    if (to instanceof AudioDestinationNode) {
      if (!taps.has(this.context)) {
        taps.set(this.context, this.context.createMediaStreamDestination())
        keep(taps.get(this.context).stream.getAudioTracks()[0])
      }
      connect.call(this, taps.get(this.context))
    }
    return connect.call(this, to, ...more)
  }

  window.heardByTests = () => {
    const loud = kept.filter((frame) => frame.loud > 0.003)
    return {
      seconds: loud.reduce((sum, frame) => sum + frame.seconds, 0),
      peak: Math.max(0, ...loud.map((frame) => frame.loud)),
      silent_s: loud.length ? performance.now() / 1000 - loud.at(-1).at : 0,
    }
  }
}"""
"""Stands at the loudspeaker: keeps how loud each hundredth of a second is that the page plays."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the page has played."""

    seconds: float
    """Of sound, without the silence."""
    peak: float
    """How loud the loudest moment was, of 1."""
    silent_s: float
    """How long nothing has sounded since; 0: nothing ever did."""


@dataclass
class Visit:
    """A page that is open."""

    url: str
    page: "Page"
    faults: list[str] = field(default_factory=list[str])
    forgiven: list[str] = field(default_factory=list[str])
    """What is no fault in this test: parts of what a browser says."""
    asked: "list[Request]" = field(default_factory=list[Any])
    """Every request."""

    async def open(self, path: str = "/") -> None:
        await self.page.goto(self.url + path)

    def at(self, selector: str) -> "Locator":
        return self.page.locator(selector)

    def turns(self, role: str) -> "Locator":
        """The turns of one side of the conversation."""
        return self.page.locator(f'#conversation article.turn[data-role="{role}"]')

    async def state(self, state: str) -> None:
        """Wait until the page is idle, listening, thinking or speaking."""
        await self.page.locator(f'html[data-state="{state}"]').wait_for(state="attached")

    async def notice(self, code: str) -> str:
        """Wait until the page says that something is wrong; the sentence."""
        notice = self.page.locator(f'#notice[data-code="{code}"]')
        await notice.wait_for()
        return await notice.inner_text()

    async def heard(self) -> Heard:
        return Heard(**await self.page.evaluate("window.heardByTests()"))

    async def until(self, condition: str, argument: Any = None) -> None:
        """Wait until an expression, or what a function gives, is true in the page."""
        function = condition if "=>" in condition else f"() => {condition}"
        await self.page.wait_for_function(function, arg=argument)

    async def send(self, text: str) -> None:
        """Write a message, and send it."""
        await self.at("#message").fill(text)
        await self.at("#send").click()

    def chats(self) -> list[dict[str, Any]]:
        """The bodies of the chats that were asked for."""
        return [request.post_data_json for request in self.asked if request.url.endswith("/chat/completions")]

    def complaints(self) -> list[str]:
        return [fault for fault in self.faults if not any(part in fault for part in self.forgiven)]

    def listen(self) -> None:
        """Keep what the browser says and asks for."""
        self.page.on("console", self._said)
        self.page.on("pageerror", self._raised)
        self.page.on("dialog", lambda dialog: self.faults.append(f"dialogue: {dialog.message}"))
        self.page.on("request", self._requested)

    def _said(self, message: "ConsoleMessage") -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(f"console: {message.text} ({message.location['url']})")

    def _raised(self, error: "Error") -> None:
        self.faults.append(f"exception: {error.stack or error.message}")

    def _requested(self, request: "Request") -> None:
        self.asked.append(request)
        if not request.url.startswith((f"{self.url}/", "blob:", "data:")):
            self.faults.append(f"request to elsewhere: {request.url}")


Visiting = Callable[..., Awaitable[Visit]]


def missing() -> str | None:
    """Why no browser can be started here. None: one can."""
    return None if CHROMIUM else "Chromium is not installed: apt install chromium"


def need() -> None:
    """Skip what comes where there is no browser, or fail it where CI decides."""
    if reason := missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@asynccontextmanager
async def chromium(playwright: "Playwright", microphone: Path | None = QUESTION) -> "AsyncIterator[Browser]":
    """Start it with a microphone that plays a recording once each time it is opened. None: with no microphone."""
    arguments = [f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"]
    if microphone:
        arguments.append("--use-fake-device-for-media-stream")
        arguments.append(f"--use-file-for-fake-audio-capture={microphone}%noloop")
    sandbox = os.geteuid() != 0  # Chromium has none for root
    browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments, chromium_sandbox=sandbox)
    try:
        yield browser
    finally:
        await browser.close()


@asynccontextmanager
async def visiting(browser: "Browser", url: str, **options: Any) -> AsyncIterator[Visit]:
    """Come to a server as a new person, who allows `permissions`; `options` are Playwright's for a context."""
    options.setdefault("permissions", list(ALLOWED))
    context = await browser.new_context(**options)
    context.set_default_timeout(LIMIT_MS)
    try:
        await context.add_init_script(EAR)
        visit = Visit(url, await context.new_page())
        visit.listen()
        yield visit
    finally:
        await context.close()
