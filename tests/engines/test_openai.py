"""The engine for brains elsewhere, against a small server that speaks what such servers speak, and worse."""

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable
from contextlib import aclosing
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest

from tests.engines.conftest import Make
from tests.support.upstream import ANSWER, DONE, FIRST, Upstream, chunk
from tests.support.waiting import until
from vivavoce.assembly import Engine
from vivavoce.audio.wav import write_wav
from vivavoce.core.audio import Pcm
from vivavoce.core.context import too_long, too_long_somehow
from vivavoce.core.engines import Utterance
from vivavoce.core.errors import BadRequest, EngineFailed, EngineTimeout, Overloaded, PublicError, RateLimited
from vivavoce.core.trimming import Reading
from vivavoce.core.turn import (
    ANY_OBJECT,
    Message,
    Sampling,
    Schema,
    Speech,
    Text,
    TextDelta,
    TokenLogprob,
    Tool,
    ToolCallDelta,
    ToolChoice,
    Turn,
    TurnDone,
    Usage,
)
from vivavoce.core.wrappers import Timed
from vivavoce.engines.chat_chunks import Used
from vivavoce.engines.openai import OpenAICompatible
from vivavoce.engines.refusals import NoSuchModel
from vivavoce.warming import warm

TURN = Turn((Message("user", (Text("my question"),)),))
KEY = "sk-very-secret-key"
USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}


async def answer(engine: OpenAICompatible | Timed, turn: Turn = TURN) -> tuple[str, TurnDone]:
    async with asyncio.timeout(5), aclosing(engine.generate(turn)) as events:
        *words, done = [event async for event in events]
    assert isinstance(done, TurnDone)
    return "".join(word.text for word in words if isinstance(word, TextDelta)), done


async def test_an_answer_is_streamed_as_it_comes(upstream: Upstream, make: Make) -> None:
    upstream.hangs_before = 2
    async with aclosing(make().generate(TURN)) as events:
        assert await anext(events) == TextDelta("Hel", 1)
    await asyncio.wait_for(upstream.left.wait(), 5)


