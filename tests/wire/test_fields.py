"""The fields of a chat request that change little: their ranges, and what the original refuses of them."""

import json
from typing import Any

import pytest

from tests.wire.recorded import shared
from vivavoce.core.errors import BadRequest
from vivavoce.core.turn import Sampling
from vivavoce.wire import chat
from vivavoce.wire.request import ChatRequest

HELLO = {"role": "user", "content": "Hello"}
SPOKEN = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
PLACE = {"country": "JP", "region": "Osaka", "city": "Osaka", "timezone": "Asia/Tokyo"}
SEARCH = {"search_context_size": "low", "user_location": {"type": "approximate", "approximate": PLACE}}
NOT_JSON = "We could not parse the JSON body of your request."

GOOD: list[dict[str, Any]] = [
    {"metadata": {"k" * 64: "v" * 512}},
    {"metadata": {str(number): "" for number in range(16)}},
    {"stop": list("abcd")},
    {"stop": ["a"]},
    {"user": "u" * 1000, "safety_identifier": "s" * 64, "prompt_cache_key": "key"},
    *({"service_tier": tier} for tier in ("auto", "default", "flex", "scale", "priority", "fast")),
    *({"verbosity": amount} for amount in ("low", "medium", "high")),
    *({"reasoning_effort": effort} for effort in ("none", "minimal", "low", "medium", "high", "xhigh", "max")),
    {"prediction": {"type": "content", "content": "x"}},
    {"prediction": {"type": "content", "content": [{"type": "text", "text": "x"}]}},
    {"web_search_options": {}},
    {"web_search_options": SEARCH},
    {"logit_bias": {"50256": -100, "any": 100}},
    {"logprobs": True, "top_logprobs": 20},
    {"logprobs": True, "top_logprobs": 0},
    {"logprobs": False, "top_logprobs": 0},
    {"top_logprobs": 0},
    {"moderation": {"model": "omni-moderation-latest"}},
    {"moderation": {"model": "m", "policy": {"input": {"mode": "score"}, "output": {"mode": "block"}}}},
    {"prompt_cache_options": {"mode": "explicit", "ttl": "30m"}, "prompt_cache_retention": "24h"},
]
NULLABLE = [
    "metadata", "stop", "user", "safety_identifier", "prompt_cache_key", "service_tier", "verbosity",
    "reasoning_effort", "prediction", "web_search_options", "logit_bias", "logprobs", "top_logprobs", "moderation",
    "prompt_cache_options", "prompt_cache_retention",
]  # fmt: skip
TIERS = "Supported values are: 'auto', 'default', 'flex', 'scale', 'priority', and 'fast'."
EFFORTS = "Supported values are: 'none', 'minimal', 'low', 'medium', 'high', 'xhigh', and 'max'."
AMOUNTS = "Supported values are: 'low', 'medium', and 'high'."
MODES = "Supported values are: 'score' and 'block'."
BAD: list[tuple[dict[str, Any], str, str, str | None]] = [
    (
        {"metadata": {str(number): "" for number in range(24)}},
        (
            "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got an object "
            "with 24 properties instead."
        ),
        "metadata",
        "object_above_max_properties",
    ),
    (
        {"metadata": {"fine": "x", "actual": "x" * 695}},
        (
            "Invalid 'metadata.actual': string too long. Expected a string with maximum length 512, but got a string "
            "with length 695 instead."
        ),
        "metadata.actual",
        "string_above_max_length",
    ),
    (
        {"metadata": {"fine": "x", "abc" + "-" * 59 + "xyz": "x"}},
        (
            "Invalid property name in 'metadata': 'abc...xyz' is too long. Expected a string with maximum length 64, "
            "but got a string with length 65 instead."
        ),
        "metadata",
        "property_name_above_max_length",
    ),
    (
        {"stop": []},
        "Invalid 'stop': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        "stop",
        "empty_array",
    ),
    (
        {"safety_identifier": "s" * 65},
        (
            "Invalid 'safety_identifier': string too long. Expected a string with maximum length 64, but got a string "
            "with length 65 instead."
        ),
        "safety_identifier",
        "string_above_max_length",
    ),
    (
        {"user": 1},
        "Invalid type for 'user': expected a string, but got an integer instead.",
        "user",
        "invalid_type",
    ),
    ({"service_tier": "gold"}, f"Invalid value: 'gold'. {TIERS}", "service_tier", "invalid_value"),
    ({"verbosity": "loud"}, f"Invalid value: 'loud'. {AMOUNTS}", "verbosity", "invalid_value"),
    ({"reasoning_effort": "much"}, f"Invalid value: 'much'. {EFFORTS}", "reasoning_effort", "invalid_value"),
    (
        {"prediction": {"type": "x", "content": "x"}},
        "Invalid value: 'x'. Supported values are: 'content'.",
        "prediction.type",
        "invalid_value",
    ),
    (
        {"prediction": {"type": "content", "content": [{"type": "x"}]}},
        "Invalid value: 'x'. Supported values are: 'text'.",
        "prediction.content[0].type",
        "invalid_value",
    ),
    (
        {"web_search_options": {"search_context_size": "all"}},
        f"Invalid value: 'all'. {AMOUNTS}",
        "web_search_options.search_context_size",
        "invalid_value",
    ),
    (
        {"web_search_options": {"user_location": {"type": "exact", "approximate": {}}}},
        "Invalid value: 'exact'. Supported values are: 'approximate'.",
        "web_search_options.user_location.type",
        "invalid_value",
    ),
    (
        {"logit_bias": {"1": 0, "50256": 101}},
        ("Invalid 'logit_bias.50256': integer above maximum value. Expected a value <= 100, but got 101 instead."),
        "logit_bias.50256",
        "integer_above_max_value",
    ),
    (
        {"logit_bias": {"1": -101}},
        "Invalid 'logit_bias.1': integer below minimum value. Expected a value >= -100, but got -101 instead.",
        "logit_bias.1",
        "integer_below_min_value",
    ),
    (
        {"logit_bias": {"1": 0, "2": 0.5}},
        "Invalid type for 'logit_bias.2': expected an integer, but got a decimal instead.",
        "logit_bias.2",
        "invalid_type",
    ),
    (
        {"logit_bias": {str(token): 1 for token in range(1025)}},
        (
            "Invalid 'logit_bias': too many properties. Expected an object with at most 1024 properties, but got an "
            "object with 1025 properties instead."
        ),
        "logit_bias",
        "object_above_max_properties",
    ),
    (
        {"logprobs": 5},
        "Invalid type for 'logprobs': expected a boolean, but got an integer instead.",
        "logprobs",
        "invalid_type",
    ),
    (
        {"logprobs": True, "top_logprobs": 21},
        "Invalid 'top_logprobs': integer above maximum value. Expected a value <= 20, but got 21 instead.",
        "top_logprobs",
        "integer_above_max_value",
    ),
    (
        {"logprobs": True, "top_logprobs": -1},
        "Invalid 'top_logprobs': integer below minimum value. Expected a value >= 0, but got -1 instead.",
        "top_logprobs",
        "integer_below_min_value",
    ),
    *(
        (
            {"top_logprobs": 1, **without},
            "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
            "top_logprobs",
            None,
        )
        for without in ({}, {"logprobs": False}, {"logprobs": None})
    ),
    (
        {"moderation": {}},
        "Missing required parameter: 'moderation.model'.",
        "moderation.model",
        "missing_required_parameter",
    ),
    *(
        (
            {"moderation": {"model": "m", "policy": {side: {"mode": "stop"}}}},
            f"Invalid value: 'stop'. {MODES}",
            f"moderation.policy.{side}.mode",
            "invalid_value",
        )
        for side in ("input", "output")
    ),
    (
        {"prompt_cache_options": {"mode": "off"}},
        "Invalid value: 'off'. Supported values are: 'implicit' and 'explicit'.",
        "prompt_cache_options.mode",
        "invalid_value",
    ),
    (
        {"prompt_cache_options": {"ttl": "1h"}},
        "Invalid value: '1h'. Supported values are: '30m'.",
        "prompt_cache_options.ttl",
        "invalid_value",
    ),
    (
        {"prompt_cache_retention": "1h"},
        "Invalid value: '1h'. Supported values are: 'in_memory' and '24h'.",
        "prompt_cache_retention",
        "invalid_value",
    ),
]
STRICT: list[tuple[dict[str, Any], str, str | None]] = [
    ({"x": 1}, "Unrecognized request argument supplied: x", None),
    ({"x": None}, "Unrecognized request argument supplied: x", None),
    ({"b": 1, "a": 1}, "Unrecognized request arguments supplied: b, a", None),
    ({"reasoning_effort": "low"}, "Unrecognized request argument supplied: reasoning_effort", None),
    (
        {"prediction": {"type": "content", "content": "x"}},
        "Unrecognized request argument supplied: prediction",
        None,
    ),
    (
        {"logit_bias": {"1": 1, "Paris" * 100: 1}},
        f"Invalid key in 'logit_bias': {('Paris' * 100)[:64]}. You should only be submitting non-negative integers.",
        "logit_bias",
    ),
    (
        {"reasoning_effort": "low", "x": 1, "web_search_options": {}},
        "Unrecognized request arguments supplied: reasoning_effort, x",
        None,
    ),
    ({"web_search_options": {}}, "Web search options not supported with this model.", "web_search_options"),
]


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [HELLO], **SPOKEN, **fields}).encode()


