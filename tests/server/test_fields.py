"""The fields of a chat request, as a client meets them."""

import dataclasses
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError

from tests.support.serving import MODEL, Serving, model
from vivavoce.core.cascade import Cascade
from vivavoce.core.context import too_long
from vivavoce.core.turn import Stream, Text, TextDelta, TokenLogprob, ToolCallDelta, Turn, TurnDone
from vivavoce.testing import Says, Speaks

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


class Likely(Says):
    """Tells how likely each of its words was."""

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        async for event in super().generate(turn):
            if isinstance(event, TextDelta) and turn.sampling.logprobs:
                top = (TokenLogprob("x", -1.5, b"x"),) * turn.sampling.top_logprobs
                event = replace(event, logprobs=(TokenLogprob(event.text, -0.5, event.text.encode(), top),))  # noqa: PLW2901
            yield event


WORDS = ["Good ", "day ", "to ", "you."]


@pytest.mark.parametrize("spoken", [False, True], ids=["written", "spoken"])
async def test_the_official_client_reads_the_tokens_of_an_answer(serving: Serving, spoken: bool) -> None:
    served = await serving(models={MODEL: model(think=Likely(*WORDS))})
    body: Any = served.say() if spoken else {"model": MODEL, "messages": USER}
    answer = await served.openai.chat.completions.create(**body | {"stream": False}, logprobs=True, top_logprobs=2, n=2)
    for choice in answer.choices:
        assert choice.logprobs is not None
        assert [token.token for token in choice.logprobs.content or []] == WORDS
        assert all(len(token.top_logprobs) == 2 for token in choice.logprobs.content or [])
    body = served.say(stream=True) if spoken else body
    tokens: list[str] = []
    async for chunk in await served.openai.chat.completions.create(**body | {"stream": True}, logprobs=True):
        for part in chunk.choices:
            found = [token.token for token in (part.logprobs.content or [])] if part.logprobs else []
            text = getattr(part.delta.audio, "transcript", None) if spoken else part.delta.content
            assert "".join(found) == (text or "")
            tokens += found
    assert tokens == WORDS


async def test_the_official_helper_gathers_the_tokens_of_a_stream(serving: Serving) -> None:
    served = await serving(models={MODEL: model(think=Likely(*WORDS))})
    async with served.openai.chat.completions.stream(model=MODEL, messages=USER, logprobs=True) as stream:
        answer = await stream.get_final_completion()
    assert answer.choices[0].logprobs is not None
    assert [token.token for token in answer.choices[0].logprobs.content or []] == WORDS


@pytest.mark.parametrize("spoken", [False, True], ids=["written", "spoken"])
@pytest.mark.parametrize("limit", [1, 2, 3, 30, 60, 90, 500])
async def test_tokens_of_words_that_were_not_given_are_not_told(serving: Serving, spoken: bool, limit: int) -> None:
    served = await serving(models={MODEL: model(think=Likely(*WORDS), speak=Speaks(60))})
    body: Any = served.say() if spoken else {"messages": USER}
    choice = (await served.post(**body, logprobs=True, max_tokens=limit)).json()["choices"][0]
    text = choice["message"]["audio"]["transcript"] if spoken else choice["message"]["content"]
    tokens = [token["token"] for token in (choice["logprobs"] or {"content": []})["content"]]
    assert "".join(tokens).startswith(text)
    assert "".join(tokens).strip() == text.strip()


async def test_a_stored_answer_keeps_its_tokens(serving: Serving) -> None:
    served = await serving(models={MODEL: model(think=Likely(*WORDS))})
    answer = (await served.post(messages=USER, logprobs=True, top_logprobs=1, store=True)).json()
    stored = (await served.http.get(f"/v1/chat/completions/{answer['id']}")).json()
    assert stored["choices"][0]["logprobs"] == answer["choices"][0]["logprobs"]
    assert len(stored["choices"][0]["logprobs"]["content"]) == len(WORDS)


@pytest.mark.parametrize("more", [{}, {"logprobs": False}, {"logprobs": None}])
async def test_tokens_that_nobody_asked_for_are_not_told(serving: Serving, more: dict[str, Any]) -> None:
    served = await serving(models={MODEL: model(think=Likely(*WORDS))})
    assert (await served.post(messages=USER, **more)).json()["choices"][0]["logprobs"] is None


async def test_an_engine_that_cannot_tell_gives_null(serving: Serving) -> None:
    served = await serving(models={MODEL: model(think=Says(*WORDS))})
    assert (await served.post(messages=USER, logprobs=True)).json()["choices"][0]["logprobs"] is None


class Narrow(Says):
    """Takes no more than 20 words."""

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        texts = (part.text for message in turn.messages for part in message.parts if isinstance(part, Text))
        if (words := sum(len(text.split()) for text in texts)) > 20:
            raise too_long(20, words)
        async for event in super().generate(turn):
            yield event


CHAT = [{"role": role, "content": "word " * 8} for role in ("user", "assistant", "user")]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_conversation_over_the_context_is_refused(serving: Serving, stream: bool) -> None:
    served = await serving(models={MODEL: model(think=Narrow(*WORDS))})
    refused = await served.post(messages=CHAT, stream=stream)
    message = (
        "This model's maximum context length is 20 tokens. However, your messages resulted in 24 tokens. "
        "Please reduce the length of the messages."
    )
    error = {"message": message, "type": "invalid_request_error", "param": "messages"}
    assert refused.status_code == 400
    assert refused.json() == {"error": error | {"code": "context_length_exceeded"}}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_conversation_over_the_context_is_trimmed_where_that_is_configured(
    serving: Serving, stream: bool
) -> None:
    trims = dataclasses.replace(model(), responder=Cascade(None, Narrow(*WORDS), None, trim=True))
    served = await serving(models={MODEL: trims})
    answer = await served.post(messages=CHAT, stream=stream, stream_options={"include_usage": True})
    assert answer.status_code == 200
    last = answer.text.split("\n\n")[-3].removeprefix("data: ") if stream else answer.text
    assert json.loads(last)["usage"]["prompt_tokens"] == 3 + 4 + 8


async def test_endpoints_that_the_page_says_are_not_served_are_unknown(serving: Serving) -> None:
    page = (Path(__file__).parents[2] / "docs" / "compatibility.md").read_text()
    paths = re.findall(r"`(/v1/[^`]+)`", page.split("## Endpoints that are not served")[1].split("\n## ")[0])
    assert len(paths) >= 10
    served = await serving()
    for path in paths:
        response = await served.http.post(path, json={})
        error = response.json()["error"]
        assert (response.status_code, error["code"], error["param"]) == (404, "unknown_url", None), path
        assert error["message"].startswith(f"Unknown request URL: POST {path}."), path