async def test_a_whole_answer(upstream: Upstream, make: Make) -> None:
    assert await answer(make()) == ("Hello.", TurnDone("stop"))
    assert upstream.asked == [
        {
            "model": "theirs",
            "messages": [{"role": "user", "content": "my question"}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]


async def test_sampling_and_speech_are_passed_on(upstream: Upstream, make: Make) -> None:
    sampling = Sampling(0.0, 0.5, 7, ("a", "b"), 0.1, 0.2, 30)
    await answer(make(), Turn((Message("user", (Speech(None, "heard"),)),), sampling=sampling))
    asked = upstream.asked[0]
    assert asked["messages"] == [{"role": "user", "content": "heard"}]
    names = ("temperature", "top_p", "seed", "stop", "presence_penalty", "frequency_penalty", "max_tokens")
    assert [asked[name] for name in names] == [0.0, 0.5, 7, ["a", "b"], 0.1, 0.2, 30]


def token(text: str | bytes, *top: str) -> dict[str, Any]:
    data = text.encode() if isinstance(text, str) else text
    body = {"token": data.decode(errors="replace"), "logprob": -0.5, "bytes": list(data)}
    return body | {"top_logprobs": [{"token": other, "logprob": -1.5, "bytes": list(other.encode())} for other in top]}


def likely(content: str, *tokens: dict[str, Any]) -> bytes:
    choice = {"index": 0, "delta": {"content": content}, "logprobs": {"content": list(tokens), "refusal": None}}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


async def test_likelihoods_and_biases_are_passed_on_and_likelihoods_come_back(upstream: Upstream, make: Make) -> None:
    upstream.says = [
        likely("Hel", token("Hel", "Hel", "Hi")),
        likely("lo ", token("lo"), token(" ")),
        likely("", token(b"\xf0\x9f")),
        likely("🎉", token(b"\x8e\x89")),
        *ANSWER[3:],
    ]
    asked = replace(TURN, sampling=Sampling(logprobs=True, top_logprobs=1, logit_bias=((5, -100), (7, 3))))
    async with aclosing(make().generate(asked)) as events:
        *words, done = [event async for event in events]
    assert isinstance(done, TurnDone)
    pieces = [word for word in words if isinstance(word, TextDelta)]
    assert [(piece.text, piece.tokens, [one.data for one in piece.logprobs]) for piece in pieces] == [
        ("Hel", 1, [b"Hel"]),
        ("lo", 1, [b"lo"]),
        (" ", 1, [b" "]),
        ("🎉", 2, [b"\xf0\x9f", b"\x8e\x89"]),
    ]
    assert pieces[0].logprobs == (TokenLogprob("Hel", -0.5, b"Hel", (TokenLogprob("Hel", -1.5, b"Hel"),)),)
    names = ("logprobs", "top_logprobs", "logit_bias")
    assert [upstream.asked[0][name] for name in names] == [True, 1, {"5": -100, "7": 3}]


async def test_likelihoods_nobody_asked_for_are_not_told(upstream: Upstream, make: Make) -> None:
    upstream.says = [likely("Hello.", token("Hello.")), *ANSWER[3:]]
    async with aclosing(make().generate(TURN)) as events:
        assert await anext(events) == TextDelta("Hello.", 2)
    assert not upstream.asked[0].keys() & {"logprobs", "top_logprobs", "logit_bias"}


TOO_LONG = {
    "as the original": (
        {
            "message": "This model's maximum context length is 4097 tokens. However, your messages resulted in 4294 "
            "tokens. Please reduce the length of the messages.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        },
        too_long(4097, 4294),
    ),
    "with the answer": (
        {
            "message": "This model's maximum context length is 4097 tokens. However, you requested 4295 tokens (3245 "
            "in the messages, 1050 in the completion). Please reduce the length of the messages or completion.",
            "code": 400,
        },
        too_long(4097, 3245, 1050),
    ),
    "of vLLM": (
        {
            "message": "'max_tokens' or 'max_completion_tokens' is too large: 1050. This model's maximum context "
            "length is 1500 tokens and your request has 500 input tokens (1050 > 1500 - 500).",
            "type": "BadRequestError",
        },
        too_long(1500, 500, 1050),
    ),
    "of SGLang": (
        {"message": "The input (40000 tokens) is longer than the model's context length (32768 tokens)."},
        too_long(32768, 40000),
    ),
    "of llama.cpp": (
        {
            "code": 400,
            "message": "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 9000,
            "n_ctx": 8192,
        },
        too_long(8192, 9000),
    ),
    "of a server without numbers": (
        {"message": "Too much.", "code": "context_length_exceeded"},
        too_long_somehow(),
    ),
    "of a server with other numbers": (
        {"message": "The context window of 9 was exceeded by what people said, which has 5 words."},
        too_long_somehow(),
    ),
}


@pytest.mark.parametrize("case", TOO_LONG)
@pytest.mark.parametrize("wrapped", [True, False], ids=["in an envelope", "alone"])
async def test_a_context_that_is_too_short_there_is_told_with_its_numbers(
    upstream: Upstream, make: Make, case: str, wrapped: bool
) -> None:
    said, expected = TOO_LONG[case]
    if not wrapped and "context" not in str(said["message"]):
        said = {**said, "message": "The context length was exceeded."}
    upstream.status = 400
    upstream.says = [json.dumps({"error": said} if wrapped else said).encode()]
    completion = 1050 if "1050" in expected.message else None
    with pytest.raises(BadRequest) as refused:
        await answer(make(), replace(TURN, sampling=Sampling(max_tokens=completion)))
    error = refused.value
    assert (error.message, error.param, error.code) == (expected.message, expected.param, expected.code)


async def test_a_conversation_too_long_there_is_answered_without_its_oldest_turns(
    upstream: Upstream, make: Make
) -> None:
    upstream.context = 1000
    turns = tuple(Message("user", (Text(f"{n}" + "." * 999),)) for n in range(6))  # of about 250 tokens
    reading = Reading(make(), Turn(turns), trim=True)
    async with aclosing(reading.answer()) as events:
        assert [event async for event in events][-1] == TurnDone()
    assert reading.turn.messages == turns[3:]
    assert [len(asked["messages"]) for asked in upstream.asked] == [6, 3]


@pytest.mark.parametrize(
    ("said", "param", "code"),
    [
        ({"param": "logit_bias", "code": None}, "logit_bias", None),
        ({"param": "tools[0].function", "code": "unsupported_value"}, "tools[0].function", "unsupported_value"),
        ({"param": "what people said", "code": "what people said"}, None, None),
        ({"param": None, "code": 400}, None, None),
        ({"param": {"a": 1}}, None, None),
    ],
)
async def test_what_another_server_refuses_is_named_without_its_words(
    upstream: Upstream, make: Make, said: dict[str, Any], param: str | None, code: str | None
) -> None:
    upstream.status = 400
    upstream.says = [json.dumps({"error": {"message": "what people said", **said}}).encode(), b" " * 100_000]
    with pytest.raises(BadRequest) as refused:
        await answer(make())
    assert refused.value.message == "The model behind this server refused the request."
    assert (refused.value.param, refused.value.code) == (param, code)


async def test_a_refusal_that_hangs_is_a_refusal(
    upstream: Upstream, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vivavoce.engines.upstream.REFUSED_S", 0.1)
    upstream.status, upstream.hangs_before = 400, 1
    upstream.says = [json.dumps({"error": {"param": "logit_bias"}}).encode(), b" "]
    with pytest.raises(BadRequest) as refused:
        await answer(make())
    assert refused.value.param == "logit_bias"
    await asyncio.wait_for(upstream.left.wait(), 5)


SHAPES: dict[str, tuple[list[bytes], tuple[str, TurnDone]]] = {
    "usage in a chunk of its own": (
        [*ANSWER[:-1], b"data: " + json.dumps({"choices": [], "usage": USAGE}).encode() + b"\n\n", DONE],
        ("Hello.", TurnDone("stop", Usage(text_in=9, text_out=2, cached=4))),
    ),
    "usage without details, in the last chunk": (
        [chunk("Hello."), chunk(finish="length", usage={"prompt_tokens": 9, "completion_tokens": 2}), DONE],
        ("Hello.", TurnDone("length", Usage(text_in=9, text_out=2))),
    ),
    "an empty first chunk": ([b'data: {"choices": [], "prompt_filter_results": []}\n\n', *ANSWER], ("Hello.", TurnDone())),  # noqa: E501
    "comments and pings": ([b": ping\n\n", b"event: x\n", *ANSWER], ("Hello.", TurnDone())),
    "no space after data": ([piece.replace(b"data: ", b"data:") for piece in ANSWER], ("Hello.", TurnDone())),
    "lines that end in two characters": ([piece.replace(b"\n", b"\r\n") for piece in ANSWER], ("Hello.", TurnDone())),
    "whole words": ([chunk("Hello "), chunk("there."), chunk(finish="stop")], ("Hello there.", TurnDone())),
    "no [DONE]": (ANSWER[:-1], ("Hello.", TurnDone())),
    "[DONE] and no reason": ([chunk("Hello."), DONE], ("Hello.", TurnDone())),
    "an empty reason in every chunk": ([chunk("Hello.", ""), chunk(finish="length"), DONE], ("Hello.", TurnDone("length"))),  # noqa: E501
    "a reason of its own": ([chunk("Hello."), chunk(finish="eos"), DONE], ("Hello.", TurnDone())),
    "pieces cut anywhere": ([bytes([byte]) for byte in b"".join([chunk("Hé", ""), chunk(finish="stop")])], ("Hé", TurnDone())),  # noqa: E501
    "what it thinks to itself": ([chunk("<thi"), chunk("nk>hm"), chunk("</think>"), chunk("\n\nHello.", "stop"), DONE], ("Hello.", TurnDone())),  # noqa: E501
    "less than a thought": ([chunk("<th"), chunk(finish="stop"), DONE], ("<th", TurnDone())),
    "a refusal": ([chunk(choices=[{"delta": {"content": None, "refusal": text}}]) for text in ("I can", "not.")] + ANSWER[3:], ("I cannot.", TurnDone())),  # noqa: E501
    "fields nobody knows": ([chunk("Hello.", "stop", reasoning="x", timings={"a": 1}), DONE], ("Hello.", TurnDone())),
}  # fmt: skip


async def test_every_known_shape_of_a_stream_is_read(upstream: Upstream, make: Make) -> None:
    engine = make()
    for shape, (says, expected) in SHAPES.items():
        upstream.says = says
        assert await answer(engine) == expected, shape


BROKEN = {
    "half an event": [FIRST, chunk("Hel"), b'data: {"choices": [{"del'],
    "no json": [FIRST, b"data: <html>\n\n"],
    "another api": [b'data: {"choices": "none"}\n\n'],
    "no stream at all": [b"<html>hello</html>"],
    "cut without a reason": [FIRST, chunk("Hel")],
    "nothing": [],
    "not utf-8": [b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n'],
    "a chunk without a bottom": [FIRST, b"data: " + b"[" * 100_000 + b"\n\n"],
    "a call far behind all others": [
        chunk(choices=[{"delta": {"tool_calls": [{"index": 10**9, "function": {"name": "f"}}]}}]),
        chunk(finish="tool_calls"),
        DONE,
    ],
    "an error in the stream": [FIRST, b'data: {"error": {"message": "what people said", "code": 500}}\n\n'],
    "an error event": [FIRST, b'event: error\ndata: {"message": "what people said"}\n\n', DONE],
    "an error event without a space": [FIRST, b'event:error\ndata: {"type": "x"}\n\n', DONE],
    "an error of FastAPI's": [FIRST, b'data: {"detail": "what people said"}\n\n', DONE],
    "an error without an envelope": [FIRST, b'data: {"message": "what people said", "statusCode": "500"}\n\n', DONE],
    "an error by its kind": [FIRST, b'data: {"object": "error", "code": 500}\n\n', DONE],
    "an error that is a text": [b'data: {"error": "what people said"}\n\n', DONE],
}


async def test_what_breaks_off_or_cannot_be_read_is_a_failure_never_an_answer(upstream: Upstream, make: Make) -> None:
    engine = make()
    for case, says in BROKEN.items():
        upstream.says = says
        with pytest.raises(EngineFailed) as failed:
            await answer(engine)
        assert "what people said" not in failed.value.message, case
    upstream.says = ANSWER
    assert (await answer(engine))[0] == "Hello."


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (413, BadRequest),
        (422, BadRequest),
        (401, EngineFailed),
        (404, NoSuchModel),
        (307, EngineFailed),
        (500, EngineFailed),
        (408, EngineTimeout),
        (504, EngineTimeout),
        (429, RateLimited),
        (503, Overloaded),
    ],
)
async def test_each_status_is_told_as_what_it_means_for_our_client(
    upstream: Upstream, make: Make, status: int, kind: type[PublicError]
) -> None:
    upstream.status = status
    upstream.says = [b'{"error": {"message": "what people said"}}']
    with pytest.raises(kind) as failed:
        await answer(make())
    assert type(failed.value) is kind
    assert "what people said" not in failed.value.message


@pytest.mark.parametrize(
    ("headers", "least_s", "most_s"),
    [
        ({"retry-after": "7"}, 7, 7),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2, 2),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0, 0),
        ({"retry-after": "999999999"}, 86_400, 86_400),
        ({"llm_provider-retry-after": "7"}, 7, 7),
        ({"llm_provider-retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0, 0),
        ({"llm_provider-retry-after": "7", "retry-after": "2"}, 2, 2),
    ],
)
async def test_when_to_come_back_is_passed_on(
    upstream: Upstream, make: Make, headers: dict[str, str], least_s: float, most_s: float
) -> None:
    upstream.status, upstream.headers = 429, headers
    with pytest.raises(RateLimited) as told:
        await answer(make())
    assert told.value.retry_after_s is not None
    assert least_s <= told.value.retry_after_s <= most_s


async def test_a_date_to_come_back_at_is_passed_on_in_seconds(upstream: Upstream, make: Make) -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    upstream.status, upstream.headers = 429, {"retry-after": in_a_minute}
    with pytest.raises(RateLimited) as told:
        await answer(make())
    assert told.value.retry_after_s is not None
    assert 1 <= told.value.retry_after_s <= 60


@pytest.mark.parametrize("said", ["", "-1", "nan", "inf", "1e9", "soon", "Wed, 99 Oct 2026 07:28:00 GMT"])
async def test_where_nothing_is_said_of_coming_back_nothing_is_made_up(
    upstream: Upstream, make: Make, said: str
) -> None:
    upstream.status, upstream.headers = 429, {"retry-after": said}
    with pytest.raises(RateLimited) as told:
        await answer(make())
    assert told.value.retry_after_s is None


@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        ({"type": "tokens", "code": "rate_limit_exceeded"}, "tokens", "rate_limit_exceeded"),
        ({"type": "requests", "code": "rate_limit_exceeded"}, "requests", "rate_limit_exceeded"),
        ({"type": "insufficient_quota", "code": "insufficient_quota"}, "insufficient_quota", "insufficient_quota"),
        ({"type": "what people said", "code": 429}, "requests", "rate_limit_exceeded"),
    ],
)
async def test_what_was_counted_is_named_as_the_original_does(
    upstream: Upstream, make: Make, said: dict[str, Any], kind: str, code: str
) -> None:
    upstream.status = 429
    upstream.says = [json.dumps({"error": {"message": "of organization org-1", **said}}).encode()]
    with pytest.raises(RateLimited) as told:
        await answer(make())
    assert (told.value.kind, told.value.code, told.value.param) == (kind, code, None)
    assert "org-1" not in told.value.message


async def test_a_full_server_elsewhere_says_when_too(upstream: Upstream, make: Make) -> None:
    upstream.status, upstream.headers = 503, {"retry-after": "20"}
    with pytest.raises(Overloaded) as told:
        await answer(make())
    assert told.value.retry_after_s == 20


@pytest.mark.parametrize(
    ("hangs_before", "limits"),
    [(-1, (0.1, None)), (0, (0.1, None)), (2, (None, 0.1))],
    ids=["before its headers", "before its first event", "between two events"],
)
async def test_one_that_hangs_is_given_up_and_its_connection_closed(
    upstream: Upstream, make: Make, hangs_before: int, limits: tuple[float | None, float | None]
) -> None:
    upstream.hangs_before = hangs_before
    with pytest.raises(EngineTimeout):
        await answer(Timed(make(), *limits))
    await asyncio.wait_for(upstream.left.wait(), 5)


@pytest.mark.parametrize("hangs_before", [-1, 0, 2])
async def test_cancelling_closes_the_connection(upstream: Upstream, make: Make, hangs_before: int) -> None:
    upstream.hangs_before = hangs_before
    asking = asyncio.create_task(answer(make()))
    await until(lambda: bool(upstream.asked))
    asking.cancel()
    await asyncio.wait_for(upstream.left.wait(), 5)


async def test_one_that_is_not_there_cannot_be_reached(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/v1", "http://nobody.invalid/v1"):
        with pytest.raises(EngineFailed, match="cannot be reached"):
            await answer(make(base_url=url))


async def test_without_a_model_its_first_one_is_used_and_asked_for_once(upstream: Upstream, make: Make) -> None:
    engine = make(model="")
    assert engine.card().name == "a remote model"
    for _ in range(2):
        await answer(engine)
    assert [asked["model"] for asked in upstream.asked] == ["first", "first"]
    assert upstream.asked_for_models == 1
    assert engine.card().name == "first"


async def test_one_without_models_fails(upstream: Upstream, make: Make) -> None:
    for models in (b'{"data": []}', b"[]", b"<html>"):
        upstream.models = models
        with pytest.raises(EngineFailed):
            await answer(make(model=""))
    assert upstream.asked == []


async def test_the_key_is_sent_and_never_told(upstream: Upstream, make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "vivavoce")
    caplog.set_level(logging.INFO)
    engine = make(api_key=KEY)
    await answer(engine)
    upstream.status = 401
    with pytest.raises(EngineFailed) as refused:
        await answer(engine)
    assert upstream.keys == [f"Bearer {KEY}"] * 2
    assert "the server of a model answered 401" in caplog.text
    for secret in (KEY, "my question"):
        assert secret not in caplog.text + refused.value.message


async def test_without_a_key_none_is_sent(upstream: Upstream, make: Make) -> None:
    await answer(make())
    assert upstream.keys == [""]


async def test_tokens_are_estimated_where_nobody_can_be_asked(make: Make) -> None:
    assert await make().count(["", "a", "sixteen letters.", "é" * 8]) == [0, 1, 4, 4]


async def test_many_answers_at_once(make: Make) -> None:
    engine = make()
    answers: list[Awaitable[Any]] = [answer(engine) for _ in range(20)]
    assert await asyncio.gather(*answers) == [("Hello.", TurnDone())] * 20


SAY = Utterance("Hello.", "af_heart", speed=1.5, style="warmly")


async def sounds(engine: OpenAICompatible | Timed) -> list[Pcm]:
    async with aclosing(engine.synthesize(SAY)) as pieces:
        return [pcm async for pcm in pieces]


async def test_a_voice_elsewhere_is_heard_as_it_comes_whole_samples_at_a_time(upstream: Upstream, make: Make) -> None:
    upstream.says = [b"\x01\x02\x03", b"\x04\x05", b"\x06"]
    said = await sounds(make())
    assert b"".join(pcm.data for pcm in said) == b"\x01\x02\x03\x04\x05\x06"
    assert all(pcm.rate == 24_000 and len(pcm.data) % 2 == 0 for pcm in said)
    (asked,) = upstream.asked
    assert asked | {"model": ""} == {
        "model": "",
        "input": "Hello.",
        "voice": "af_heart",
        "response_format": "pcm",
        "speed": 1.5,
        "instructions": "warmly",
    }


async def test_a_voice_elsewhere_that_refuses_or_hangs_is_told_as_such(upstream: Upstream, make: Make) -> None:
    upstream.status = 400
    with pytest.raises(BadRequest):
        await sounds(make())
    upstream.status, upstream.hangs_before = 200, 1
    upstream.says = [b"\x01\x02", b"\x03\x04"]
    with pytest.raises(EngineTimeout):
        await sounds(Timed(make(), None, 0.05))
    await asyncio.wait_for(upstream.left.wait(), 5)


@pytest.mark.parametrize("case", ["json", "a page", "wav", "flac", "nothing", "half a sample"])
async def test_what_is_no_such_sound_is_never_played(upstream: Upstream, make: Make, case: str) -> None:
    wave = write_wav(Pcm(bytes(4800), 24_000))
    kinds = {"json": "application/json", "a page": "text/html; charset=utf-8"}
    upstream.kind = kinds.get(case, "audio/pcm")
    says = {"json": [b'{"error": "x"}'], "a page": [b"<html>"], "wav": [wave], "flac": [b"fLaC" + bytes(100)]}
    upstream.says = says.get(case, [b"\1"] if case == "half a sample" else [])
    with pytest.raises(EngineFailed, match="cannot be read" if case in says else "did not speak"):
        await sounds(make())


async def test_nothing_need_be_heard_of_what_nobody_says(upstream: Upstream, make: Make) -> None:
    upstream.says = []
    assert [pcm async for pcm in make().synthesize(Utterance("\u2026", "alloy"))] == []


async def test_nobody_is_asked_to_say_nothing(upstream: Upstream, make: Make) -> None:
    assert [pcm async for pcm in make().synthesize(Utterance(" \n", "alloy"))] == []
    assert upstream.asked == []


async def test_tokens_nobody_counted_are_no_more_than_were_allowed(upstream: Upstream, make: Make) -> None:
    upstream.says = [chunk("Extraordinary "), chunk("extraordinarily."), chunk(finish="length"), DONE]
    async with aclosing(make().generate(replace(TURN, sampling=Sampling(max_tokens=6)))) as events:
        assert [event.tokens async for event in events if isinstance(event, TextDelta)] == [4, 2]


async def test_it_is_there_though_nobody_knows_its_voices(upstream: Upstream, make: Make) -> None:
    upstream.status = 400
    await warm(Engine("voice", "openai", make(), None, frozenset({"speak"})))
    assert upstream.asked[0]["voice"] == ""
    with pytest.raises(BadRequest):
        await warm(Engine("voice", "openai", make(voices=["alloy"]), None, frozenset({"speak"})))


TOOL = Tool("get_weather", "The weather.", '{"type":"object"}', strict=True)


async def test_tools_and_their_calls_are_carried(upstream: Upstream, make: Make) -> None:
    first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": ""}}
    then = {"index": 0, "function": {"arguments": '{"city":1}'}}
    upstream.says = [
        chunk(choices=[{"index": 0, "delta": {"role": "assistant", "tool_calls": [first]}}]),
        chunk(choices=[{"index": 0, "delta": {"tool_calls": [then]}}]),
        chunk(finish="stop"),
        DONE,
    ]
    asked = replace(TURN, tools=(TOOL,), tool_choice=ToolChoice("required", "get_weather", parallel=False))
    async with aclosing(make().generate(asked)) as events:
        found = [event async for event in events]
    assert found == [
        ToolCallDelta(0, "", "call_1", "get_weather"),
        ToolCallDelta(0, '{"city":1}'),
        TurnDone("tool_calls", Usage()),
    ]
    body = upstream.asked[0]
    function = {"name": "get_weather", "parameters": {"type": "object"}, "description": "The weather.", "strict": True}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "get_weather"}}


