"""How a server is asked: within limits, once, and again where it is busy."""

import asyncio
import json

import httpx2
import pytest

from vivavoce.conform.check import Check, Group
from vivavoce.conform.choosing import choose
from vivavoce.conform.examine import Unusable, Wanted, examine, groups_named, reach
from vivavoce.conform.seen import Failed, Skipped
from vivavoce.conform.subject import Limits, Subject

MODELS = {"object": "list", "data": [{"id": "gpt-audio"}]}
WANTED = Wanted("http://server.invalid")


def answering(*answers: httpx2.Response) -> httpx2.MockTransport:
    """Gives the models first, then these answers, the last one for ever."""
    left = [httpx2.Response(200, json=MODELS), *answers]
    return httpx2.MockTransport(lambda _request: left.pop(0) if len(left) > 1 else left[0])


async def outcome(group: Group, transport: httpx2.AsyncBaseTransport, wanted: Wanted = WANTED) -> tuple[str, str]:
    async with reach(wanted, transport) as subject:
        (found,) = await examine(subject, [group], lambda _check: None)
    return found.result, found.why


def looking(path: str = "/there") -> Group:
    """A check that wants JSON under a path."""
    group = Group("g")

    @group.must
    async def there(subject: Subject) -> None:
        """It is there."""
        (await subject.get(path)).json()

    return group


async def test_a_busy_server_is_asked_again() -> None:
    busy = httpx2.Response(503, headers={"retry-after": "0"})
    assert await outcome(looking(), answering(busy, busy, httpx2.Response(200, json={}))) == ("holds", "")


@pytest.mark.parametrize("headers", [{"retry-after": "3600"}, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}])
async def test_a_server_that_is_busy_for_long_is_not_waited_for(headers: dict[str, str]) -> None:
    found = await outcome(looking(), answering(httpx2.Response(429, headers=headers), httpx2.Response(200, json={})))
    assert found == ("fails", "expected an answer, came status 429")


async def test_a_server_that_is_always_busy_fails_in_the_end() -> None:
    busy = httpx2.Response(503, headers={"retry-after": "0"})
    assert (await outcome(looking(), answering(busy)))[0] == "fails"