def refused(sent: bytes, *, strict: bool = False) -> tuple[str, str | None, str | None]:
    with pytest.raises(BadRequest) as error:
        chat.decode(sent, strict=strict)
    return error.value.message, error.value.param, error.value.code


def test_every_field_of_the_original_has_its_type() -> None:
    schemas = json.loads(shared("openapi.json").read_text())["components"]["schemas"]

    def fields(name: str) -> set[str]:
        found: set[str] = set()
        for part in schemas[name].get("allOf", [schemas[name]]):
            found |= fields(part["$ref"].rpartition("/")[2]) if "$ref" in part else set(part["properties"])
        return found

    assert fields("CreateChatCompletionRequest") == set(ChatRequest.__struct_fields__)


@pytest.mark.parametrize("fields", GOOD, ids=range(len(GOOD)))
def test_what_is_in_range_is_taken(fields: dict[str, Any]) -> None:
    assert chat.decode(body(**fields)).model == "m"


@pytest.mark.parametrize("field", NULLABLE)
def test_null_is_as_if_it_were_not_there(field: str) -> None:
    assert chat.decode(body(**{field: None}), strict=True) == chat.decode(body())


@pytest.mark.parametrize("case", BAD, ids=range(len(BAD)))
def test_what_is_out_of_range_is_told_in_the_words_of_the_original(
    case: tuple[dict[str, Any], str, str | None, str | None],
) -> None:
    fields, *words = case
    assert refused(body(**fields)) == tuple(words)