async def test_the_shape_of_an_answer_is_carried(upstream: Upstream, make: Make) -> None:
    asked = replace(TURN, schema=Schema("point", '{"type":"object"}', strict=True), tools=(TOOL,))
    await answer(make(), replace(asked, tool_choice=ToolChoice(parallel=False)))
    shape = {"name": "point", "schema": {"type": "object"}, "strict": True}
    assert upstream.asked[0]["response_format"] == {"type": "json_schema", "json_schema": shape}
    assert upstream.asked[0]["tool_choice"] == "auto"
    assert upstream.asked[0]["parallel_tool_calls"] is False


async def test_any_json_object_is_asked_for_as_such(upstream: Upstream, make: Make) -> None:
    await answer(make(), replace(TURN, schema=ANY_OBJECT))
    assert upstream.asked[0]["response_format"] == {"type": "json_object"}


async def test_what_is_no_schema_is_refused_before_anyone_is_asked(upstream: Upstream, make: Make) -> None:
    for turn, param in (
        (replace(TURN, schema=Schema("point", "[1")), "response_format"),
        (replace(TURN, tools=(Tool("look", "", "[1"),)), "tools[0].function.parameters"),
    ):
        with pytest.raises(BadRequest) as refused:
            await answer(make(), turn)
        assert refused.value.param == param
    assert upstream.asked == []


async def test_a_tool_without_words_or_parameters_is_sent_as_every_server_takes_it(
    upstream: Upstream, make: Make
) -> None:
    await answer(make(), replace(TURN, tools=(Tool("look"),)))
    function = {"name": "look", "parameters": {"type": "object", "properties": {}}}
    assert upstream.asked[0]["tools"] == [{"type": "function", "function": function}]


@pytest.mark.parametrize("count", [-(10**30), -1, 0, 10**30])
def test_a_count_that_no_row_could_hold_is_brought_to_one_that_can(count: int) -> None:
    details = {"audio_tokens": count, "cached_tokens": count, "reasoning_tokens": count}
    told = {"prompt_tokens": count, "completion_tokens": count}
    told |= {"prompt_tokens_details": details, "completion_tokens_details": details}
    usage = msgspec.json.decode(json.dumps(told), type=Used).told()
    assert all(0 <= tokens < 2**31 for tokens in asdict(usage).values())