class Silent(httpx2.AsyncBaseTransport):
    """Tells its models, and nothing afterwards."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/v1/models":
            return httpx2.Response(200, json=MODELS)
        await asyncio.Event().wait()
        raise AssertionError


async def test_what_does_not_answer_is_not_waited_for() -> None:
    wanted = Wanted("http://server.invalid", limits=Limits(request_s=0.05))
    assert await outcome(looking(), Silent(), wanted) == ("fails", "expected an answer within 0 s, came none")


async def test_when_all_time_is_spent_nothing_is_asked_any_more() -> None:
    async with reach(WANTED, answering(httpx2.Response(200, json={}))) as subject:
        spent = Subject(httpx2.AsyncClient(), subject.base, subject.names, subject.recordings, Limits(60, 0))
        (found,) = await examine(spent, [looking()], lambda _check: None)
    assert (found.result, found.why, spent.requests) == ("fails", "no time is left", 0)


async def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivavoce.conform.subject.LARGEST", 1 << 20)
    found = await outcome(looking(), answering(httpx2.Response(200, content=bytes((1 << 20) + 1))))
    assert found == ("fails", "expected at most 1 MiB, came more")


async def test_a_connection_that_breaks_off_is_told() -> None:
    def break_off(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/v1/models":
            return httpx2.Response(200, json=MODELS)
        raise httpx2.ReadError("gone")

    found = await outcome(looking(), httpx2.MockTransport(break_off))
    assert found == ("fails", "expected an answer, came a broken connection (ReadError)")


async def test_a_mistake_in_a_check_is_an_outcome_too() -> None:
    group = Group("g")

    @group.should
    async def mistaken(_subject: Subject) -> None:
        """It is there."""
        raise KeyError("said aloud")

    assert await outcome(group, answering()) == (
        "fails",
        "expected what can be read, came something else (KeyError)",
    )


@pytest.mark.parametrize("error", [Failed, Skipped])
async def test_each_thing_is_looked_for_once(error: type[Exception]) -> None:
    asked: list[str] = []

    async def found(_subject: Subject, name: str) -> str:
        asked.append(name)
        if name == "not there":
            raise error("it is not there")
        return name

    async with reach(WANTED, answering()) as subject:
        for _ in range(2):
            assert await subject.once(found, "there") == "there"
            with pytest.raises(error, match="it is not there"):
                await subject.once(found, "not there")
    assert asked == ["there", "not there"]


async def test_headers_are_added_and_taken_away() -> None:
    sent: list[httpx2.Request] = []

    def keep(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200, json=MODELS)

    async with reach(Wanted("http://server.invalid", key="a key"), httpx2.MockTransport(keep)) as subject:
        await subject.get("/x", headers={"authorization": None})
        await subject.post("/x", {}, {"x-more": "yes"})
    assert [request.headers.get("authorization") for request in sent] == ["Bearer a key", None, "Bearer a key"]
    assert (sent[-1].headers["x-more"], sent[-1].headers["content-type"]) == ("yes", "application/json")


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://server.invalid", "http://server.invalid/v1/models"),
        ("http://server.invalid/", "http://server.invalid/v1/models"),
        ("http://server.invalid/v1/", "http://server.invalid/v1/models"),
        ("http://server.invalid/openai/v2", "http://server.invalid/openai/v2/models"),
    ],
)
async def test_the_address_may_have_a_path(url: str, asked: str) -> None:
    seen: list[str] = []

    def models(request: httpx2.Request) -> httpx2.Response:
        seen.append(str(request.url))
        return httpx2.Response(200, json=MODELS)

    async with reach(Wanted(url), httpx2.MockTransport(models)):
        assert seen == [asked]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (httpx2.Response(401), "does not take this key: --key, or OPENAI_API_KEY"),
        (httpx2.Response(404), "expected an answer, came status 404; name a model with --model"),
        (httpx2.Response(200, json={"data": []}), "it lists no model that chats; name one with --model"),
        (httpx2.Response(200, json={"data": [{"id": "whisper-1"}]}), "it lists no model that chats"),
    ],
)
async def test_a_server_that_cannot_be_asked_is_told(answer: httpx2.Response, why: str) -> None:
    with pytest.raises(Unusable) as error:
        async with reach(WANTED, httpx2.MockTransport(lambda _request: answer)):
            pass
    assert why in str(error.value)


async def test_a_server_that_lists_nothing_can_be_asked_by_name() -> None:
    transport = httpx2.MockTransport(lambda _request: httpx2.Response(404))
    async with reach(Wanted("http://server.invalid", chat="mine"), transport) as subject:
        assert subject.names.chat == "mine"


@pytest.mark.parametrize("url", ["server", "ftp://server", "http://", ""])
async def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(Unusable, match="not an address"):
        async with reach(Wanted(url)):
            pass


def test_a_group_that_is_not_there_is_told_with_the_nearest() -> None:
    assert [group.name for group in groups_named(["speech", "models"])] == ["models", "speech"]
    with pytest.raises(Unusable, match="did you mean 'speech'"):
        groups_named(["speach"])
    with pytest.raises(Unusable, match="groups: models, text"):
        groups_named(["xyz"])


def test_models_are_chosen_by_their_names() -> None:
    listed = ["whisper-1", "gpt-4o-realtime-audio", "gpt-4o", "gpt-4o-audio-preview", "gpt-4o-mini-audio-preview"]
    listed += ["tts-1", "gpt-4o-mini-tts", "gpt-4o-transcribe"]
    names = choose(listed)
    assert (names.chat, names.speech) == ("gpt-4o-mini-audio-preview", "gpt-4o-mini-tts")
    assert (names.hearing, names.captions) == ("gpt-4o-transcribe", "whisper-1")
    assert choose(["llama3.2"]).chat == "llama3.2"
    assert choose([], chat="a", hearing="b").captions == "b"
    assert choose(["m", "kokoro", "faster-whisper"]).speech == "kokoro"


def test_outcomes_never_tell_what_was_said() -> None:
    from vivavoce.conform.seen import Seen, kind_of  # noqa: PLC0415 - beside what it is about

    words = "somebody said this"
    seen = Seen({"content": words, "list": [words], "code": words}, "choices[0].message")
    told: list[str] = []
    for wrong in (
        seen["content"].null,
        seen["content"].whole,
        seen["content"].items,
        seen["list"].items()[0].number,
        seen["list"].text,
        lambda: seen["code"].one_of("stop"),
        seen.null,
        lambda: Seen.parsed(words, "the body"),
    ):
        with pytest.raises(Failed) as failed:
            wrong()
        told.append(str(failed.value))
    assert not [each for each in told if words in each]
    assert told[0] == "expected choices[0].message.content: null, came a text of 18 characters"
    assert kind_of(json.loads("1e999")) == "inf"


def test_a_check_is_named_after_its_function() -> None:
    (check,) = looking().checks
    assert check == Check("g.there", "must", "It is there.", check.look)
