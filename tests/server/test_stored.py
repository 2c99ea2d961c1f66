"""Stored completions, as the official client sees them."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError

from tests.server.test_leaving import SPOKEN
from tests.server.test_tools import ARGUMENTS, ASKED, WEATHER
from tests.support.leaves import Stuck
from tests.support.serving import MODEL, Served, Serving, model, run
from tests.wire.recorded import misfits
from vivavoce.server import stored as module
from vivavoce.store.completions import DAY_S
from vivavoce.testing import Calls, Hears, Says

HI: Any = [{"role": "user", "content": "Hi"}]
SNAPSHOT = f"{MODEL}-2024-12-17"


def strict(served: Served) -> Any:
    """The client that refuses what is not as the schema says."""
    return served.openai.chat.completions


@pytest.fixture
async def lenient() -> AsyncIterator[Any]:
    """As people have it. For messages: the original's schema knows of no role but the assistant's."""
    clients: list[AsyncOpenAI] = []

    def of(served: Served) -> Any:
        clients.append(AsyncOpenAI(base_url=f"{served.url}/v1", api_key="any", max_retries=0, timeout=10))
        return clients[-1].chat.completions

    yield of
    for client in clients:
        await client.close()


async def store(served: Served, **more: Any) -> str:
    """Ask, and have the answer kept; its id."""
    return (await strict(served).create(**{"model": MODEL, "messages": HI, "store": True, **more})).id


async def listed(served: Served, **wanted: Any) -> list[str]:
    return [each.id async for each in strict(served).list(**wanted)]


async def test_a_written_answer_is_kept_listed_changed_and_deleted(serving: Serving) -> None:
    served = await serving()
    client = strict(served)
    answer = await client.create(model=MODEL, messages=HI, store=True, metadata={"trace": "1"}, temperature=0.5, seed=7)
    assert answer.metadata == {"trace": "1"}
    found = await client.retrieve(answer.id)
    assert (found.id, found.model, found.created, found.usage) == (answer.id, SNAPSHOT, answer.created, answer.usage)
    assert found.choices[0].message.content == answer.choices[0].message.content == "Hello there. Bye."
    assert (found.metadata, found.temperature, found.seed, found.top_p) == ({"trace": "1"}, 0.5, 7, 1.0)
    assert found.request_id == answer._request_id
    (only,) = (await client.list()).data
    assert only == found
    changed = await client.update(answer.id, metadata={"trace": "2", "more": "yes"})
    assert changed.metadata == {"trace": "2", "more": "yes"}
    assert await client.retrieve(answer.id) == changed
    gone = await client.delete(answer.id)
    assert (gone.id, gone.deleted, gone.object) == (answer.id, True, "chat.completion.deleted")
    assert await listed(served) == []


async def test_every_call_on_one_that_is_not_there_says_so(serving: Serving) -> None:
    served = await serving()
    client = strict(served)
    gone = await store(served)
    await client.delete(gone)
    for name in (gone, "completion_id", "chatcmpl-\0\n'", "x" * 3000):
        for call in (
            client.retrieve(name),
            client.update(name, metadata={}),
            client.delete(name),
            client.messages.list(name),
        ):
            with pytest.raises(NotFoundError) as error:
                await call
            assert (error.value.param, error.value.code) == ("completion_id", "not_found")
            body: Any = error.value.body
            assert body["message"] == f"Completion {name[:128]} not found"


@pytest.mark.parametrize("asked", [{}, {"store": False}, {"store": None}, {"metadata": {"store": "true"}}], ids=str)
async def test_nothing_is_kept_that_was_not_asked_for(serving: Serving, tmp_path: Path, asked: Any) -> None:
    served = await serving()
    secret: Any = [{"role": "user", "content": "a secret question"}]
    for stream in (False, True):
        response = await served.post(messages=secret, stream=stream, **asked)
        assert response.status_code == 200
        assert '"metadata"' not in response.text
    assert await listed(served) == []
    assert all(b"a secret" not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_it_is_there_with_and_without_the_version(serving: Serving, prefix: str) -> None:
    served = await serving()
    one = f"{prefix}/chat/completions/{await store(served)}"
    for path in (f"{prefix}/chat/completions", one, f"{one}/messages"):
        assert (await served.http.get(path)).status_code == 200
        head = await served.http.head(path)
        assert (head.status_code, head.content) == (200, b"")
    assert (await served.http.post(one, json={"metadata": {"a": "1"}})).json()["metadata"] == {"a": "1"}
    assert (await served.http.delete(one)).json()["deleted"]
    for method, path in [
        ("PUT", one),
        ("DELETE", f"{prefix}/chat/completions"),
        ("POST", f"{one}/messages"),
        ("DELETE", f"{one}/messages"),
    ]:
        response = await served.http.request(method, path, json={})
        assert (response.status_code, response.json()["error"]["code"]) == (405, "method_not_supported")
    assert (await served.http.get(f"{one}/tokens")).json()["error"]["code"] == "unknown_url"


async def test_answers_are_as_the_schema_says_but_for_the_originals_nulls(serving: Serving) -> None:
    served = await serving()
    spoken = await store(served, **served.say(store=True, metadata={"a": "1"}))
    nulls = {"tool_calls is no array", "function_call is no object"}
    for path, schema in [("", "ChatCompletionList"), (f"/{spoken}", "CreateChatCompletionResponse")]:
        body = (await served.http.get(f"/v1/chat/completions{path}")).json()
        assert {found.rpartition("message.")[2] for found in misfits(body, schema)} == nulls
    whole = (await served.post(messages=HI, store=True)).json()
    assert misfits(whole, "CreateChatCompletionResponse") == []
    assert whole["metadata"] == {}
    assert misfits((await served.http.delete(f"/v1/chat/completions/{spoken}")).json(), "ChatCompletionDeleted") == []


@pytest.mark.parametrize("spoken", [False, True], ids=["written", "spoken"])
@pytest.mark.parametrize("n", [1, 3])
async def test_a_stream_can_be_found_when_it_ends(serving: Serving, spoken: bool, n: int) -> None:
    served = await serving()
    asked = served.say(stream=True) if spoken else {"model": MODEL, "messages": HI, "stream": True}
    said = [""] * n
    sounds = [b""] * n
    found = ""
    more: Any = {"store": True, "n": n, "metadata": {"a": "1"}, "stream_options": {"include_usage": True}}
    usage = None
    async for chunk in await strict(served).create(**asked, **more):
        found, usage = chunk.id, chunk.usage or usage
        for choice in chunk.choices:
            audio = getattr(choice.delta, "audio", None)
            said[choice.index] += (audio.transcript if audio else choice.delta.content) or ""
            sounds[choice.index] += base64.b64decode((audio and audio.data) or "")
        if chunk.usage:
            kept = await strict(served).retrieve(found)  # before the stream has ended
            assert kept.usage == usage
    kept = await strict(served).retrieve(found)
    assert (kept.metadata, kept.usage) == ({"a": "1"}, usage)
    assert [choice.index for choice in kept.choices] == list(range(n))
    if spoken:
        audios = [choice.message.audio for choice in kept.choices]
        assert [audio.transcript for audio in audios] == said == ["Hello there. Bye."] * n
        assert [base64.b64decode(audio.data) for audio in audios] == sounds
        assert all(sounds)
    else:
        assert [choice.message.content for choice in kept.choices] == said == ["Hello there. Bye."] * n


async def test_the_words_of_a_stream_do_not_wait_for_the_keeping(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serving()
    go = asyncio.Event()
    keep = module.Keeping.keep

    async def late(self: Any, *what: Any) -> None:
        await go.wait()
        await keep(self, *what)

    monkeypatch.setattr(module.Keeping, "keep", late)
    words = ""
    async for chunk in await strict(served).create(model=MODEL, messages=HI, store=True, stream=True):
        words += chunk.choices[0].delta.content or ""
        if chunk.choices[0].finish_reason:
            assert words == "Hello there. Bye."
            assert await listed(served) == []
            go.set()
    assert go.is_set()
    assert len(await listed(served)) == 1


async def test_the_sound_is_there_for_an_hour_and_the_words_for_days(serving: Serving) -> None:
    clock = [time.time()]
    served = await serving(now=lambda: clock[0])
    client = strict(served)
    answer = await client.create(**served.say(store=True))
    sound = answer.choices[0].message.audio
    kept = (await client.retrieve(answer.id)).choices[0].message
    assert (kept.content, kept.audio) == (None, sound)
    updated = await client.update(answer.id, metadata={"a": "1"})
    assert updated.choices[0].message.audio == sound
    (in_list,) = (await client.list()).data
    assert in_list.choices[0].message.audio == sound.model_copy(update={"data": ""})
    clock[0] += 3601
    later = (await client.retrieve(answer.id)).choices[0].message.audio
    assert (later.id, later.data, later.transcript) == (sound.id, "", "Hello there. Bye.")


async def test_calls_are_kept_with_the_tools_as_they_were_sent(serving: Serving) -> None:
    served = await serving(models={MODEL: model(think=Calls(("get_weather", ARGUMENTS), ("get_weather", "{}")))})
    for stream in (False, True):
        body = {"model": MODEL, "messages": ASKED, "tools": [WEATHER], "tool_choice": "required", "stream": stream}
        assert (await served.post(**body, store=True)).status_code == 200
    whole, streamed = (await strict(served).list()).data
    for kept in (whole, streamed):
        assert (kept.tools, kept.tool_choice, kept.choices[0].finish_reason) == ([WEATHER], "required", "tool_calls")
        calls = kept.choices[0].message.tool_calls
        assert [call.function.arguments for call in calls] == [ARGUMENTS, "{}"]
        assert kept.choices[0].message.content is None


async def test_messages_hold_what_was_heard_and_said_and_no_sound(
    serving: Serving, lenient: Any, tmp_path: Path
) -> None:
    served = await serving(models={MODEL: model(hear=Hears("what is blue"), think=Says("Blue is blue."))})
    first = await strict(served).create(**served.say(messages=SPOKEN))
    answer = first.choices[0].message.audio
    told: Any = [
        {"role": "system", "content": "Be brief.", "name": "us"},
        *SPOKEN,
        {"role": "assistant", "audio": {"id": answer.id}},
        {"role": "user", "content": "And red?"},
    ]
    kept = await store(served, **served.say(messages=told, n=2))
    page = await lenient(served).messages.list(kept)
    assert [(each.id, each.role, each.content, each.name) for each in page.data] == [
        (f"{kept}-0", "system", "Be brief.", "us"),
        (f"{kept}-1", "user", "what is blue", None),
        (f"{kept}-2", "assistant", "Blue is blue.", None),
        (f"{kept}-3", "user", "And red?", None),
    ]
    assert [part.text for part in page.data[1].content_parts] == ["what is blue"]
    sent = SPOKEN[0]["content"][0]["input_audio"]["data"]  # type: ignore[index]
    recorded = base64.b64decode(sent)
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.suffix != ".pcm":
            assert sent.encode()[:200] not in path.read_bytes()
            assert recorded[:200] not in path.read_bytes()


async def test_the_client_pages_through_messages(serving: Serving, lenient: Any) -> None:
    served = await serving()
    many: Any = [{"role": "user", "content": f"message {n}"} for n in range(25)]
    kept = await store(served, messages=many)
    client = lenient(served).messages
    said = [each["content"] for each in many]
    assert [each.content async for each in client.list(kept)] == said
    assert [each.content async for each in client.list(kept, limit=4, order="desc")] == said[::-1]
    page = await client.list(kept, after=f"{kept}-22", limit=100)
    assert ([each.id for each in page.data], page.has_more) == ([f"{kept}-23", f"{kept}-24"], False)
    for after in (f"{kept}-25", f"{kept}--1", "0", f"{kept}-024"):
        with pytest.raises(BadRequestError) as error:
            await client.list(kept, after=after)
        assert (error.value.param, error.value.code) == ("after", "invalid_value")


async def test_the_client_pages_through_completions_of_one_second(serving: Serving) -> None:
    served = await serving(models={MODEL: model(), "other": model()})
    kept = [await store(served, metadata={"even": str(n % 2 == 0)}) for n in range(7)]
    kept.append(await store(served, model="other"))
    assert await listed(served) == kept
    assert await listed(served, limit=3) == kept
    assert await listed(served, limit=1, order="desc") == kept[::-1]
    assert await listed(served, metadata={"even": "True"}, limit=2) == kept[:7:2]
    assert await listed(served, model="other") == kept[7:]
    assert await listed(served, model=SNAPSHOT) == kept
    page = (await served.http.get("/v1/chat/completions", params={"limit": 2, "after": kept[1]})).json()
    assert (page["object"], page["first_id"], page["last_id"], page["has_more"]) == ("list", kept[2], kept[3], True)


async def test_deleting_while_paging_finds_all(serving: Serving) -> None:
    served = await serving()
    kept = [await store(served) for _ in range(5)]
    found: list[str] = []
    async for each in strict(served).list(limit=2):
        found.append(each.id)
        await strict(served).delete(each.id)
    assert found == kept
    assert await listed(served) == []


@pytest.mark.parametrize("path", ["", "/{id}/messages"])
@pytest.mark.parametrize(
    ("query", "param", "code"),
    [
        ("limit=0", "limit", "integer_below_min_value"),
        ("limit=101", "limit", "integer_above_max_value"),
        ("limit=many", "limit", "invalid_type"),
        ("order=random", "order", "invalid_value"),
        ("order=null", "order", "invalid_value"),
        ("after=chatcmpl-nothing", "after", "invalid_value"),
        ("after=%00%ff", "after", "invalid_value"),
    ],
)
async def test_bad_queries_are_refused(serving: Serving, path: str, query: str, param: str, code: str) -> None:
    served = await serving()
    where = path.format(id=await store(served))
    response = await served.http.get(f"/v1/chat/completions{where}?{query}")
    error = response.json()["error"]
    assert (response.status_code, error["type"], error["param"], error["code"]) == (
        400,
        "invalid_request_error",
        param,
        code,
    )


async def test_bad_metadata_are_refused_and_change_nothing(serving: Serving) -> None:
    served = await serving()
    kept = await store(served, metadata={"a": "1"})
    for body in [
        b"{",
        b"{}",
        b'{"metadata":{"a":1}}',
        b'{"metadata":"a"}',
        b"[]",
        b'{"metadata":{"' + b"k" * 65 + b'":""}}',
    ]:
        headers = {"content-type": "application/json"}
        response = await served.http.post(f"/v1/chat/completions/{kept}", content=body, headers=headers)
        assert (response.status_code, response.json()["error"]["type"]) == (400, "invalid_request_error")
    assert (await strict(served).retrieve(kept)).metadata == {"a": "1"}
    assert (await strict(served).update(kept, metadata=None)).metadata == {}


async def test_what_cannot_be_given_back_is_refused_before_the_model_is_asked(serving: Serving) -> None:
    brain = Says("Hello.")
    served = await serving(models={MODEL: model(think=brain)})
    deep = "[" * 300 + "]" * 300
    body = json.dumps({"model": MODEL, "messages": HI, "store": True, "tools": [{**WEATHER, "note": "deep"}]})
    headers = {"content-type": "application/json"}
    response = await served.http.post(
        "/v1/chat/completions", content=body.replace('"deep"', deep).encode(), headers=headers
    )
    assert (response.status_code, response.json()["error"]["param"], brain.asked) == (400, "tools", [])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("stage", ["think", "speak"])
async def test_what_is_broken_off_is_not_kept(serving: Serving, stage: str, stream: bool) -> None:
    stuck = Stuck(stage)
    served = await serving(models={MODEL: model(think=stuck, speak=stuck)})
    asking = asyncio.create_task(served.http.post("/v1/chat/completions", json=served.say(stream=stream, store=True)))
    await asyncio.wait_for(stuck.begun.wait(), 5)
    asking.cancel()
    await asyncio.wait_for(stuck.stopped.wait(), 5)
    assert await listed(served) == []
    stuck.go.set()
    assert (await served.post(**served.say(stream=stream, store=True))).status_code == 200
    assert len(await listed(served)) == 1


async def test_one_that_cannot_be_kept_is_an_error_and_not_a_promise(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serving()

    async def fail(*_: Any) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(served.service.completions, "keep", fail)
    response = await served.post(messages=HI, store=True)
    assert (response.status_code, response.json()["error"]["type"]) == (500, "server_error")
    *_, last = (await served.post(messages=HI, store=True, stream=True)).text.strip().split("\n\n")
    assert json.loads(last.removeprefix("data: "))["error"]["type"] == "server_error"
    assert (await served.post(messages=HI)).status_code == 200


async def test_they_are_there_after_a_restart(tmp_path: Path) -> None:
    async with run(tmp_path) as served:
        kept = await store(served, **served.say(store=True, metadata={"a": "1"}))
        before = await strict(served).retrieve(kept)
    async with run(tmp_path) as served:
        assert await strict(served).retrieve(kept) == before


async def test_days_later_they_are_gone(serving: Serving) -> None:
    clock = [time.time()]
    served = await serving(now=lambda: clock[0], kept={"days": 2})
    kept = await store(served)
    created = (await strict(served).retrieve(kept)).created
    clock[0] = created + 2 * DAY_S - 1
    assert await listed(served) == [kept]
    clock[0] += 1
    assert await listed(served) == []
    with pytest.raises(NotFoundError):
        await strict(served).retrieve(kept)


async def test_another_project_sees_nothing(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    served = await serving()
    kept = await store(served, **served.say(store=True))
    monkeypatch.setattr(module, "_project", lambda _request: "another")
    assert await listed(served) == []
    for method, path in [("GET", ""), ("DELETE", ""), ("POST", ""), ("GET", "/messages")]:
        response = await served.http.request(method, f"/v1/chat/completions/{kept}{path}", json={"metadata": {}})
        assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")
    monkeypatch.undo()
    assert await listed(served) == [kept]
