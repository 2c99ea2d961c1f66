"""LiteLLM's proxy before our server: what OpenAI's own client gets through it, and what `vivavoce conform` misses.

What is lost stands in docs/compatibility.md, with the checks that show it; a check that fails through the proxy alone
and does not stand there, and one there that holds, fail the run.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from re import MULTILINE, findall
from typing import Any

import httpx2
import pytest
from openai import APIError, BadRequestError, InternalServerError, OpenAI, RateLimitError

from tests.compat import asking
from tests.compat.caller import RETRY_AFTER_S
from tests.compat.clients.litellm_proxy import stay
from tests.compat.conftest import HEARS, MODELS, SAYS
from tests.compat.environments import ROOT
from tests.compat.proxy import KEY, OUTSIDE, Proxy, proxying
from tests.conform.serving import KEY as OURS
from tests.conform.serving import served
from vivavoce.conform.check import Outcome
from vivavoce.conform.examine import GROUPS, Wanted, examine, reach

MODEL, CALLER = MODELS[:2]
PAGE = (ROOT / "docs" / "compatibility.md").read_text().split("\n## Through LiteLLM's proxy\n")[1]
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.fixture
def through(proxy: Proxy) -> Iterator[OpenAI]:
    with asking.client(proxy.url, KEY) as client:
        yield client


@pytest.fixture
def direct(scripted: str) -> Iterator[OpenAI]:
    with asking.client(scripted) as client:
        yield client


@STREAM
def test_text_comes_through(through: OpenAI, stream: bool) -> None:
    asked: Any = {"model": CALLER, "messages": asking.text("Hello")}
    if stream:
        choices = [chunk.choices[0] for chunk in through.chat.completions.create(stream=True, **asked)]
        words = "".join(choice.delta.content or "" for choice in choices)
    else:
        words = through.chat.completions.create(**asked).choices[0].message.content
    assert words == "There is nothing to call."


@STREAM
def test_speech_comes_through_both_ways_byte_for_byte(through: OpenAI, direct: OpenAI, stream: bool) -> None:
    here, there = asking.speak(through, MODEL, stream=stream), asking.speak(direct, MODEL, stream=stream)
    assert here.words == there.words == SAYS
    assert here.sound == there.sound != b""
    cost = here.usage.pop("cost", None)
    assert (cost is not None) == stream, "the proxy prices streams"
    assert here.usage == there.usage
    assert here.usage["prompt_tokens_details"]["audio_tokens"] > 10


@STREAM
def test_an_earlier_answer_is_referred_to(through: OpenAI, stream: bool) -> None:
    told = asking.speak(through, MODEL, stream=stream)
    again = [*asking.QUESTION, {"role": "assistant", "audio": {"id": told.named}}, *asking.text("And now?")]
    assert asking.speak(through, MODEL, again, stream=stream).words == SAYS


@STREAM
def test_a_tool_is_called_and_its_result_said(through: OpenAI, stream: bool) -> None:
    call = asking.call(through, CALLER, stream=stream)
    assert (call.name, call.arguments) == ("weather", {"city": "Paris"})
    said = [*asking.text("And in Paris?"), call.message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    assert asking.speak(through, CALLER, said, stream=stream).words == "It says sunny."


def test_it_hears_and_reads_aloud(through: OpenAI, direct: OpenAI) -> None:
    assert asking.hear(through) == HEARS
    for form in ("mp3", "wav", "pcm"):
        speech: Any = {"model": "tts-1", "voice": "alloy", "input": "Hello there.", "response_format": form}
        here, there = [client.audio.speech.create(**speech) for client in (through, direct)]
        assert here.content == there.content != b""
        assert here.response.headers["content-type"] == there.response.headers["content-type"]


def test_its_answers_name_its_own_model(through: OpenAI, direct: OpenAI) -> None:
    asked: Any = {"model": MODEL, "messages": asking.text("Hello")}
    names = [client.chat.completions.create(**asked).model for client in (through, direct)]
    assert names == [MODEL, f"{MODEL}-2024-12-17"]


@STREAM
def test_too_many_requests_say_when_to_come_back_under_another_name(through: OpenAI, stream: bool) -> None:
    with pytest.raises(RateLimitError) as told:
        asking.speak(through, CALLER, asking.text("Please refuse."), stream=stream)
    headers = told.value.response.headers
    assert "retry-after" not in headers
    assert headers["llm_provider-retry-after"] == str(RETRY_AFTER_S)


def test_errors_are_errors(through: OpenAI) -> None:
    with pytest.raises(InternalServerError):
        asking.speak(through, CALLER, asking.text("Please fail."))
    with pytest.raises(APIError, match="broke off"):
        asking.speak(through, CALLER, asking.text("Please break off."), stream=True)
    with pytest.raises(BadRequestError, match="not found"):
        asking.speak(through, MODEL, [*asking.text("Hi"), {"role": "assistant", "audio": {"id": "audio_0"}}])


@pytest.mark.parametrize(("key", "status"), [("sk-of-nobody", 400), (None, 500)])
def test_without_its_key_it_refuses_in_its_own_way(proxy: Proxy, key: str | None, status: int) -> None:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    told = httpx2.post(
        f"{proxy.url}/v1/chat/completions",
        json={"model": MODEL, "messages": asking.text("Hello")},
        headers=headers,
        trust_env=False,
    )
    assert told.status_code == status


async def looked_at(url: str, key: str) -> dict[str, Outcome]:
    wanted = Wanted(url, key, MODEL, "gpt-4o-mini-tts", "gpt-4o-mini-transcribe")
    async with reach(wanted) as subject:
        return {each.check.name: each for each in await examine(subject, GROUPS, lambda _check: None)}


def held(outcomes: dict[str, Outcome], weight: str) -> str:
    """How many checks of a weight hold, and of how many that were made."""
    made = [each.result for each in outcomes.values() if each.check.weight == weight and each.result != "skipped"]
    return f"{made.count('holds')} of {len(made)}"


def differences(lost: set[str], listed: list[str]) -> list[str]:
    """Where what is lost is not what is listed."""
    pairs = {(name, pattern) for name in lost for pattern in listed if fnmatchcase(name, pattern)}
    wrong = [f"{name} is lost" for name in lost - {name for name, _ in pairs}]
    return wrong + [f"{pattern} is not lost" for pattern in set(listed) - {pattern for _, pattern in pairs}]


async def test_what_is_lost_is_what_the_page_says(tmp_path: Path) -> None:
    rows = findall(r"^\|.*\|(.+)\|$", PAGE, MULTILINE)
    listed = [name for checks in rows for name in findall(r"`([\w.*-]+)`", checks)]
    async with served(tmp_path) as server:
        ours = await looked_at(server.url, OURS)
        with proxying(tmp_path, [(name, server.url) for name in server.service.models], OURS) as proxy:
            theirs = await looked_at(proxy.url, KEY)
    lost = {name for name, each in ours.items() if each.result == "holds" != theirs[name].result}
    assert differences(lost, listed) == []
    words = " ".join(PAGE.split())  # wherever its lines end
    for weight in ("must", "should"):
        assert f"{held(ours, weight)} and {held(theirs, weight)}" in words


def test_a_row_that_is_no_longer_true_is_found() -> None:
    assert differences({"a.b", "a.c"}, ["a.*"]) == []
    assert differences({"a.b"}, ["a.b", "a.c"]) == ["a.c is not lost"]
    assert differences({"a.b", "a.c"}, ["a.b"]) == ["a.c is lost"]


def test_what_leaves_the_machine_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for event, told in (
        ("socket.connect", (None, ("127.0.0.1", 80))),
        ("socket.connect", (None, "/a/socket")),
        ("socket.getaddrinfo", ("localhost", 80)),
        ("socket.getaddrinfo", ("::1", 80)),
        ("open", ("example.com", "r", 0)),
    ):
        stay(event, told)
    assert not capsys.readouterr().err
    for event, told in (
        ("socket.connect", (None, ("192.0.2.1", 443))),
        ("socket.getaddrinfo", ("example.com", 443)),
        ("socket.getaddrinfo", (b"example.com", 443)),
    ):
        with pytest.raises(ConnectionRefusedError):
            stay(event, told)
        assert OUTSIDE in capsys.readouterr().err
