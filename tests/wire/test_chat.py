"""Requests, good and bad: a turn, or the original's error; never anything else."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.recorded import entries, shared
from vivavoce.core.audio import Pcm
from vivavoce.core.errors import BadRequest
from vivavoce.core.turn import Message, Sampling, Speech, Text, Tool, ToolCall, ToolChoice, ToolResult, Turn
from vivavoce.wire import chat, errors
from vivavoce.wire.chat import Place
from vivavoce.wire.encoded import sound_bytes

HELLO = {"role": "user", "content": "Hello"}
WAV = {"voice": "alloy", "format": "wav"}
SAID = {"role": "assistant", "content": "Yes."}
CALLED = {
    "role": "assistant",
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "add", "arguments": "{}"}}],
}
PROGRAM = {
    "model": "gpt-4o-mini-audio-preview",
    "modalities": ["text", "audio"],
    "audio": WAV,
    "messages": [{"role": "system", "content": "Speak english"}, HELLO],
    "max_tokens": 6000,
}
NOT_JSON = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
    "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
)


def body(*messages: Any, **fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": list(messages) or [HELLO], **fields}).encode()


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def sound(data: str = "QUJD", form: str = "wav") -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": data, "format": form}}


def refused(sent: bytes, *, strict: bool = False) -> tuple[str, str | None, str | None]:
    with pytest.raises(BadRequest) as error:
        chat.decode(sent, strict=strict)
    assert (error.value.status, error.value.kind) == (400, "invalid_request_error")
    return error.value.message, error.value.param, error.value.code


def turn_of(sent: bytes, heard: Any = None, said: Any = None) -> Turn:
    return chat.to_turn(chat.decode(sent), heard or {}, said or {})


def test_the_program_of_the_documentation_is_a_spoken_turn() -> None:
    assert turn_of(json.dumps(PROGRAM).encode()) == Turn(
        (Message("system", (Text("Speak english"),)), Message("user", (Text("Hello"),))),
        voice="alloy",
        live=False,
        sampling=Sampling(max_tokens=6000),
    )


def test_the_sample_body_of_the_ai_ml_api_is_a_written_turn_of_one_token() -> None:
    request = chat.decode(shared("aimlapi-sample-request.json").read_bytes())
    assert not request.speaks
    assert chat.to_turn(request, {}, {}) == Turn(
        (Message("system", (Text("text"),)),),
        (Tool("text", "text", "{}", strict=True),),
        ToolChoice("none"),
        live=False,
        sampling=Sampling(1, 1, 1, ("text",), 1, 1, max_tokens=1, logprobs=True, top_logprobs=1),
    )


@pytest.mark.parametrize(
    ("messages", "hears"),
    [
        ([HELLO], False),
        ([user(sound())], True),
        ([user(sound()), user({"type": "text", "text": "And?"})], True),
        ([user(sound()), SAID, HELLO], False),
        ([user(sound()), SAID, user(sound())], True),
        ([HELLO, SAID, user(sound()), SAID, HELLO], False),
        ([user(sound()), CALLED, {"role": "tool", "tool_call_id": "1", "content": "8"}], False),
    ],
)
def test_an_ear_is_taken_by_what_was_said_since_the_last_answer(messages: list[Any], hears: bool) -> None:
    request = chat.decode(body(*messages))
    assert chat.hears(request, recalls=True) is hears
    assert chat.hears(request, recalls=False) is any(chat.recordings(request))


def test_the_recorded_second_turn_has_its_recordings_and_its_reference_in_place() -> None:
    sent = json.dumps(entries("ChatTests-ChatWithAudio")[1]["RequestBody"]).encode()
    request = chat.decode(sent)
    places = [recording.place for recording in chat.recordings(request)]
    assert places == [Place(0, 0), Place(2, 1)]
    assert list(chat.references(request)) == [(1, "audio_6a233a2d7c188191babb522be781ec61")]
    assert request.include_usage
    assert [sound_bytes(recording.take(), recording.param)[:4] for recording in chat.recordings(request)][1] == b"RIFF"
    heard = {place: Speech(Pcm(b"", 24_000), seconds=place.message) for place in places}
    said = {1: Speech(None, "Hi there!", 4.65)}
    assert chat.to_turn(request, heard, said).messages == (
        Message("user", (heard[Place(0, 0)],)),
        Message("assistant", (said[1],)),
        Message("user", (Text("Please answer the following spoken question:"), heard[Place(2, 1)])),
    )


def test_every_kind_of_message_has_its_place_in_the_turn() -> None:
    first = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    second = {"id": "call_2", "type": "function", "function": {"name": "wind", "arguments": '{"at":1}'}}
    sent = body(
        {"role": "developer", "content": [{"type": "text", "text": "Be"}, {"type": "text", "text": " brief."}]},
        {"role": "user", "content": [{"type": "text", "text": "Rain?", "prompt_cache_breakpoint": {}}], "name": "Ann"},
        {"role": "assistant", "content": None, "tool_calls": [first, second]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "yes"}]},
        {"role": "tool", "tool_call_id": "call_2", "content": "no"},
        {"role": "assistant", "content": [{"type": "text", "text": "It rains."}, {"type": "refusal", "refusal": "No"}]},
        {"role": "assistant", "function_call": {"name": "old", "arguments": "[]"}},
        {"role": "function", "name": "old", "content": None},
        {"role": "assistant", "content": "Fine."},
    )
    assert turn_of(sent).messages == (
        Message("system", (Text("Be"), Text(" brief."))),
        Message("user", (Text("Rain?"),)),
        Message("assistant", (ToolCall("call_1", "weather", "{}"), ToolCall("call_2", "wind", '{"at":1}'))),
        Message("tool", (ToolResult("call_1", "yes"),)),
        Message("tool", (ToolResult("call_2", "no"),)),
        Message("assistant", (Text("It rains."), Text("No"))),
        Message("assistant", (ToolCall("old", "old", "[]"),)),
        Message("tool", (ToolResult("old", ""),)),
        Message("assistant", (Text("Fine."),)),
    )


def test_an_empty_text_beside_a_spoken_answer_says_nothing() -> None:
    sent = body({"role": "assistant", "content": "", "audio": {"id": "audio_1"}}, HELLO)
    said = {0: Speech(None, "Hi.", 1.0)}
    assert turn_of(sent, said=said).messages[0] == Message("assistant", (said[0],))


def test_sampling_reaches_the_turn() -> None:
    sent = body(
        temperature=0, top_p=0.5, seed=-1, stop=["a", "", "b"], presence_penalty=-2, frequency_penalty=2, max_tokens=5
    )
    assert turn_of(sent).sampling == Sampling(0.0, 0.5, -1, ("a", "b"), -2.0, 2.0, 5)
    assert turn_of(body(stop="end")).sampling.stop == ("end",)
    assert turn_of(body(stop="")).sampling == Sampling()
    for seed, used in ((9_223_372_036_854_776_000, 2**63 - 1), (-9_223_372_036_854_776_000, -(2**63))):
        assert turn_of(body(seed=seed)).sampling.seed == used
    assert turn_of(body(temperature=None, stop=None, n=None, seed=None, stream=None)).sampling == Sampling()


def test_the_newer_name_of_the_budget_goes_before_the_older() -> None:
    assert chat.decode(body(max_completion_tokens=1, max_tokens=5)).budget == 1
    assert chat.decode(body(max_tokens=5)).budget == 5
    assert chat.decode(body()).budget is None


@pytest.mark.parametrize(
    ("fields", "voice"),
    [
        ({}, None),
        ({"audio": WAV}, None),
        ({"modalities": ["text"], "audio": WAV}, None),
        ({"modalities": ["audio"], "audio": WAV}, "alloy"),
        ({"modalities": ["text", "audio"], "audio": {"voice": {"id": "voice_1"}, "format": "mp3"}}, "voice_1"),
        ({"modalities": None, "audio": None}, None),
    ],
)
def test_the_answer_is_spoken_where_both_modality_and_voice_are_there(
    fields: dict[str, Any], voice: str | None
) -> None:
    request = chat.decode(body(**fields))
    assert chat.voice_of(request) == voice
    assert chat.to_turn(request, {}, {}).voice == voice


def test_fields_we_do_not_know_are_let_through() -> None:
    unknown = {"reasoning_effort": "low", "logit_bias": {"a": 1}, "x": [None], "metadata": {"a": "b"}, "store": True}
    assert chat.decode(body(**unknown)).model == "m"


@pytest.mark.parametrize("stream_options", [None, {}, {"include_usage": None}, {"include_usage": False}])
def test_usage_comes_only_where_it_was_asked_for(stream_options: object) -> None:
    assert not chat.decode(body(stream_options=stream_options)).include_usage


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"{",
        b"hello",
        b"\xff\xfe{}",
        b'{"model":"\xff","messages":[]}',
        b'{"model":1, broken',
        b'{"model":1,"tools":' + b"[" * 5000,
        b'{"model":"m","messages":[],"temperature":NaN}',
        b'{"model":"\\ud800","messages":[{"role":"user","content":"Hi"}]}',
        body()[:-1],
        body() + b"x",
        body(tools="@").replace(b'"@"', b"[" * 100_000 + b"]" * 100_000),
    ],
    ids=range(12),
)
def test_what_is_no_json_is_told_so(sent: bytes) -> None:
    assert refused(sent) == (NOT_JSON, None, None)


OGG = {"voice": "alloy", "format": "ogg"}
FORMATS = "Supported values are: 'wav', 'aac', 'mp3', 'flac', 'opus', and 'pcm16'."
ROLES = "Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'."
SPOKEN = {"modalities": ["text", "audio"], "audio": WAV}
BAD: dict[str, tuple[bytes, str, str | None, str | None]] = {
    "no model": (b"{}", "Missing required parameter: 'model'.", "model", "missing_required_parameter"),
    "no messages": (
        b'{"model":"m"}',
        "Missing required parameter: 'messages'.",
        "messages",
        "missing_required_parameter",
    ),
    "empty messages": (
        b'{"model":"m","messages":[]}',
        "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        "messages",
        "empty_array",
    ),
    "a list": (
        b"[]",
        "Invalid type for the request's body: expected an object, but got an array instead.",
        None,
        "invalid_type",
    ),
    "messages as text": (
        b'{"model":"m","messages":"x"}',
        "Invalid type for 'messages': expected an array, but got a string instead.",
        "messages",
        "invalid_type",
    ),
    "null message": (
        body(None),
        "Invalid type for 'messages[0]': expected an object, but got null instead.",
        "messages[0]",
        "invalid_type",
    ),
    "no role": (
        body({"content": "x"}),
        "Missing required parameter: 'messages[0].role'.",
        "messages[0].role",
        "missing_required_parameter",
    ),
    "unknown role": (
        body(HELLO, {"role": "bot"}),
        f"Invalid value: 'bot'. {ROLES}",
        "messages[1].role",
        "invalid_value",
    ),
    "no content": (
        body({"role": "user"}),
        "Missing required parameter: 'messages[0].content'.",
        "messages[0].content",
        "missing_required_parameter",
    ),
    "content of the wrong type": (
        body({"role": "user", "content": 3}),
        "Invalid type for 'messages[0].content': expected a string or an array, but got an integer instead.",
        "messages[0].content",
        "invalid_type",
    ),
    "empty content": (
        body(user()),
        (
            "Invalid 'messages[0].content': empty array. Expected an array with minimum length 1, "
            "but got an empty array instead."
        ),
        "messages[0].content",
        "empty_array",
    ),
    "unknown part": (
        body(user({"type": "video"})),
        "Invalid value: 'video'. Supported values are: 'text', 'input_audio', and 'file'.",
        "messages[0].content[0].type",
        "invalid_value",
    ),
    "sound from the system": (
        body({"role": "system", "content": [sound()]}),
        "Invalid value: 'input_audio'. Supported values are: 'text'.",
        "messages[0].content[0].type",
        "invalid_value",
    ),
    "sound from the assistant": (
        body({"role": "assistant", "content": [sound()]}),
        "Invalid value: 'input_audio'. Supported values are: 'text' and 'refusal'.",
        "messages[0].content[0].type",
        "invalid_value",
    ),
    "no sound data": (
        body(user({"type": "text", "text": "x"}, {"type": "input_audio", "input_audio": {"format": "wav"}})),
        "Missing required parameter: 'messages[0].content[1].input_audio.data'.",
        "messages[0].content[1].input_audio.data",
        "missing_required_parameter",
    ),
    "image": (
        body(*[HELLO] * 7, user({"type": "image_url", "image_url": {"url": "x"}})),
        "This model does not support image_url content.",
        "messages[7].content",
        "invalid_value",
    ),
    "file of nothing": (
        body(user({"type": "file", "file": {"filename": "a.pdf"}})),
        "Missing required parameter: 'messages[0].content[0].file.file_data'.",
        "messages[0].content[0].file.file_data",
        "missing_required_parameter",
    ),
    "file that was sent before": (
        body(HELLO, user({"type": "text", "text": "?"}, {"type": "file", "file": {"file_id": "file-1"}})),
        (
            "Unsupported parameter: 'messages[1].content[1].file.file_id'. Chats read no kept files: send the PDF "
            "in 'file_data'."
        ),
        "messages[1].content[1].file.file_id",
        "unsupported_parameter",
    ),
    "file that is none": (
        body(user({"type": "file"})),
        "Missing required parameter: 'messages[0].content[0].file'.",
        "messages[0].content[0].file",
        "missing_required_parameter",
    ),
    "assistant without anything": (
        body({"role": "assistant", "tool_calls": []}),
        "Invalid value for 'content': expected a string, got null. (at 'messages[0].content')",
        "messages[0].content",
        None,
    ),
    "reference without id": (
        body({"role": "assistant", "audio": {}}),
        "Missing required parameter: 'messages[0].audio.id'.",
        "messages[0].audio.id",
        "missing_required_parameter",
    ),
    "tool without id": (
        body({"role": "tool", "content": "x"}),
        "Missing required parameter: 'messages[0].tool_call_id'.",
        "messages[0].tool_call_id",
        "missing_required_parameter",
    ),
    "unknown modality": (
        body(modalities=["text", "video"]),
        "Invalid value: 'video'. Supported values are: 'text' and 'audio'.",
        "modalities[1]",
        "invalid_value",
    ),
    "modalities of the wrong type": (
        body(modalities="audio"),
        "Invalid type for 'modalities': expected an array, but got a string instead.",
        "modalities",
        "invalid_type",
    ),
    "no audio": (
        body(modalities=["text", "audio"]),
        "Missing required parameter: 'audio'.",
        "audio",
        "missing_required_parameter",
    ),
    "no format": (
        body(audio={"voice": "alloy"}),
        "Missing required parameter: 'audio.format'.",
        "audio.format",
        "missing_required_parameter",
    ),
    "unknown format": (
        body(modalities=["audio"], audio=OGG),
        f"Invalid value: 'ogg'. {FORMATS}",
        "audio.format",
        "invalid_value",
    ),
    "voice without id": (
        body(audio={"voice": {}, "format": "wav"}),
        "Missing required parameter: 'audio.voice.id'.",
        "audio.voice.id",
        "missing_required_parameter",
    ),
    "wav while streaming": (
        body(**SPOKEN, stream=True),
        "Unsupported value: 'audio.format' does not support 'wav' when stream=true. Supported values are: 'pcm16'.",
        "audio.format",
        "unsupported_value",
    ),
    "too hot": (
        body(temperature=200),
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 200 instead.",
        "temperature",
        "decimal_above_max_value",
    ),
    "too cold": (
        body(temperature=-0.5),
        "Invalid 'temperature': decimal below minimum value. Expected a value >= 0, but got -0.5 instead.",
        "temperature",
        "decimal_below_min_value",
    ),
    "too many answers": (
        body(n=9),
        "Invalid 'n': integer above maximum value. Expected a value <= 8, but got 9 instead.",
        "n",
        "integer_above_max_value",
    ),
    "no answers": (
        body(n=0),
        "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.",
        "n",
        "integer_below_min_value",
    ),
    "too many stops": (
        body(stop=list("abcde")),
        (
            "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length 5 "
            "instead."
        ),
        "stop",
        "array_above_max_length",
    ),
    "stop of the wrong type": (
        body(stop=3),
        "Invalid type for 'stop': expected a string or an array, but got an integer instead.",
        "stop",
        "invalid_type",
    ),
    "no tokens": (
        body(max_tokens=0),
        "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead.",
        "max_tokens",
        "integer_below_min_value",
    ),
    "half a token": (
        body(max_tokens=1.5),
        "Invalid type for 'max_tokens': expected an integer, but got a decimal instead.",
        "max_tokens",
        "invalid_type",
    ),
    "a seed that is too great": (
        body(seed=9_223_372_036_854_776_001),
        (
            "Invalid 'seed': integer above maximum value. Expected a value <= 9223372036854776000, "
            "but got 9223372036854776001 instead."
        ),
        "seed",
        "integer_above_max_value",
    ),
    "a seed that is too small": (
        body(seed=-9_223_372_036_854_776_001),
        (
            "Invalid 'seed': integer below minimum value. Expected a value >= -9223372036854776000, "
            "but got -9223372036854776001 instead."
        ),
        "seed",
        "integer_below_min_value",
    ),
    "number without end": (
        body(temperature="@").replace(b'"@"', b"1e999"),
        "Invalid 'temperature': number out of range.",
        "temperature",
        "invalid_value",
    ),
    "integer without end": (
        body(seed="@").replace(b'"@"', b"9" * 5000),
        "Invalid 'seed': integer out of range.",
        "seed",
        "invalid_value",
    ),
    "metadata of the wrong type": (
        body(metadata={"fine": "x", "wrong": 1}),
        "Invalid type for 'metadata.wrong': expected a string, but got an integer instead.",
        "metadata.wrong",
        "invalid_type",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_request_is_told_in_the_words_of_the_original(case: str) -> None:
    sent, *words = BAD[case]
    assert refused(sent) == tuple(words)


@pytest.mark.parametrize("n", [1, 2, 8])
def test_several_answers_may_be_written_or_spoken(n: int) -> None:
    assert chat.decode(body(n=n)).n == n
    assert chat.decode(body(n=n, **SPOKEN)).n == n
    assert chat.decode(body(n=n, modalities=["audio"], audio={**WAV, "format": "pcm16"}, stream=True)).n == n


def test_what_the_original_refuses_is_refused_only_if_we_are_strict() -> None:
    assert refused(body(), strict=True) == (
        "This model requires that either input content or output modality contain audio.",
        "model",
        "invalid_value",
    )
    assert chat.decode(body(user(sound())), strict=True)
    assert chat.decode(body(**SPOKEN), strict=True)


LONG = "secret" * 5000


@pytest.mark.parametrize(
    "sent",
    [
        body({"role": LONG}),
        body({"role": f"x - at `$.{LONG}`"}),
        body(user({"type": LONG})),
        body(modalities=[LONG]),
        body(audio={"voice": "alloy", "format": LONG}),
        body(metadata={LONG: 1}),
        body(seed="@").replace(b'"@"', b"9" * 4000),
        body(temperature="@").replace(b'"@"', b"9" * 100),
        body(**{LONG: 1}, n=LONG),
        body({"role": "user", "content": LONG}, n=[LONG]),
        body(tools=[{"type": LONG}]),
    ],
    ids=range(11),
)
def test_long_content_is_not_said_back(sent: bytes) -> None:
    message, param, _ = refused(sent)
    assert len(message) < 300
    assert message.count("secret") <= 11
    assert len(param or "") < 100


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
STRICT = {
    "type": "object",
    "properties": {"a": {"type": ["object", "null"], "anyOf": [{"type": "array", "items": {"type": "string"}}]}},
    "required": ["a"],
    "additionalProperties": False,
}
GOOD = [
    PROGRAM,
    {
        "model": "m",
        "messages": [user(sound(), {"type": "text", "text": "x"}), {"role": "assistant", "audio": {"id": "audio_1"}}],
        "stream_options": {"include_usage": True},
        "metadata": {"a": "b"},
        "stop": ["a"],
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "seed": 1,
        "n": 1,
        "top_p": 1,
    },
    {
        "model": "m",
        "messages": [HELLO],
        "logit_bias": {"1": 100, "2": -100},
        "logprobs": True,
        "top_logprobs": 20,
        "metadata": {"a" * 64: "b" * 512},
        "prediction": {"type": "content", "content": [{"type": "text", "text": "x"}]},
        "web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": "Osaka"}}},
        "moderation": {"model": "m", "policy": {"input": {"mode": "score"}}},
        "prompt_cache_options": {"ttl": "30m"},
        "reasoning_effort": "low",
        "service_tier": "auto",
        "safety_identifier": "s",
    },
    {
        "model": "m",
        "messages": [
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "a", "content": "x"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "strict": True, "parameters": STRICT}}],
        "tool_choice": {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
        },
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": STRICT}},
    },
    {
        "model": "m",
        "messages": [{"role": "function", "name": "f", "content": "x"}],
        "functions": [{"name": "f", "strict": True, "parameters": STRICT}],
        "function_call": {"name": "f"},
    },
]


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inner for found in paths(item, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


def decoded_or_refused(sent: bytes) -> None:
    with suppress(BadRequest):
        chat.decode(sent, strict=True)
    try:
        request = chat.decode(sent)
    except BadRequest as error:
        errors.body(error)
        return
    heard = {recording.place: Speech(None, "x") for recording in chat.recordings(request)}
    said = {index: Speech(None, "x") for index, _ in chat.references(request)}
    assert chat.to_turn(request, heard, said)


@settings(deadline=None)
@given(json_values)
def test_any_json_is_a_turn_or_a_bad_request(value: Any) -> None:
    decoded_or_refused(json.dumps(value).encode())


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_a_turn_or_a_bad_request(sent: bytes) -> None:
    decoded_or_refused(sent)
    decoded_or_refused(b'{"model":' + sent)


@settings(deadline=None)
@given(st.data())
def test_a_good_request_changed_anywhere_is_a_turn_or_a_bad_request(data: st.DataObject) -> None:
    good = data.draw(st.sampled_from(GOOD))
    path = data.draw(st.sampled_from(paths(good)))
    decoded_or_refused(json.dumps(changed(good, path, data.draw(json_values))).encode())


@settings(deadline=None)
@given(st.sampled_from(GOOD).map(lambda good: json.dumps(good).encode()), st.integers(0, 600), st.binary(max_size=3))
def test_a_good_request_damaged_anywhere_is_a_turn_or_a_bad_request(good: bytes, at: int, damage: bytes) -> None:
    decoded_or_refused(good[:at] + damage + good[at + len(damage) :])
    decoded_or_refused(good[:at])


def test_nesting_of_any_depth_is_taken_or_refused() -> None:
    for depth in (10, 100, 1000, 100_000):
        decoded_or_refused(body(tools="@").replace(b'"@"', b"[" * depth + b"]" * depth))
        decoded_or_refused(body(tools="@", n="x").replace(b'"@"', b"[" * depth + b"]" * depth))


def test_a_reference_nobody_knows_is_told_with_the_odd_path_of_the_original() -> None:
    error = chat.not_found(2, "audio_6a233a2d7c188191babb522be781ec61")
    assert (error.status, error.message, error.param, error.code) == (
        400,
        "Assistant audio audio_6a233a2d7c188191babb522be781ec61 not found.",
        "content.messages[2].audio.id",
        "audio_not_found",
    )


@pytest.mark.parametrize("answer", ["é", "a\nb", "x" * 65])
def test_a_reference_that_is_no_id_is_not_said_back(answer: str) -> None:
    assert chat.not_found(0, answer).message == "Assistant audio audio not found."
