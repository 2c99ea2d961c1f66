"""Speech, text and files in one conversation, with earlier turns; tools answered by hand."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.playground.conftest import Serve
from tests.playground.talking import FIXTURES, HEARD, TOOL, AsksFirst, drop, said, saved, settings, sounding_s, speak
from tests.support.browser import Visit, Visiting
from tests.support.heard import Recogniser
from vivavoce.audio.encode import encode
from vivavoce.audio.wav import read_wav, write_wav
from vivavoce.core.engines import Transcript
from vivavoce.testing import Hears, Says

FORMATS = ["wav", "mp3", "flac", "opus", "aac"]


async def answered(here: Visit, times: int) -> None:
    """Wait for so many answers."""
    await expect(here.turns("assistant")).to_have_count(times)
    await here.state("idle")
    await expect(here.at("#notice")).to_be_hidden()


async def test_speech_text_and_recordings_mix_with_earlier_turns(visit: Visiting, serve: Serve) -> None:
    thinks = Says("Paris, of course.")
    served = await serve(hear=Hears(HEARD), think=thinks)
    here = await visit(served.url)
    await speak(here)
    await answered(here, 1)
    await expect(here.turns("user").locator(".words")).to_have_text(HEARD)
    await here.send("And of Italy?")
    await answered(here, 2)
    await drop(here, FIXTURES / "question.mp3")
    await answered(here, 3)
    first, second, third = (chat["messages"] for chat in here.chats())
    assert [part["type"] for part in first[0]["content"]] == ["input_audio"]
    assert [message["role"] for message in second] == ["user", "assistant", "user"]
    assert _text(second[0]) == HEARD
    assert second[1]["audio"]["id"].startswith("audio_")
    assert _text(second[2]) == "And of Italy?"
    assert [message["role"] for message in third] == ["user", "assistant", "user", "assistant", "user"]
    assert third[3]["audio"]["id"] not in {"", second[1]["audio"]["id"]}
    assert third[4]["content"][0]["type"] == "input_audio"
    known = [said(message) for message in thinks.asked[-1].messages]
    assert known == [HEARD, "Paris, of course.", "And of Italy?", "Paris, of course.", HEARD]


async def test_an_answer_that_is_gone_is_sent_as_its_words(visit: Visiting, serve: Serve) -> None:
    served = await serve(think=Says("Paris."), now=lambda: time.time() - 3700)
    here = await visit(served.url)
    await here.send("Which city?")
    await answered(here, 1)
    await here.send("Again?")
    await answered(here, 2)
    earlier = here.chats()[-1]["messages"][1]
    assert "audio" not in earlier
    assert _text(earlier) == "Paris."


async def test_an_answer_that_the_server_has_lost_is_sent_as_its_words(visit: Visiting, serve: Serve) -> None:
    late_s = 0
    served = await serve(think=Says("Paris."), now=lambda: time.time() + late_s)
    here = await visit(served.url)
    here.forgiven.append("status of 40")
    await here.send("Which city?")
    await answered(here, 1)
    late_s = 7200
    await here.send("Again?")
    await answered(here, 2)
    assert _text(here.chats()[-1]["messages"][1]) == "Paris."


async def test_any_recording_may_be_chosen(visit: Visiting, serve: Serve, tmp_path: Path) -> None:
    pcm = read_wav((FIXTURES / "question.wav").read_bytes())
    assert pcm is not None
    ear = Recogniser(lambda _, __: [Transcript(HEARD)])
    here = await visit((await serve(hear=ear)).url)
    for times, form in enumerate(FORMATS, 1):
        file = tmp_path / f"question.{'ogg' if form == 'opus' else form}"
        file.write_bytes(write_wav(pcm) if form == "wav" else b"".join(filter(None, encode(pcm, form))))
        await here.at("#file").set_input_files(file)
        await answered(here, times)
        await expect(here.turns("user").last.locator(".words")).to_have_text(HEARD)
        assert sounding_s(await saved(here, here.turns("user").last.locator("a.wav"))) > 1
    assert len(ear.heard) == 2 * len(FORMATS)
    assert all(heard.seconds == pytest.approx(pcm.seconds, abs=0.15) for heard in ear.heard)


async def test_a_file_that_is_no_recording_is_refused_in_a_plain_sentence(
    visit: Visiting, serve: Serve, tmp_path: Path
) -> None:
    file = tmp_path / "notes.wav"
    file.write_text("Not a sound in here.")
    here = await visit((await serve()).url)
    here.forgiven.append("status of 40")
    await drop(here, file)
    assert len(await here.notice("refused")) > 10
    await here.send("Then by letter.")
    await expect(here.turns("assistant").last.locator(".words")).to_contain_text("Hello there.")
    await expect(here.at("#notice")).to_be_hidden()


async def test_clear_begins_anew(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve()).url)
    await here.send("One.")
    await answered(here, 1)
    await here.at("#clear").click()
    await expect(here.at("article.turn")).to_have_count(0)
    await here.send("Two.")
    await answered(here, 1)
    assert len(here.chats()[-1]["messages"]) == 1


@pytest.mark.parametrize("calls", [1, 2])
async def test_a_call_of_a_tool_is_answered_by_hand(visit: Visiting, serve: Serve, calls: int) -> None:
    arguments = '{"city": "Paris"}'
    thinks = AsksFirst(*[("weather", arguments)] * calls)
    here = await visit((await serve(think=thinks)).url)
    await settings(here)
    await here.at("#tools-field > summary").click()
    await here.at("#tools").fill(json.dumps([TOOL]))
    await here.send("How is the weather in Paris?")
    forms = here.at("form.tool-call")
    await expect(forms).to_have_count(calls)
    for index in range(calls):
        form = forms.nth(index)
        await expect(form).to_contain_text("weather")
        assert json.loads(await form.locator("pre").inner_text()) == json.loads(arguments)
        await form.locator("textarea.tool-result").fill(f'{{"sun": {index}}}')
        await form.get_by_role("button", name="Send the result").click()
    await expect(here.turns("assistant").last.locator(".words")).to_contain_text("It is sunny there.")
    await here.state("idle")
    assert (await here.heard()).seconds > 0.1
    sent = here.chats()[-1]
    assert sent["tools"] == [TOOL]
    (asking,) = [message for message in sent["messages"] if message.get("tool_calls")]
    results = [message for message in sent["messages"] if message["role"] == "tool"]
    assert [call["id"] for call in asking["tool_calls"]] == [result["tool_call_id"] for result in results]
    assert [result["content"] for result in results] == [f'{{"sun": {index}}}' for index in range(calls)]
    await here.send("Thanks.")
    await expect(forms.last).to_be_attached()
    assert here.chats()[-1]["messages"][-1]["role"] == "user"


async def test_tools_that_are_no_json_are_told_and_nothing_is_lost(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve()).url)
    await settings(here)
    await here.at("#tools-field > summary").click()
    await here.at("#tools").fill("[{")
    await here.at("#tools-field > summary").click()
    await here.send("Hi")
    await expect(here.at("#tools")).to_be_visible()
    await expect(here.at("#tools")).to_have_attribute("aria-invalid", "true")
    await expect(here.at("#tools-hint")).to_contain_text("JSON")
    assert here.chats() == []
    await here.at("#tools").fill("")
    await here.page.get_by_role("button", name="Try again").click()
    await expect(here.turns("assistant").locator(".words")).to_contain_text("Hello there.")
    assert _text(here.chats()[0]["messages"][0]) == "Hi"


def _text(message: dict[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
