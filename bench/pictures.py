"""Takes the pictures of `docs/playground`: `make pictures`.

They show the embedded engines as `make serve` starts them; only the call of a tool is a scripted model's, and the usage
and the keys of the account are made up.
"""

import asyncio
import io
import json
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from playwright.async_api import async_playwright, expect

from tests.playground.conftest import prepared
from tests.playground.talking import FIXTURES, TOOL, AsksFirst, settings, speak
from tests.support.browser import LIMIT_MS, Visit, chromium, visiting
from tests.support.entries import entry
from tests.support.serving import MODEL, Served, run
from tests.support.weights import link_weights
from vivavoce.account.keys import Wish
from vivavoce.store import clock
from vivavoce.testing import Hears
from vivavoce.testing.serving import serving

FOLDER = Path(__file__).parents[1] / "docs" / "playground"
DESK: dict[str, Any] = {"viewport": {"width": 1080, "height": 800}}
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 720}, "has_touch": True}
COLOURS = 128
"""Of a picture: it has few, and is a third as large."""
HALF = """() => {
  const words = [...document.querySelectorAll('[data-role=assistant] .word')]
  const said = words.filter((word) => word.classList.contains('said'))
  return said.length >= words.length / 2 && said.length < words.length
}"""
"""Of the answer has been said."""


def small(png: bytes) -> bytes:
    """The same picture with a palette."""
    with av.open(io.BytesIO(png)) as file:
        frame = next(file.decode(video=0))
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1))
    split, palette = graph.add("split"), graph.add("palettegen", f"max_colors={COLOURS}:stats_mode=single")
    using, sink = graph.add("paletteuse", "dither=none"), graph.add("buffersink")
    source.link_to(split)
    split.link_to(using, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(using, 0, 1)
    using.link_to(sink)
    graph.configure()
    frame.pts, frame.time_base = 0, Fraction(1)
    source.push(frame)
    source.push(None)
    reduced = sink.pull()
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = frame.width, frame.height, "pal8", Fraction(1)
    encoder.options = {"compression_level": "9", "pred": "none"}
    reduced.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(reduced), *encoder.encode(None)])


async def take(here: Visit, name: str) -> None:
    """Keep how the page looks now."""
    png = small(await here.page.screenshot())
    (FOLDER / f"{name}.png").write_bytes(png)
    print(f"{name}.png: {len(png) // 1000} kB")


async def answered(here: Visit) -> None:
    """A spoken question, heard and answered."""
    await speak(here)
    await here.state("speaking")
    await here.state("idle")
    await expect(here.turns("user").locator(".words")).not_to_be_empty()


async def answering(here: Visit, name: str) -> None:
    """In the middle of an answer."""
    await answered(here)
    await here.turns("assistant").locator("button.play").click()
    await here.until(HALF)
    await take(here, name)


async def listening(here: Visit, name: str) -> None:
    """In the middle of the question."""
    await here.send("Say hello to our guests.")
    await here.state("speaking")
    await here.state("idle")
    await here.at("#talk").click()
    await here.page.wait_for_timeout(1000)
    await take(here, name)


async def request(here: Visit, name: str) -> None:
    """An answer's request, as a program."""
    await answered(here)
    details = here.at("details.request:not([hidden])").last
    await details.locator("summary").click()
    await details.get_by_role("button", name="Python").click()
    await details.locator("pre").scroll_into_view_if_needed()
    await take(here, name)


async def changing(here: Visit, name: str) -> None:
    """The settings."""
    await settings(here)
    await here.at("#instructions").fill("You are a friendly guide. Answer in one sentence.")
    await here.at("#instructions").blur()
    await take(here, name)


async def calling(here: Visit, name: str) -> None:
    """A tool that is called."""
    await settings(here)
    await here.at("#tools-field > summary").click()
    await here.at("#tools").fill(json.dumps([TOOL], indent=2))
    await here.at("#file").set_input_files(FIXTURES / "question.wav")
    await here.at("form.tool-call textarea").fill('{"sky": "sunny", "celsius": 24}')
    await expect(here.turns("user").locator(".words")).not_to_be_empty()
    await here.at("#settings > summary").click()
    await take(here, name)


async def saying(here: Visit, name: str) -> None:
    """A text, said."""
    await here.page.get_by_role("tab", name="Say").click()
    await here.at("#say-text").fill("Good morning. The train to Paris leaves from platform four.")
    await here.at("#say-go").click()
    await here.at("#say-save").wait_for()
    await take(here, name)


