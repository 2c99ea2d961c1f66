"""The tabs of the two audio endpoints."""

import re

from playwright.async_api import expect

from tests.playground.conftest import Serve
from tests.playground.talking import FIXTURES, WORDS, saved
from tests.support.browser import Visiting
from vivavoce.audio.sniff import sniff
from vivavoce.testing import Speaks

KINDS = {"mp3": "mp3", "wav": "wav", "opus": "ogg", "aac": "aac", "flac": "flac", "pcm": None}


async def test_a_text_is_said_in_every_format(visit: Visiting, embedded: str) -> None:
    here = await visit(embedded)
    await here.page.get_by_role("tab", name="Say").click()
    await here.at("#say-text").fill("Good morning to all of you.")
    player = here.at("#say-player")
    for form, kind in KINDS.items():
        await here.at("#say-format").select_option(form)
        await here.at("#say-go").click()
        await expect(here.at("#say-save")).to_have_attribute("download", re.compile(rf"\.{form}$"))
        await here.until("document.querySelector('#say-player').duration > 0.8")
        assert await player.evaluate("(player) => player.error") is None
        await player.evaluate("(player) => player.play()")
        await here.until("document.querySelector('#say-player').currentTime > 0.1")
        data = await saved(here, here.at("#say-save"))
        assert sniff(data) == kind
        assert len(data) > 3000


async def test_a_text_is_said_by_the_voice_and_at_the_speed_one_chooses(visit: Visiting, serve: Serve) -> None:
    speak = Speaks()
    here = await visit((await serve(speak=speak)).url)
    await here.page.get_by_role("tab", name="Say").click()
    await here.at("#say-text").fill("Good morning.")
    await here.at("#say-model").select_option("tts-1")
    await here.at("#say-voice").select_option("echo")
    await here.at("#say-speed").fill("2")
    await here.at("#say-go").click()
    await expect(here.at("#say-save")).to_be_visible()
    (asked,) = [request for request in here.asked if request.url.endswith("/audio/speech")]
    assert asked.post_data_json["model"] == "tts-1"
    assert {(said.voice, said.speed) for said in speak.asked} == {("echo", 2.0)}


async def test_a_recording_is_transcribed_with_the_times_of_its_words(visit: Visiting, embedded: str) -> None:
    here = await visit(embedded)
    await here.page.get_by_role("tab", name="Transcribe").click()
    await here.at("#transcribe-file").set_input_files(FIXTURES / "question.wav")
    await here.at("#transcribe-go").click()
    await expect(here.at("#transcript")).to_contain_text(WORDS, ignore_case=True)
    words = here.at("#transcript .word[data-start]")
    starts = [float(start or "") for start in await words.evaluate_all("(all) => all.map((one) => one.dataset.start)")]
    assert len(starts) == len(WORDS.split())
    assert starts == sorted(starts)
    assert starts[-1] > 0.8
    await words.last.click()
    await here.until("document.querySelector('#transcribe-player').currentTime >= %s" % (starts[-1] - 0.05))
    srt = (await saved(here, here.at("#srt"))).decode()
    assert re.match(r"1\r?\n00:00:0\d,\d{3} --> 00:00:0\d,\d{3}\r?\n", srt)
    vtt = (await saved(here, here.at("#vtt"))).decode()
    assert vtt.startswith("WEBVTT")
    for captions in (srt, vtt):
        assert "capital of france" in " ".join(captions.lower().split())


async def test_what_cannot_be_read_is_told(visit: Visiting, serve: Serve) -> None:
    here = await visit((await serve()).url)
    here.forgiven.append("status of 400")
    await here.page.get_by_role("tab", name="Transcribe").click()
    await here.at("#transcribe-file").set_input_files(
        {"name": "notes.wav", "mimeType": "audio/wav", "buffer": b"Not a sound in here."}
    )
    await here.at("#transcribe-go").click()
    assert len(await here.notice("refused")) > 10