def test_likelihoods_reach_the_turn() -> None:
    def sampling(**fields: Any) -> Sampling:
        return chat.to_turn(chat.decode(body(**fields)), {}, {}).sampling

    assert sampling(logprobs=True, top_logprobs=20) == Sampling(logprobs=True, top_logprobs=20)
    assert sampling(logprobs=True) == Sampling(logprobs=True)


def test_biases_reach_the_turn_by_their_tokens_ids() -> None:
    def bias(given: dict[str, int] | None) -> tuple[tuple[int, int], ...]:
        return chat.to_turn(chat.decode(body(logit_bias=given)), {}, {}).sampling.logit_bias

    assert bias({"50256": -100, "1": 100}) == ((50256, -100), (1, 100))
    assert bias({"07": 1, "7": 2}) == ((7, 2),)
    assert bias({"Paris": 5, "-1": 5, "1.0": 5, "": 5, "9" * 10: 5, "٣": 5, "2": 0}) == ((2, 0),)
    assert bias({}) == bias(None) == ()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": 32000}, "max_tokens"),
        ({"max_completion_tokens": 32000}, "max_completion_tokens"),
        ({"max_completion_tokens": 32000, "max_tokens": 1}, "max_completion_tokens"),
    ],
)
def test_a_budget_of_more_than_the_model_can_say_is_told_what_it_can(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as error:
        chat.check_budget(chat.decode(body(**fields)), 16384)
    message = (
        "max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas you provided "
        "32000."
    )
    assert (error.value.message, error.value.param, error.value.code) == (message, param, "invalid_value")


@pytest.mark.parametrize("fields", [{}, {"max_tokens": 16384}, {"max_completion_tokens": 1, "max_tokens": 32000}])
def test_a_budget_the_model_can_say_is_taken(fields: dict[str, Any]) -> None:
    chat.check_budget(chat.decode(body(**fields)), 16384)


@pytest.mark.parametrize("case", STRICT, ids=range(len(STRICT)))
def test_what_the_original_does_not_know_is_refused_if_we_are_strict(
    case: tuple[dict[str, Any], str, str | None],
) -> None:
    fields, message, param = case
    assert chat.decode(body(**fields)).model == "m"
    assert refused(body(**fields), strict=True) == (message, param, None)


def test_unknown_names_are_not_said_back_without_end() -> None:
    message, *_ = refused(body(**{str(number) * 1000: 1 for number in range(100)}), strict=True)
    assert len(message) < 700


@pytest.mark.parametrize("name", [b"\\ud800", b"\xff"])
def test_a_name_that_is_no_text_is_no_json_if_we_are_strict(name: bytes) -> None:
    sent = body(field=1).replace(b"field", name)
    assert refused(sent, strict=True)[0].startswith(NOT_JSON)


def test_the_sample_body_of_the_ai_ml_api_is_refused_only_if_we_are_strict() -> None:
    sent = shared("aimlapi-sample-request.json").read_bytes()
    assert chat.decode(sent).logprobs
    message = "Unrecognized request arguments supplied: prediction, reasoning_effort"
    assert refused(sent, strict=True) == (message, None, None)


@pytest.mark.parametrize("again", ["1", '"secret"', '["secret"]', "{}", "null", "1e999"])
def test_what_comes_twice_or_without_end_is_a_bad_request_still(again: str) -> None:
    for fields, _, param, code in BAD:
        if code is None:  # of fields taken together, which are good by themselves
            continue
        for name in (next(iter(fields)), "x"):
            message, at, _ = refused(body(**fields)[:-1] + f',"{name}":{again}}}'.encode())
            assert "secret" not in message
            assert at is not None
            assert param.startswith(at.partition(".")[0])
