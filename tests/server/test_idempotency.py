"""`Idempotency-Key`: a request that is sent again is answered again, and worked on once."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import audio
from tests.support.leaves import Stuck
from tests.support.serving import MODEL, Served, Serving, model, run
from tests.support.waiting import until
from vivavoce.account.callers import Caller
from vivavoce.audio.wav import write_wav
from vivavoce.core.errors import EngineFailed, Overloaded
from vivavoce.core.models import Model
from vivavoce.core.turn import Stream, TextDelta, ToolCallDelta, Turn, TurnDone
from vivavoce.server import connection
from vivavoce.server import idempotency as module
from vivavoce.server.idempotency import Idempotent, _RequestDigest
from vivavoce.server.service import Access
from vivavoce.testing import Hears, Says, Scripted, Speaks
from vivavoce.testing.scripted import tone

CHAT = "/v1/chat/completions"
BODY = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}
KEY = {"idempotency-key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
SOUND = write_wav(tone(0.5))
HEARD = {"model": "gpt-4o-mini-transcribe"}
SAID = {"model": "gpt-4o-mini-tts", "input": "Hello there.", "voice": "alloy", "response_format": "pcm"}


class Engines:
    """One of each, and how often any of them was asked."""

    def __init__(self) -> None:
        self.brain = Says("Hello there. ", "Bye.")
        self.voice = Speaks()
        self.ear = Hears("hello")

    @property
    def asked(self) -> int:
        return len(self.brain.asked) + len(self.voice.asked) + len(self.ear.asked)

    def models(self) -> dict[str, Model]:
        chat = {MODEL: model(hear=self.ear, think=self.brain, speak=self.voice)}
        return chat | audio.models(hear=self.ear, speak=self.voice)


@pytest.fixture
def engines() -> Engines:
    return Engines()


def multipart(**fields: str) -> dict[str, Any]:
    return {"data": {**HEARD, **fields}, "files": {"file": ("a.wav", SOUND)}}


SPOKEN = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}}
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": (CHAT, {"json": BODY}),
    "chat, streamed and spoken": (CHAT, {"json": BODY | SPOKEN | {"stream": True}}),
    "chat, no prefix": ("/chat/completions", {"json": BODY}),
    "speech": ("/v1/audio/speech", {"json": SAID}),
    "speech, events": ("/v1/audio/speech", {"json": SAID | {"stream_format": "sse"}}),
    "transcription, form": ("/v1/audio/transcriptions", multipart()),
    "transcription, streamed": ("/v1/audio/transcriptions", multipart(stream="true")),
    "transcription, JSON": (
        "/v1/audio/transcriptions",
        {"json": HEARD | {"input_audio": {"data": base64.b64encode(SOUND).decode()}}},
    ),
    "translation": ("/v1/audio/translations", multipart()),
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_the_same_request_has_the_same_answer_and_is_worked_on_once(
    serving: Serving, engines: Engines, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LARGE_BYTES", 100)
    served = await serving(models=engines.models())
    path, request = REQUESTS[name]
    first = await served.http.post(path, headers=KEY, **request)
    assert first.status_code == 200
    assert "idempotent-replayed" not in first.headers
    asked = engines.asked
    assert asked
    for _ in range(2):
        again = await served.http.post(path, headers=KEY, **request)  # a form has another boundary each time
        assert (again.status_code, again.content) == (200, first.content)
        assert again.headers["idempotent-replayed"] == "true"
        assert again.headers["x-request-id"] != first.headers["x-request-id"]
        changing = {"x-request-id", "openai-processing-ms", "date", "idempotent-replayed"}
        assert {name: value for name, value in again.headers.items() if name not in changing} == {
            name: value for name, value in first.headers.items() if name not in changing
        }
    assert engines.asked == asked
    anew = await served.http.post(path, headers={"idempotency-key": "another"}, **request)
    without = await served.http.post(path, **request)
    assert anew.status_code == without.status_code == 200
    assert engines.asked == 3 * asked


@pytest.mark.parametrize("what", ["body", "path", "query", "kind"])
async def test_another_request_with_the_key_is_refused(serving: Serving, engines: Engines, what: str) -> None:
    served = await serving(models=engines.models(), access=Access(("sk-one",), loopback=False))
    served.http.headers["authorization"] = "Bearer sk-one"
    first = await served.http.post(CHAT, json=BODY, headers=KEY)
    path = {"path": "/chat/completions", "query": f"{CHAT}?a=b"}.get(what, CHAT)
    other = BODY | {"seed": 1} if what == "body" else BODY
    headers = KEY | {"content-type": "text/plain" if what == "kind" else "application/json"}
    refused = await served.http.post(path, content=json.dumps(other, separators=(",", ":")), headers=headers)
    assert refused.status_code == 422
    assert refused.json()["error"] == {
        "message": "This Idempotency-Key was used for another request. A new request needs a new key.",
        "type": "invalid_request_error",
        "param": None,
        "code": "idempotency_key_reused",
    }
    assert (await served.http.post(CHAT, json=BODY, headers=KEY)).content == first.content
    assert len(engines.brain.asked) == 1


async def ask_and_be_at_work(served: Served, stuck: Stuck, body: dict[str, Any]) -> asyncio.Task[httpx2.Response]:
    asking = asyncio.create_task(served.http.post(CHAT, json=body, headers=KEY))
    await asyncio.wait_for(stuck.begun.wait(), 5)
    return asking


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_while_it_is_worked_on_the_same_is_told_to_come_back(serving: Serving, stream: bool) -> None:
    stuck = Stuck("think")
    served = await serving(models={MODEL: model(think=stuck)})
    body = BODY | {"stream": stream}
    first = await ask_and_be_at_work(served, stuck, body)
    early = await served.http.post(CHAT, json=body, headers=KEY)
    assert (early.status_code, early.headers["retry-after"]) == (409, "1")
    assert early.json()["error"] == {
        "message": "A request with the same Idempotency-Key is still being worked on. Try again later.",
        "type": "invalid_request_error",
        "param": None,
        "code": "idempotency_key_in_use",
    }
    other = await served.http.post(CHAT, json=body | {"seed": 1}, headers=KEY)
    assert other.status_code == 422
    stuck.go.set()
    late = await served.http.post(CHAT, json=body, headers=KEY)
    while late.status_code == 409:
        late = await served.http.post(CHAT, json=body, headers=KEY)
    assert late.content == (await first).content
    assert late.headers["idempotent-replayed"] == "true"


async def test_recordings_too_are_told_to_come_back(serving: Serving) -> None:
    stuck = Stuck("hear")
    served = await serving(models=audio.models(hear=stuck))
    path, form = REQUESTS["transcription, form"]
    asking = asyncio.create_task(served.http.post(path, headers=KEY, **form))
    await asyncio.wait_for(stuck.begun.wait(), 5)
    early = await served.http.post(path, headers=KEY, **form)
    assert (early.status_code, early.headers["retry-after"]) == (409, "1")
    assert early.json()["error"]["code"] == "idempotency_key_in_use"
    stuck.go.set()
    assert (await asking).status_code == 200


async def test_of_many_at_once_one_is_worked_on(serving: Serving, engines: Engines) -> None:
    served = await serving(models=engines.models())
    body = served.say(stream=True)
    answers = await asyncio.gather(*(served.http.post(CHAT, json=body, headers=KEY) for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert len(engines.brain.asked) == 1


async def test_a_repetition_while_the_answer_is_written_down_waits_for_it(
    serving: Serving, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serving(models=engines.models())
    replies = served.service.replies
    assert replies
    keep, writing, go = replies.keep, asyncio.Event(), asyncio.Event()

    async def slowly(*arguments: Any) -> None:
        writing.set()
        await go.wait()
        await keep(*arguments)

    monkeypatch.setattr(replies, "keep", slowly)
    first = await served.http.post(CHAT, json=BODY, headers=KEY)
    await writing.wait()
    monkeypatch.setattr(module, "DECIDE_S", 0.01)
    assert (await served.http.post(CHAT, json=BODY, headers=KEY)).status_code == 409
    monkeypatch.setattr(module, "DECIDE_S", 10)
    again = asyncio.create_task(served.http.post(CHAT, json=BODY, headers=KEY))
    other = await served.http.post(CHAT, json=BODY | {"seed": 1}, headers=KEY)
    assert other.status_code == 422
    go.set()
    assert (await again).content == first.content
    assert len(engines.brain.asked) == 1


async def test_each_key_holder_has_keys_of_their_own(serving: Serving, engines: Engines) -> None:
    served = await serving(models=engines.models(), access=Access(keys=("sk-one", "sk-two")))
    answers: list[httpx2.Response] = []
    for key, body in (("sk-one", BODY), ("sk-two", BODY), ("sk-two", BODY), ("sk-one", BODY)):
        headers = KEY | {"authorization": f"Bearer {key}"}
        answers.append(await served.http.post(CHAT, json=body, headers=headers))
    one, two, two_again, one_again = (answer.content for answer in answers)
    assert (one, two) == (one_again, two_again)
    assert one != two
    assert len(engines.brain.asked) == 2
    stranger = await served.http.post(CHAT, json=BODY, headers=KEY | {"authorization": "Bearer sk-three"})
    assert stranger.status_code == 401


async def test_without_keys_of_the_server_all_callers_are_one(serving: Serving, engines: Engines) -> None:
    served = await serving(models=engines.models())
    for key in ("one", "two"):
        await served.http.post(CHAT, json=BODY, headers=KEY | {"authorization": f"Bearer {key}"})
    assert len(engines.brain.asked) == 1


@pytest.mark.parametrize("key", [b"", b"x" * 256, b"a\tb"])
async def test_what_is_no_key_is_refused(serving: Serving, engines: Engines, key: bytes) -> None:
    served = await serving(models=engines.models())
    refused = await served.http.post(CHAT, json=BODY, headers={b"idempotency-key": key})
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "invalid_idempotency_key"
    assert engines.asked == 0


async def test_two_keys_are_none(serving: Serving, engines: Engines) -> None:
    served = await serving(models=engines.models())
    headers = [("idempotency-key", "a"), ("idempotency-key", "b"), ("content-type", "application/json")]
    refused = await served.http.post(CHAT, content=json.dumps(BODY), headers=headers)
    assert refused.json()["error"]["code"] == "invalid_idempotency_key"


async def test_a_long_key_of_any_letters_is_one(serving: Serving, engines: Engines) -> None:
    served = await serving(models=engines.models())
    for _ in range(2):
        headers = {b"idempotency-key": ("é" * 127).encode() + b"x"}
        assert (await served.http.post(CHAT, json=BODY, headers=headers)).status_code == 200
    assert len(engines.brain.asked) == 1


async def test_other_methods_do_not_look_at_it(serving: Serving) -> None:
    served = await serving()
    for _ in range(2):
        response = await served.http.get("/v1/models", headers={"idempotency-key": ""})
        assert response.status_code == 200
        assert "idempotent-replayed" not in response.headers


async def test_where_nothing_is_kept_nobody_looks_at_it(serving: Serving, engines: Engines) -> None:
    served = await serving(models=engines.models(), replies=None)
    for _ in range(2):
        assert (await served.http.post(CHAT, json=BODY, headers=KEY)).status_code == 200
    assert len(engines.brain.asked) == 2


async def test_a_refused_request_leaves_its_key_free(serving: Serving, engines: Engines) -> None:
    served = await serving(models=engines.models(), body_bytes=1000)
    for wrong in ({"messages": []}, BODY | {"model": "nobody"}, BODY | {"user": "x" * 2000}):
        refused = await served.http.post(CHAT, json=wrong, headers=KEY)
        assert refused.status_code in (400, 404, 413)
    refused = await served.http.post("/v1/audio/transcriptions", headers=KEY, data=HEARD, files={"file": ("a", b"no")})
    assert refused.status_code == 400
    for replayed in (None, "true"):
        answer = await served.http.post(CHAT, json=BODY, headers=KEY)
        assert (answer.status_code, answer.headers.get("idempotent-replayed")) == (200, replayed)


class Once(Scripted):
    """Fails the first time, in the middle of the answer."""

    def __init__(self, error: Exception) -> None:
        super().__init__(Scripted.Options())
        self._errors = [error]

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        yield TextDelta("Hello ", 1)
        if self._errors:
            raise self._errors.pop()
        async for event in super().generate(turn):
            yield event


@pytest.mark.parametrize("error", [EngineFailed(), Overloaded(), KeyError("a bug")], ids=["500", "503", "bug"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_failure_leaves_its_key_free(serving: Serving, error: Exception, stream: bool) -> None:
    served = await serving(models={MODEL: model(think=Once(error))})
    body = BODY | {"stream": stream}
    failed = await served.http.post(CHAT, json=body, headers=KEY)
    assert '"error"' in failed.text
    worked, again = [await served.http.post(CHAT, json=body, headers=KEY) for _ in range(2)]
    assert '"error"' not in worked.text
    assert "idempotent-replayed" not in worked.headers
    assert again.content == worked.content
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize("stage", ["prompt", "think"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_client_that_leaves_leaves_its_key_free(
    serving: Serving, stage: str, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = Stuck(stage)
    served = await serving(models={MODEL: model(think=stuck)})
    body = BODY | {"stream": stream}
    asking = await ask_and_be_at_work(served, stuck, body)
    asking.cancel()
    await asyncio.wait_for(stuck.stopped.wait(), 5)
    stuck.go.set()
    await until(lambda: not served.server.server_state.tasks)
    worked = await served.http.post(CHAT, json=body, headers=KEY)
    assert worked.status_code == 200
    assert "idempotent-replayed" not in worked.headers
    assert caplog.messages == []


async def test_answers_are_given_again_after_a_restart(tmp_path: Path, engines: Engines) -> None:
    answers: list[httpx2.Response] = []
    for _ in range(2):
        async with run(tmp_path, models=engines.models()) as served:
            answers.append(await served.http.post(CHAT, json=served.say(stream=True), headers=KEY))
    assert answers[0].content == answers[1].content
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert len(engines.brain.asked) == 1


async def test_a_server_that_ends_at_work_leaves_the_key_free(tmp_path: Path, engines: Engines) -> None:
    stuck = Stuck("prompt")
    async with run(tmp_path, models={MODEL: model(think=stuck)}, drain_s=0.01) as served:
        asking = await ask_and_be_at_work(served, stuck, BODY)
    assert (await asking).status_code == 503
    async with run(tmp_path, models=engines.models()) as served:
        assert (await served.http.post(CHAT, json=BODY, headers=KEY)).status_code == 200
    assert len(engines.brain.asked) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_an_answer_that_is_too_large_is_given_and_not_kept(
    serving: Serving, engines: Engines, stream: bool, tmp_path: Path
) -> None:
    served = await serving(models=engines.models())
    assert served.service.replies
    served.service.replies.largest = 5000
    body = served.say(stream=stream, text="Hi")
    for number in range(2):
        answer = await served.http.post(CHAT, json=body, headers=KEY)
        assert answer.status_code == 200
        assert len(answer.content) > 5000
        assert len(engines.brain.asked) == number + 1
    assert not list(tmp_path.rglob("*.reply"))
    small = await served.http.post(CHAT, json=BODY, headers=KEY)
    assert small.status_code == 200


class Route:
    """Answers at once, and keeps what it was called with."""

    def __init__(self) -> None:
        self.called: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.called.append((scope, receive, send))
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"said"})


def scope(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    request = {"type": "http", "method": "POST", "path": CHAT, "query_string": b"", "headers": [*headers]}
    return request | {"caller": Caller()}


async def whole_body() -> Any:
    return {"type": "http.request", "body": b"{}"}


async def test_an_answer_that_is_whole_is_kept_though_nobody_took_it(serving: Serving) -> None:
    sent: list[Any] = []

    async def broken(message: Any) -> None:
        if "body" in message:
            raise ConnectionError

    async def send(message: Any) -> None:
        sent.append(message)

    served, route = await serving(), Route()
    assert served.service.replies
    idempotent = Idempotent(route, served.service.replies)
    with pytest.raises(ConnectionError):
        await idempotent(scope((b"idempotency-key", b"k")), whole_body, broken)
    await idempotent(scope((b"idempotency-key", b"k")), whole_body, send)
    assert b"".join(message.get("body", b"") for message in sent) == b"said"
    assert sent[0]["headers"] == [(b"idempotent-replayed", b"true")]


async def test_a_request_without_a_key_goes_to_the_routes_as_it_came(serving: Serving) -> None:
    async def nowhere(_message: Any) -> None:
        pass

    served, route = await serving(), Route()
    assert served.service.replies
    request = scope()
    await Idempotent(route, served.service.replies)(request, whole_body, nowhere)
    assert route.called == [(request, whole_body, nowhere)]


async def test_neither_keys_nor_words_are_written_where_they_could_be_read(
    serving: Serving, engines: Engines, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    served = await serving(models=engines.models(), access=Access(keys=("sk-secret",)))
    headers = {"idempotency-key": "key-of-mine", "authorization": "Bearer sk-secret"}
    await served.http.post(CHAT, json=BODY, headers=headers)
    await served.http.post(CHAT, json=BODY, headers=headers)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".reply")
    for secret in ("key-of-mine", "sk-secret", "Hello there."):
        assert secret.encode() not in kept
        assert secret not in "".join(caplog.messages)
    assert len(list(tmp_path.rglob("*.reply"))) == 1


async def test_openais_client_comes_back_by_itself_and_has_the_one_answer(serving: Serving) -> None:
    stuck = Stuck("think")
    served = await serving(models={MODEL: model(think=stuck)})
    client = served.openai.with_options(max_retries=5)

    async def ask() -> Any:
        return await client.chat.completions.create(**BODY, extra_headers=KEY)  # type: ignore[call-overload]

    first = asyncio.create_task(ask())
    await asyncio.wait_for(stuck.begun.wait(), 5)
    with pytest.raises(openai.ConflictError):
        await served.openai.chat.completions.create(**BODY, extra_headers=KEY)  # type: ignore[call-overload]
    second = asyncio.create_task(ask())
    await asyncio.sleep(0.1)
    stuck.go.set()
    assert (await second).id == (await first).id
    with pytest.raises(openai.UnprocessableEntityError):
        await client.chat.completions.create(**BODY, seed=1, extra_headers=KEY)  # type: ignore[call-overload]


async def test_openais_client_reads_what_is_given_again(serving: Serving, engines: Engines) -> None:
    served = await serving(models=engines.models())
    told: list[tuple[Any, ...]] = []
    for _ in range(2):
        chunks = await served.openai.chat.completions.create(**served.say(stream=True), extra_headers=KEY)
        texts = [chunk.choices[0].delta.audio async for chunk in chunks if chunk.choices]  # type: ignore[union-attr]
        await until(lambda: not served.server.server_state.tasks)
        heard = await served.openai.audio.transcriptions.create(
            model="gpt-4o-mini-transcribe", file=("a.wav", SOUND), extra_headers={"idempotency-key": "hear"}
        )
        said = await served.openai.audio.speech.create(**SAID, extra_headers={"idempotency-key": "say"})
        told.append((texts, heard, said.content))
    assert told[0] == told[1]
    assert (len(engines.brain.asked), len(engines.ear.asked)) == (1, 1)


def digest(body: list[bytes], kind: bytes = b"application/json") -> str:
    made = _RequestDigest(scope((b"content-type", kind)))
    for part in body:
        made.add(part)
    return made.end()


def cut(body: bytes, sizes: list[int]) -> list[bytes]:
    parts: list[bytes] = []
    for size in sizes:
        parts.append(body[:size])
        body = body[size:]
    return [*parts, body]


@given(st.lists(st.sampled_from([b"--", b"abab", b"ab", b"a", b"b", b"\r\n"])), st.lists(st.integers(0, 9)))
def test_a_request_is_the_same_however_it_comes_in(pieces: list[bytes], sizes: list[int]) -> None:
    body = b"".join(pieces)
    for kind in (b"application/json", b"multipart/form-data; boundary=abab"):
        assert digest(cut(body, sizes), kind) == digest([body], kind)


def test_a_form_is_the_same_with_another_boundary_and_not_with_other_bytes() -> None:
    def form(boundary: str, text: str) -> str:
        kind = f"multipart/form-data; boundary={boundary}".encode()
        return digest([f"--{boundary}\r\n\r\n{text}\r\n--{boundary}--\r\n".encode()], kind)

    assert form("one", "text") == form("twenty", "text")
    assert form("one", "text") != form("one", "test")
    assert digest([b""], b"text/plain") != digest([b""], b"application/json")