async def transcribing(here: Visit, name: str) -> None:
    """A recording, written down."""
    await here.page.get_by_role("tab", name="Transcribe").click()
    await here.at("#transcribe-file").set_input_files(FIXTURES / "question.wav")
    await here.at("#transcribe-go").click()
    await here.at("#transcript .word").nth(3).click()
    await take(here, name)


async def refused(here: Visit, name: str) -> None:
    """A microphone that may not be used."""
    await here.at("#talk").click()
    await here.notice("microphone-refused")
    await take(here, name)


PICTURES: list[tuple[str, Callable[[Visit, str], Awaitable[None]], dict[str, Any]]] = [
    ("talk-light", answering, DESK),
    ("talk-dark", answering, DESK | {"color_scheme": "dark"}),
    ("talk-phone", listening, PHONE),
    ("request-light", request, DESK),
    ("settings-dark", changing, DESK | {"color_scheme": "dark"}),
    ("tool-light", calling, DESK),
    ("say-light", saying, DESK),
    ("transcribe-dark", transcribing, DESK | {"color_scheme": "dark"}),
    ("refused-phone-dark", refused, PHONE | {"color_scheme": "dark", "permissions": []}),
]
"""The name of each picture, what is to be seen, and where."""


ACCOUNT: list[tuple[str, dict[str, Any]]] = [
    ("account-light", DESK | {"viewport": {"width": 1080, "height": 1000}}),
    ("account-phone-dark", PHONE | {"color_scheme": "dark", "viewport": {"width": 360, "height": 900}}),
]
DAYS = 90


async def use(served: Served) -> str:
    """Make up keys, and what they were used for, the same each time; an admin key."""
    for wish in (Wish("phone menu", "shop", "2"), Wish("desk", "shop", models=[MODEL], lifetime_s=DAYS * 86_400)):
        await served.service.keys.create(wish)
    made = random.Random(7)  # noqa: S311 - a picture
    kinds: dict[str, Callable[[], dict[str, Any]]] = {
        "chat": lambda: {
            "model": f"{MODEL}-2024-12-17",
            **{name: made.randrange(200) for name in ("text_in", "audio_in", "text_out")},
            "audio_out": made.randrange(400),
            "cost_in": made.randrange(2 * 10**9),
            "cost_out": made.randrange(8 * 10**9),
        },
        "speech": lambda: {"model": "tts-1", "characters": made.randrange(900)},
        "transcription": lambda: {"model": "whisper-1", "heard_ms": made.randrange(60_000)},
    }
    for number in range(1200):
        ago_s = int(DAYS * 86_400 * made.random() ** 1.1)
        kind = made.choices(list(kinds), (6, 1, 2))[0]
        more = {"kind": kind, "project": made.choice(("shop", "default")), **kinds[kind]()}
        await served.service.ledger.append(entry(number, at=int(clock.now()) - ago_s, **more))
    return (await served.service.keys.create(Wish("boss", None))).value


async def accounts(browser: Any, *names: str) -> None:
    """Usage and keys."""
    with tempfile.TemporaryDirectory() as folder:
        async with run(Path(folder), **prepared()) as served:
            key = await use(served)
            for name, options in ACCOUNT:
                if names and name not in names:
                    continue
                async with visiting(browser, served.url, **options) as here:
                    await here.open("/playground/account")
                    await here.at("#key").fill(key)
                    await here.at("#key").press("Enter")
                    await expect(here.at("#reading")).not_to_be_empty()
                    await take(here, name)


@asynccontextmanager
async def servers() -> AsyncIterator[tuple[str, str]]:
    """The address of a server with the embedded engines, and of one whose model calls a tool."""
    async with AsyncExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
        link_weights(folders[0])
        embedded = stack.enter_context(serving(folders[0]))
        thinks = AsksFirst(("weather", '{"city": "Paris"}'))
        known = prepared(hear=Hears("How is the weather in Paris?"), think=thinks, about="A scripted model.")
        scripted = await stack.enter_async_context(run(folders[1], **known))
        yield embedded.url, scripted.url


async def main(*names: str) -> None:
    """Take all pictures, or those of the given names."""
    FOLDER.mkdir(exist_ok=True)
    expect.set_options(timeout=LIMIT_MS)
    async with servers() as (embedded, scripted), async_playwright() as driver, chromium(driver) as browser:
        for name, scene, options in PICTURES:
            if names and name not in names:
                continue
            url = scripted if scene is calling else embedded
            async with visiting(browser, url, **options) as here:
                await here.open()
                await scene(here, name)
        await accounts(browser, *names)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
