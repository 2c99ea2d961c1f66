"""What the engine for models elsewhere learns of a model from its refusals: its name, and its limit's."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from tests.engines.conftest import Make
from tests.engines.test_retries import GOOD, WRITTEN
from tests.support.faulty import Faulty, answered, faulty
from tests.support.roles import ROLES, think
from vivavoce.core.errors import BadRequest, EngineFailed
from vivavoce.core.turn import Message, Sampling, Text, TextDelta, Turn
from vivavoce.engines.openai import OpenAICompatible
from vivavoce.engines.refusals import NoSuchModel

LIMITED = Turn((Message("user", (Text("hello"),)),), sampling=Sampling(max_tokens=30))


def refusal(status: int, **said: Any) -> bytes:
    return answered(json.dumps({"error": said}).encode(), status)


def models(*names: str) -> bytes:
    return answered(json.dumps({"data": [{"id": name} for name in names]}).encode())


WORDS = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
OTHER_LIMIT = {
    "OpenAI": refusal(400, message=WORDS, param="max_tokens", code="unsupported_parameter"),
    "a proxy": refusal(400, message=f"OpenAIException - {WORDS}", param=None, code="400"),
}
GONE = {
    "OpenAI": refusal(404, message="The model `one` does not exist.", param=None, code="model_not_found"),
    "vLLM": refusal(404, message="The model `one` does not exist.", type="NotFoundError", code=404),
    "a 400": refusal(400, message="Invalid model.", code="model_not_found"),
}


@pytest.fixture
async def server() -> AsyncIterator[Faulty]:
    async with faulty() as made:
        yield made


async def limited(engine: OpenAICompatible) -> str:
    async with aclosing(engine.generate(LIMITED)) as events:
        return "".join([event.text async for event in events if isinstance(event, TextDelta)])


def asked(server: Faulty, name: str) -> list[Any]:
    """What each chat request said of a field."""
    return [json.loads(body).get(name) for body in server.asked if body]


@pytest.mark.parametrize("case", OTHER_LIMIT)
async def test_a_limit_refused_for_its_name_goes_by_the_other_from_then_on(
    server: Faulty, make: Make, case: str
) -> None:
    server.says = [OTHER_LIMIT[case], WRITTEN]
    engine = make(base_url=server.url)
    assert [await limited(engine), await limited(engine)] == ["Hello.", "Hello."]
    assert asked(server, "max_tokens") == [30, None, None]
    assert asked(server, "max_completion_tokens") == [None, 30, 30]


async def test_a_limit_refused_by_both_its_names_is_a_refusal(server: Faulty, make: Make) -> None:
    server.says = [OTHER_LIMIT["OpenAI"]]
    with pytest.raises(BadRequest) as refused:
        await limited(make(base_url=server.url))
    assert (refused.value.param, refused.value.code) == ("max_tokens", "unsupported_parameter")
    assert len(server.asked) == 2


async def test_what_else_is_refused_is_not_asked_again(server: Faulty, make: Make) -> None:
    server.says = [refusal(400, message="No.", param="temperature", code="unsupported_parameter"), WRITTEN]
    with pytest.raises(BadRequest):
        await limited(make(base_url=server.url))
    assert len(server.asked) == 1


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("case", GONE)
async def test_a_model_that_is_gone_is_followed_by_the_one_that_is_first_now(
    server: Faulty, make: Make, role: str, case: str
) -> None:
    good, told = GOOD[role]
    server.says = [models("one"), good, GONE[case], models("two", "one"), good]
    engine = make(base_url=server.url, model="")
    assert [await ROLES[role](engine), await ROLES[role](engine), await ROLES[role](engine)] == [told] * 3
    assert engine.card().name == "two"
    assert [b"one" in body for body in server.asked] == [False, True, True, False, False, False]
    assert [b"two" in body for body in server.asked] == [False, False, False, False, True, True]


async def test_one_that_is_still_listed_first_is_not_asked_again(server: Faulty, make: Make) -> None:
    server.says = [models("one"), GONE["OpenAI"], models("one"), WRITTEN]
    with pytest.raises(NoSuchModel):
        await think(make(base_url=server.url, model=""))
    assert len(server.asked) == 3


async def test_a_model_chosen_by_name_stays_the_one_that_was_chosen(server: Faulty, make: Make) -> None:
    server.says = [GONE["OpenAI"], models("two"), WRITTEN]
    with pytest.raises(NoSuchModel):
        await think(make(base_url=server.url))
    assert len(server.asked) == 1


async def test_the_next_model_is_asked_by_the_usual_name_and_no_request_is_sent_for_ever(
    server: Faulty, make: Make
) -> None:
    gone, other = GONE["OpenAI"], OTHER_LIMIT["OpenAI"]
    server.says = [models("one"), other, WRITTEN, gone, models("two"), other, WRITTEN]
    engine = make(base_url=server.url, model="")
    assert [await limited(engine), await limited(engine)] == ["Hello.", "Hello."]
    assert asked(server, "model") == ["one", "one", "one", "two", "two"]
    assert asked(server, "max_tokens") == [30, None, None, 30, None]
    server.asked.clear()
    server.says = [part for n in range(9) for part in (gone, models(f"model{n}"))]
    with pytest.raises(NoSuchModel):
        await limited(engine)
    assert asked(server, "model") == ["two", "model0", "model1"]


async def test_a_list_without_an_end_is_given_up(server: Faulty, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivavoce.engines.upstream.LISTED_BYTES", 100)
    server.says = [models(*["one"] * 100)]
    with pytest.raises(EngineFailed, match="without an end"):
        await think(make(base_url=server.url, model=""))
