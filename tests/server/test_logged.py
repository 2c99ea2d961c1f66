"""The line that each request leaves in the log."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.leaves import Stuck
from tests.support.serving import MODEL, Serving, model
from tests.support.waiting import until
from vivavoce.server.service import Access
from vivavoce.testing import Says


class Heard(logging.Handler):
    """What was logged of requests."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record)

    def fields(self) -> list[dict[str, Any]]:
        return [vars(record)["fields"] for record in self.said]


@pytest.fixture
def heard() -> Iterator[Heard]:
    log, handler = logging.getLogger("vivavoce.access"), Heard()
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler
    log.removeHandler(handler)
    log.setLevel(before)


async def test_a_chat_is_told_with_its_model_and_tokens(serving: Serving, heard: Heard) -> None:
    served = await serving(models={MODEL: model(think=Says("One two three."))})
    answer = await served.http.post("/v1/chat/completions?a=b", json=served.say(modalities=["text"]))
    usage = answer.json()["usage"]
    await until(lambda: bool(heard.said))
    (fields,) = heard.fields()
    assert fields.pop("ms") >= 0
    assert fields == {
        "request": answer.headers["x-request-id"],
        "method": "POST",
        "route": "/chat/completions",
        "status": 200,
        "received": len(answer.request.content),
        "sent": len(answer.content),
        "model": MODEL,
        "tokens_in": usage["prompt_tokens"],
        "tokens_out": usage["completion_tokens"],
    }
    assert heard.said[0].getMessage() == "POST /chat/completions 200"


async def test_a_key_is_told_by_its_id_and_project(serving: Serving, heard: Heard) -> None:
    served = await serving(access=Access(("sk-one-of-the-keys",)))
    for key in ("sk-one-of-the-keys", "sk-of-nobody"):
        await served.http.get("/models", headers={"authorization": f"Bearer {key}"})
    await until(lambda: len(heard.said) == 2)
    let_in, refused = heard.fields()
    assert (let_in["status"], let_in["key"]) == (200, let_in["project"])
    assert let_in["key"].startswith("key-")
    assert refused["status"] == 401
    assert "key" not in refused


async def test_a_path_is_told_by_its_route(serving: Serving, heard: Heard) -> None:
    served = await serving()
    for path in ("/v1/models/mine", "/v1/chat/completions/chatcmpl-1/messages", "/v1/secret"):
        await served.http.get(path)
    await until(lambda: len(heard.said) == 3)
    said = [(fields["method"], fields["route"], fields["status"]) for fields in heard.fields()]
    assert said == [
        ("GET", "/models/{model}", 404),
        ("GET", "/chat/completions/{completion_id}/messages", 404),
        ("other", "other", 404),
    ]


async def test_a_client_that_left_is_told_as_such(serving: Serving, heard: Heard) -> None:
    stuck = Stuck("prompt")
    served = await serving(models={MODEL: model(think=stuck)})
    asking = asyncio.create_task(served.http.post("/v1/chat/completions", json=served.say()))
    await stuck.begun.wait()
    asking.cancel()
    await until(lambda: bool(heard.said))
    assert (heard.fields()[0]["status"], heard.fields()[0]["tokens_out"]) == ("left", 0)


async def test_probes_are_not_told_while_all_is_well(serving: Serving, heard: Heard) -> None:
    served = await serving(missing=lambda: ["voice"])
    for path in ("/health/live", "/health/ready", "/v1/models"):
        await served.http.get(path)
    await until(lambda: len(heard.said) == 2)
    assert [fields["route"] for fields in heard.fields()] == ["/health/ready", "/models"]


async def test_who_tries_what_the_key_is_not_for_is_told(serving: Serving, heard: Heard) -> None:
    served = await serving(access=Access(("sk-one-of-the-keys",)))
    await served.http.get("/organization/projects", headers={"authorization": "Bearer sk-one-of-the-keys"})
    await until(lambda: bool(heard.said))
    (fields,) = heard.fields()
    assert (fields["status"], fields["key"]) == (403, fields["project"])
