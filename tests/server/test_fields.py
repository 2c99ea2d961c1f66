"""The fields of a chat request, as a client meets them."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError

from tests.support.serving import MODEL, Serving, model
from vivavoce.testing import Says

USER: Any = [{"role": "user", "content": "Hi"}]


async def test_the_official_client_may_send_every_field(serving: Serving) -> None:
    brain = Says("Hello.")
    served = await serving(models={MODEL: model(think=brain)})
    answer = await served.openai.chat.completions.create(
        model=MODEL,
        messages=USER,
        metadata={"trace": "1"},
        stop=["\n"],
        user="u",
        safety_identifier="s",
        prompt_cache_key="k",
        service_tier="auto",
        verbosity="low",
        reasoning_effort="low",
        prediction={"type": "content", "content": "Hello."},
        web_search_options={"search_context_size": "low"},
        logit_bias={"50256": -100},
        logprobs=True,
        top_logprobs=2,
        extra_body={"top_k": 40, "prompt_cache_options": {"mode": "implicit"}, "moderation": {"model": "m"}},
    )
    assert answer.choices[0].message.content == "Hello."
    (turn,) = brain.asked
    assert (turn.sampling.logprobs, turn.sampling.top_logprobs, turn.sampling.stop) == (True, 2, ("\n",))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_more_than_the_model_can_say_is_refused_before_it_is_asked(serving: Serving, stream: bool) -> None:
    small = model(think=Says("Hello."))
    small = dataclasses.replace(small, card=dataclasses.replace(small.card, max_output=100))
    served = await serving(models={MODEL: small})
    for field in ("max_tokens", "max_completion_tokens"):
        more: dict[str, Any] = {field: 101}
        with pytest.raises(BadRequestError) as error:
            await served.openai.chat.completions.create(model=MODEL, messages=USER, stream=stream, **more)
        message = (
            "max_tokens is too large: 101. This model supports at most 100 completion tokens, whereas you provided 101."
        )
        assert (error.value.body, error.value.param) == (
            {"message": message, "type": "invalid_request_error", "param": field, "code": "invalid_value"},
            field,
        )
        assert (await served.post(messages=USER, **{field: 100})).status_code == 200


async def test_a_strict_server_refuses_what_the_original_refused(serving: Serving) -> None:
    served = await serving(strict=True)
    body = served.say()
    assert (await served.post(**body)).status_code == 200
    for more, message, param in [
        ({"top_k": 40}, "Unrecognized request argument supplied: top_k", None),
        ({"reasoning_effort": "low"}, "Unrecognized request argument supplied: reasoning_effort", None),
        ({"web_search_options": {}}, "Web search options not supported with this model.", "web_search_options"),
    ]:
        response = await served.post(**body, **more)
        error = {"message": message, "type": "invalid_request_error", "param": param, "code": None}
        assert (response.status_code, response.json()) == (400, {"error": error})


async def test_endpoints_that_the_page_says_are_not_served_are_unknown(serving: Serving) -> None:
    page = (Path(__file__).parents[2] / "docs" / "compatibility.md").read_text()
    paths = re.findall(r"`(/v1/[^`]+)`", page.split("## Endpoints that are not served")[1])
    assert len(paths) > 10
    served = await serving()
    for path in paths:
        response = await served.http.post(path, json={})
        error = response.json()["error"]
        assert (response.status_code, error["code"], error["param"]) == (404, "unknown_url", None), path
        assert error["message"].startswith(f"Unknown request URL: POST {path}."), path
