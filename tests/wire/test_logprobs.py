"""Likelihoods as the original's schema has them, whole and in chunks."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.wire.recorded import shared
from vivavoce.core.turn import TokenLogprob, Usage
from vivavoce.wire.chunks import ChunkEncoder
from vivavoce.wire.completion import Choice, Head, audio_body, choice, encode, size
from vivavoce.wire.logprobs import Logprobs, chosen_tokens

HEAD = Head("chatcmpl-1", 1_780_693_548, "gpt-4o-mini-audio-preview-2024-12-17", "fp_0123456789")
TOKENS = [
    TokenLogprob("Hel", -0.25, b"Hel", (TokenLogprob("Hel", -0.25, b"Hel"), TokenLogprob("", float("-inf"), b""))),
    TokenLogprob("\ufffd", -3.4e38, b"\xf0\x9f"),
]
FIRST: dict[str, Any] = {
    "token": "Hel",
    "logprob": -0.25,
    "bytes": [72, 101, 108],
    "top_logprobs": [
        {"token": "Hel", "logprob": -0.25, "bytes": [72, 101, 108]},
        {"token": "", "logprob": -9999.0, "bytes": []},
    ],
}
SECOND = {"token": "\ufffd", "logprob": -9999.0, "bytes": [240, 159], "top_logprobs": []}
BODY = {"content": [FIRST, SECOND], "refusal": None}
KINDS = {"string": str, "number": float, "array": list}


def answered(*, spoken: bool = False) -> Choice:
    audio = audio_body("audio_1", b"RIFF", 1, "Hel") if spoken else None
    made = choice(0, "Hel", "stop", audio=audio)
    made.logprobs = Logprobs(chosen_tokens(TOKENS))
    return made


def streamed(*, spoken: bool) -> list[Any]:
    encoder = ChunkEncoder(HEAD, include_usage=False, audio_id="audio_1" if spoken else None, legacy=False)
    data = encoder.text("Hel", chosen_tokens(TOKENS)) + encoder.text("lo", []) + encoder.end("stop", 1)
    return [json.loads(line.removeprefix(b"data: ")) for line in data.split(b"\n\n") if line]


@pytest.mark.parametrize("spoken", [False, True], ids=["written", "spoken"])
def test_a_whole_answer_has_all_its_tokens(spoken: bool) -> None:
    body = json.loads(encode(HEAD, [answered(spoken=spoken)], Usage()))
    assert body["choices"][0]["logprobs"] == BODY
    read = ChatCompletion.model_validate(body, strict=True)
    assert read.choices[0].logprobs is not None
    assert read.choices[0].logprobs.content is not None
    assert read.choices[0].logprobs.content[0].top_logprobs[0].token == "Hel"


def test_an_answer_whose_tokens_are_not_known_has_null() -> None:
    body = json.loads(encode(HEAD, [choice(0, "Hel", "stop")], Usage()))
    assert body["choices"][0]["logprobs"] is None


@pytest.mark.parametrize("spoken", [False, True], ids=["written", "spoken"])
def test_each_chunk_of_words_has_its_own_tokens_and_no_other_has_any(spoken: bool) -> None:
    found = streamed(spoken=spoken)
    choices = [chunk["choices"][0] for chunk in found]
    (words,) = [each for each in choices if each.get("logprobs")]
    assert words["logprobs"] == BODY
    assert words["delta"] == ({"audio": {"transcript": "Hel"}} if spoken else {"content": "Hel"})
    assert all(("logprobs" in each) is not spoken for each in choices if each is not words)
    assert all(ChatCompletionChunk.model_validate(chunk) for chunk in found)


def test_a_token_has_what_the_schema_requires_in_the_types_it_requires() -> None:
    schemas = json.loads(shared("openapi.json").read_text())["components"]["schemas"]
    token = schemas["ChatCompletionTokenLogprob"]
    candidate = token["properties"]["top_logprobs"]["items"]
    for schema, given in [(token, FIRST), (token, SECOND), (candidate, FIRST["top_logprobs"][0])]:
        assert set(schema["required"]) == set(schema["properties"]) == set(given)
        kinds = {name: schema["properties"][name].get("type", "array") for name in given}
        assert all(isinstance(given[name], KINDS[kind]) for name, kind in kinds.items())
    for name in ("CreateChatCompletionResponse", "CreateChatCompletionStreamResponse"):
        whole = schemas[name]["properties"]["choices"]["items"]["properties"]["logprobs"]
        inner = whole["anyOf"][0] if "anyOf" in whole else whole
        assert set(inner["required"]) == set(inner["properties"]) == set(BODY)


def test_an_answer_with_many_tokens_counts_as_large() -> None:
    assert size(choice(0, "Hel", "stop")) == 0
    plain, spoken = answered(), answered(spoken=True)
    assert size(plain) * 2 > len(json.dumps(BODY)) > size(plain) / 4
    assert size(spoken) == size(plain) + 8
