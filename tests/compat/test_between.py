"""Two servers of ours with LiteLLM's proxy between them: client, server, proxy, server, and that one's brain."""

from collections.abc import Iterator
from typing import Any

import pytest
from openai import APIError, APITimeoutError, InternalServerError, OpenAI, RateLimitError

from tests.compat import asking
from tests.compat.caller import LEFT, RETRY_AFTER_S
from tests.compat.conftest import GONE, HEARS, SAYS
from tests.compat.proxy import KEY, Proxy

WAYS = ["gpt-4o-mini-audio-preview", "cascade"]
"""The first server asks for the whole answer, and for each role by itself."""
CALLING = ["gpt-4o-audio-preview", "cascade-that-calls"]
LIMIT_S = 5
"""For the end of what nobody waits for; far below the 10 s that it would take."""
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.fixture
def first(before: str) -> Iterator[OpenAI]:
    with asking.client(before) as client:
        yield client


@pytest.fixture
def second(scripted: str) -> Iterator[OpenAI]:
    with asking.client(scripted) as client:
        yield client


@pytest.mark.parametrize("way", WAYS)
@STREAM
def test_words_and_sound_come_through_byte_for_byte(first: OpenAI, second: OpenAI, way: str, stream: bool) -> None:
    here, there = asking.speak(first, way, stream=stream), asking.speak(second, WAYS[0], stream=stream)
    assert here.words == there.words == SAYS
    assert len(here.sound) > 24_000
    assert here.sound == there.sound
    if way == WAYS[0]:
        assert here.usage == there.usage


@pytest.mark.parametrize("form", ["mp3", "flac", "aac"])
def test_other_formats_are_the_first_servers_own(first: OpenAI, second: OpenAI, form: str) -> None:
    sounds = [asking.speak(client, WAYS[0], form=form).sound for client in (first, second)]
    assert sounds[0] == sounds[1] != b""


@STREAM
def test_an_earlier_answer_is_referred_to(first: OpenAI, stream: bool) -> None:
    told = asking.speak(first, WAYS[0], stream=stream)
    again = [*asking.QUESTION, {"role": "assistant", "audio": {"id": told.named}}, *asking.text("And now?")]
    assert asking.speak(first, WAYS[0], again, stream=stream).words == SAYS


@pytest.mark.parametrize("way", CALLING)
@STREAM
def test_a_tool_is_called_and_its_result_said(first: OpenAI, way: str, stream: bool) -> None:
    call = asking.call(first, way, stream=stream)
    assert (call.name, call.arguments) == ("weather", {"city": "Paris"})
    said = [*asking.text("And in Paris?"), call.message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    assert asking.speak(first, way, said, stream=stream).words == "It says sunny."


def test_ear_and_voice_alone(first: OpenAI, second: OpenAI) -> None:
    assert asking.hear(first) == HEARS
    speech: Any = {"model": "tts-1", "voice": "echo", "input": "Hello there.", "response_format": "pcm"}
    sounds = [client.audio.speech.create(**speech).content for client in (first, second)]
    assert sounds[0] == sounds[1] != b""


@pytest.mark.parametrize("way", CALLING)
@STREAM
def test_too_many_requests_say_when_to_come_back(first: OpenAI, way: str, stream: bool) -> None:
    with pytest.raises(RateLimitError) as told:
        asking.speak(first, way, asking.text("Please refuse."), stream=stream)
    assert told.value.response.headers["retry-after"] == str(RETRY_AFTER_S)
    assert told.value.code == "rate_limit_exceeded"


@pytest.mark.parametrize("way", CALLING)
@STREAM
def test_an_engine_that_fails_is_an_error_of_the_first_server(first: OpenAI, way: str, stream: bool) -> None:
    with pytest.raises(InternalServerError) as told:
        asking.speak(first, way, asking.text("Please fail."), stream=stream)
    assert told.value.status_code == 500
    assert told.value.type == "server_error"


@pytest.mark.parametrize("way", CALLING)
def test_an_answer_that_breaks_off_is_an_error_within_the_stream(first: OpenAI, way: str) -> None:
    with pytest.raises(APIError, match="The model behind this server failed"):
        asking.speak(first, way, asking.text("Please break off."), stream=True)


@STREAM
def test_a_second_server_that_is_gone_is_told(first: OpenAI, stream: bool) -> None:
    with pytest.raises(InternalServerError, match="The model behind this server refused to answer"):
        asking.speak(first, GONE, stream=stream)


@pytest.mark.parametrize("way", CALLING)
@pytest.mark.parametrize("spoken", [False, True], ids=["text", "speech"])
def test_who_leaves_a_stream_stops_the_whole_chain(first: OpenAI, way: str, spoken: bool) -> None:
    asked = f"Go on and on, {way}, {spoken}."
    asking.leave_stream(first, way, asked, spoken=spoken)
    assert LEFT.get(timeout=LIMIT_S) == asked


def test_who_leaves_a_whole_answer_stops_the_whole_chain(first: OpenAI) -> None:
    with pytest.raises(APITimeoutError):
        first.with_options(timeout=1).chat.completions.create(model=CALLING[0], messages=asking.text("Go on and on."))
    assert LEFT.get(timeout=LIMIT_S) == "Go on and on."


def test_without_us_the_proxy_does_not_stop_a_whole_answer(proxy: Proxy, first: OpenAI) -> None:
    words = asking.text("Go on and on for nobody.")
    with asking.client(proxy.url, KEY) as client, pytest.raises(APITimeoutError):
        client.with_options(timeout=1).chat.completions.create(model=CALLING[0], messages=words)
    asking.leave_stream(first, CALLING[0], "Go on and on.")
    assert LEFT.get(timeout=LIMIT_S) == "Go on and on."  # the later, and it alone
    assert LEFT.empty()
