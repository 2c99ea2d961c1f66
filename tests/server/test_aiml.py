"""`[server] aiml`: code that was written for the AI/ML API finds its errors and its status, OpenAI's clients theirs."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import openai
import pytest
from httpx2 import Response

from tests.support import audio
from tests.support.entries import rows
from tests.support.leaves import Fails
from tests.support.schemas import events
from tests.support.serving import MODEL, Served, Serving, model
from vivavoce.account.prices import credits_of, plain, usd
from vivavoce.core.errors import EngineFailed, Overloaded
from vivavoce.core.models import Price
from vivavoce.server.service import Access
from vivavoce.testing import Hears

CHAT = "/v1/chat/completions"
BODY = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}
FLAT = {"message", "path", "requestId", "statusCode", "timestamp"}


@pytest.fixture
async def served(serving: Serving) -> Served:
    return await serving(models={MODEL: model()} | audio.models(hear=Hears("hello")), aiml=True)


def assert_flat(told: dict[str, Any], response: Response, status: int, path: str) -> None:
    assert set(told) > FLAT
    assert told["message"] == told["error"]["message"]
    assert (told["path"], told["statusCode"]) == (path, str(status))
    assert UUID(told["requestId"]).version == 4
    assert response.headers["x-request-id"] == f"req_{UUID(told['requestId']).hex}"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", CHAT, {}, 400),
        ("POST", "/chat/completions", BODY | {"model": "nobody"}, 404),
        ("PUT", CHAT, None, 405),
        ("GET", "/v1/nothing", None, 404),
        ("POST", "/v1/audio/speech", {}, 400),
        ("POST", "/v1/audio/transcriptions", {}, 400),
    ],
)
async def test_every_error_has_both_kinds_of_keys(
    served: Served, method: str, path: str, body: Any, status: int
) -> None:
    response = await served.http.request(method, path, json=body)
    assert response.status_code == status
    assert int(response.headers["content-length"]) == len(response.content)
    told = response.json()
    assert_flat(told, response, status, path)
    assert set(told["error"]) == {"message", "type", "param", "code"}
    assert ("usage" in told) == ("transcriptions" in path)


async def test_an_error_within_a_stream_has_them_too(serving: Serving) -> None:
    served = await serving(models={MODEL: model(think=Fails("think", EngineFailed("Gone.")))}, aiml=True)
    response = await served.http.post(CHAT, json=BODY | {"stream": True})
    assert response.status_code == 201
    last = json.loads(response.text.strip().rpartition("data: ")[2])
    assert_flat(last, response, 500, CHAT)
    with pytest.raises(openai.APIError) as failed:
        async for _ in await served.openai.chat.completions.create(**BODY, stream=True):  # type: ignore[call-overload]
            pass
    assert failed.value.message == "Gone."
    assert failed.value.type == "server_error"


async def test_who_may_not_come_in_and_whom_there_is_no_place_for_is_told_so(serving: Serving) -> None:
    full = model(think=Fails("prompt", Overloaded(7)))
    served = await serving(models={MODEL: full}, aiml=True, access=Access(keys=("sk-one",)))
    refused = await served.http.post(CHAT, json=BODY)
    assert_flat(refused.json(), refused, 401, CHAT)
    later = await served.http.post(CHAT, json=BODY, headers={"authorization": "Bearer sk-one"})
    assert_flat(later.json(), later, 503, CHAT)
    assert later.headers["retry-after"] == "7"


async def test_chats_that_succeed_have_its_status_and_nothing_else_has(served: Served) -> None:
    for path in (CHAT, "/chat/completions"):
        for stream in (False, True):
            assert (await served.http.post(path, json=BODY | {"stream": stream})).status_code == 201
    said = {"model": "tts-1", "input": "Hi", "voice": "alloy", "response_format": "pcm"}
    assert (await served.http.post("/v1/audio/speech", json=said)).status_code == 200
    assert (await served.http.get("/v1/models")).status_code == 200


async def test_an_answer_given_again_has_it_too(served: Served) -> None:
    first, again = [await served.http.post(CHAT, json=BODY, headers={"idempotency-key": "k"}) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content


async def test_openais_clients_read_answers_and_errors_as_ever(served: Served) -> None:
    whole = await served.openai.chat.completions.create(**BODY)  # type: ignore[call-overload]
    assert whole.choices[0].message.content == "Hello there. Bye."
    async with served.openai.chat.completions.stream(**BODY) as stream:  # type: ignore[arg-type]
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == "Hello there. Bye."
    spoken = await served.openai.chat.completions.create(**served.say())  # type: ignore[call-overload]
    assert spoken.choices[0].message.audio.transcript == "Hello there. Bye."
    with pytest.raises(openai.BadRequestError) as refused:
        await served.openai.chat.completions.create(**BODY, n=9)  # type: ignore[call-overload]
    assert (refused.value.code, refused.value.param) == ("integer_above_max_value", "n")
    assert refused.value.type == "invalid_request_error"
    assert isinstance(refused.value.body, dict)
    assert set(refused.value.body) == {"message", "type", "param", "code"}


async def test_without_the_option_there_is_nothing_of_it(serving: Serving) -> None:
    served = await serving()
    response = await served.http.post(CHAT, json={})
    assert set(response.json()) == {"error"}
    assert (await served.http.post(CHAT, json=BODY)).status_code == 200


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_chat_says_what_it_cost_where_that_is_wanted(serving: Serving, stream: bool) -> None:
    price = Price(Decimal("0.15"), Decimal("0.6"), Decimal(10), Decimal(20))
    served = await serving(models={MODEL: replace(model(), price=price)}, meta_usage=True)
    response = await served.http.post(CHAT, json=served.say(stream=stream, stream_options={"include_usage": stream}))
    whole = json.loads(events(response.text)[-2]) if stream else response.json()
    (row,) = await rows(served)
    dollars = usd(row.cost_in + row.cost_out)
    spent = whole["meta"]["usage"]
    assert spent == {"credits_used": credits_of(dollars), "usd_spent": float(dollars)}
    assert spent["credits_used"] > 0
    assert Decimal(repr(spent["usd_spent"])) == dollars
    told = [response.headers.get(f"x-aimlapi-{name}") for name in ("credits-used", "usd-spent")]
    assert told == ([None, None] if stream else [str(spent["credits_used"]), plain(dollars)])
