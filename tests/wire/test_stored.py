"""Stored completions: what is written down, and what clients read of it."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from tests.wire.recorded import entries, misfits, shape
from vivavoce.core.audio import Pcm
from vivavoce.core.errors import BadRequest
from vivavoce.core.turn import Speech, ToolCall, Usage
from vivavoce.wire import chat, listing, stored, stored_messages
from vivavoce.wire.completion import Choice, Head, audio_body, choice
from vivavoce.wire.request import ChatRequest

HEAD = Head("chatcmpl-1", 1_758_039_249, "gpt-4o-mini-audio-preview-2024-12-17", "fp_0123456789")
USAGE = Usage(text_in=11, audio_in=17, text_out=32, audio_out=93)
SOUND = Speech(Pcm(b"\1\0" * 2400, 24_000))
RECORDING = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"enum": [None, 2**70]}, "x": "kept"}}
SAYS: Any = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields}).encode()


def completion(*choices: Choice, metadata: dict[str, str] | None = None, **fields: Any) -> Any:
    """A completion as a client reads it that was written down."""
    sent = body(**fields)
    written = stored.completion(
        chat.decode(sent), stored.sent(sent), HEAD, "req_1", choices or [choice(0, "Blue.", "stop")], USAGE
    )
    return json.loads(stored.encode(stored.read(written, metadata or {})))


def messages(*sent: Any, heard: Any = None, said: Any = None) -> list[dict[str, Any]]:
    """Messages as a client reads them that were written down."""
    request = chat.decode(body(messages=list(sent)))
    sounds = {recording.place: SOUND for recording in chat.recordings(request)}
    written = stored_messages.messages(HEAD.id, request, chat.to_turn(request, sounds, said or {}), heard or {})
    listed = listing.cut(stored_messages.listed(HEAD.id, written), listing.Query(limit=100), "messages")
    return json.loads(listed)["data"]


def test_a_written_answer_has_the_recorded_shape_and_two_keys_more() -> None:
    for entry in entries("ChatStoreTests-StoredChatCompletionsWork"):
        if entry["RequestMethod"] == "GET" and entry["StatusCode"] == 200:
            theirs, mine = entry["ResponseBody"], completion(seed=-8132613597486110237)
            assert mine["choices"][0]["message"].pop("refusal") is None
            assert [mine["usage"].pop(key) for key in list(mine["usage"]) if key.endswith("_details")]
            theirs["usage"] = dict(sorted(theirs["usage"].items()))
            mine["usage"] = dict(sorted(mine["usage"].items()))
            assert list(shape(mine).items()) == list(shape(theirs).items())
            assert (mine["top_p"], mine["temperature"]) == (theirs["top_p"], theirs["temperature"])
            return
    pytest.fail("there is no such recording")


def test_messages_have_the_recorded_keys_and_what_belongs_to_the_schema() -> None:
    name = "ChatStoreTests-GetChatCompletionMessagesWithPagination"
    last = [each for each in entries(name) if each["RequestMethod"] == "GET" and each["StatusCode"] == 200][-1]
    theirs = last["ResponseBody"]["data"]
    mine = messages(
        {"role": "user", "content": "Hi"}, {"role": "user", "content": [{"type": "text", "text": "Whose?"}]}
    )
    for message in mine:
        assert message.pop("refusal") is None
    assert list(shape(mine[0])) == list(shape(theirs[0]))
    assert list(shape(mine[1])) == [path for path in shape(theirs[1]) if "image_url." not in path]


@pytest.mark.parametrize("seed", [-9_223_372_036_854_776_000, 9_223_372_036_854_776_000])
def test_the_farthest_seeds_are_given_back_as_they_were_sent(seed: int) -> None:
    assert completion(seed=seed)["seed"] == seed


def test_all_of_the_request_is_given_back_as_it_was_sent() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "more": 1}}
    found = completion(
        tools=[WEATHER],
        tool_choice={"type": "function", "function": {"name": "weather"}},
        response_format=form,
        seed=7,
        top_p=0.0,
        temperature=0,
        presence_penalty=1,
        frequency_penalty=-1.5,
        user="somebody",
        metadata={"a": "1"},
        modalities=["text"],
    )
    assert (found["tools"], found["response_format"]) == ([WEATHER], form)
    assert found["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert (found["seed"], found["top_p"], found["temperature"]) == (7, 0.0, 0.0)
    assert (found["presence_penalty"], found["frequency_penalty"], found["input_user"]) == (1.0, -1.5, "somebody")
    assert (found["request_id"], found["system_fingerprint"]) == ("req_1", HEAD.fingerprint)


def test_metadata_are_those_it_has_now() -> None:
    assert completion(metadata={"now": "1"})["metadata"] == {"now": "1"}
    assert completion()["metadata"] == {}


def test_what_was_not_sent_is_null_or_the_originals_default() -> None:
    found = completion()
    assert [found[key] for key in ("tools", "tool_choice", "response_format", "seed", "input_user")] == [None] * 5
    assert (found["top_p"], found["temperature"]) == (1.0, 1.0)
    assert (found["presence_penalty"], found["frequency_penalty"]) == (0.0, 0.0)


def test_several_answers_calls_and_a_cut_one() -> None:
    calls = [ToolCall("call_1", "weather", '{"city":"Osaka"}'), ToolCall("call_2", "time", "{}")]
    found = completion(
        choice(0, "Blue", "length"),
        choice(1, "", "tool_calls", calls=calls),
        choice(2, "", "function_call", calls=calls[:1], legacy=True),
    )
    first, second, third = found["choices"]
    assert (first["finish_reason"], first["message"]["content"]) == ("length", "Blue")
    assert (first["message"]["tool_calls"], first["message"]["function_call"]) == (None, None)
    assert [call["function"]["name"] for call in second["message"]["tool_calls"]] == ["weather", "time"]
    assert (second["message"]["content"], second["finish_reason"]) == (None, "tool_calls")
    assert third["message"]["function_call"] == {"name": "weather", "arguments": '{"city":"Osaka"}'}
    assert "audio" not in first["message"]
    assert ChatCompletion.model_validate(found, strict=True).choices[1].message.tool_calls


def test_it_is_as_the_schema_says_but_for_the_originals_nulls() -> None:
    place = "CreateChatCompletionResponse.choices[0].message"
    nulls = [f"{place}.tool_calls is no array", f"{place}.function_call is no object"]
    assert misfits(completion(), "CreateChatCompletionResponse") == nulls
    spoken = completion(choice(0, "Blue.", "stop", audio=audio_body("audio_1", b"", 5, "Blue.")))
    assert misfits(spoken, "CreateChatCompletionResponse") == nulls
    assert misfits(json.loads(stored.deleted("chatcmpl-1")), "ChatCompletionDeleted") == []
    for found in ([], [("chatcmpl-1", json.dumps(completion()).encode())]):
        listed = json.loads(listing.page(found, more=False))
        there = [each.replace("CreateChatCompletionResponse", "ChatCompletionList.data[0]") for each in nulls]
        assert misfits(listed, "ChatCompletionList") == (there if found else [])


def test_messages_are_as_the_schema_says_but_for_whose_they_are() -> None:
    """The original's own schema does not know of messages that are not the assistant's."""
    roles = ["user", "assistant", "assistant", "tool"]
    data = messages(
        {"role": "user", "content": [{"type": "text", "text": "Hi"}, RECORDING]},
        {"role": "assistant", "content": "Hello.", "name": "anna"},
        {"role": "assistant", "tool_calls": [SAYS]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    )
    listed = {"object": "list", "data": data, "first_id": "a", "last_id": "b", "has_more": False}
    places = [(f"ChatCompletionMessageList.data[{m}]", role) for m, role in enumerate(roles)]
    assert misfits(listed, "ChatCompletionMessageList") == [
        f"{place}.role is '{role}'" for place, role in places if role != "assistant"
    ]


def test_the_checker_of_schemas_finds_what_is_wrong() -> None:
    wrong = [{"object": "list", "data": {}, "first_id": None, "last_id": "", "has_more": 1}, []]
    assert [misfits(each, "ChatCompletionList") for each in wrong] == [
        [
            "ChatCompletionList.data is no array",
            "ChatCompletionList.first_id is no string",
            "ChatCompletionList.has_more is no boolean",
        ],
        ["ChatCompletionList is no object"],
    ]


def test_a_spoken_answer_is_written_down_without_its_sound_and_may_be_given_it() -> None:
    asked = ChatRequest("m", [])
    spoken = [choice(n, "Blue.", "stop", audio=audio_body(f"audio_{n}", b"", 5, "Blue.")) for n in range(2)]
    written = stored.completion(asked, stored.Sent(), HEAD, "req_1", spoken, USAGE)
    found = stored.read(written, {})
    first, second = stored.spoken(found)
    assert (first.id, second.id, first.data) == ("audio_0", "audio_1", "")
    stored.sound(second, b"RIFF")
    read = ChatCompletion.model_validate(json.loads(stored.encode(found)), strict=True)
    sounds = [each.message.audio for each in read.choices]
    assert [(audio.id, audio.data, audio.transcript) for audio in sounds if audio] == [
        ("audio_0", "", "Blue."),
        ("audio_1", "UklGRg==", "Blue."),
    ]


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
def test_a_message_has_its_words_its_name_and_its_number(role: str) -> None:
    written, parts = messages(
        {"role": role, "content": "Hi", "name": "anna"},
        {"role": role, "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "there"}]},
    )
    assert (written["id"], parts["id"]) == ("chatcmpl-1-0", "chatcmpl-1-1")
    assert (written["role"], written["content"], written["content_parts"], written["name"]) == (
        role,
        "Hi",
        None,
        "anna",
    )
    assert (parts["role"], parts["content"], parts["name"]) == (role, "Hi there", None)
    assert [(part["type"], part["text"]) for part in parts["content_parts"]] == [("text", "Hi"), ("text", "there")]


def test_a_recording_stands_there_as_what_was_heard() -> None:
    text = {"type": "text", "text": "Answer:"}
    once, twice, nothing = messages(
        {"role": "user", "content": [text, RECORDING]},
        {"role": "user", "content": [RECORDING, RECORDING]},
        {"role": "user", "content": [RECORDING]},
        heard={0: {1: "what is blue"}, 1: {0: "one", 1: "two"}, 2: {0: ""}},
    )
    assert (once["content"], twice["content"], nothing["content"]) == ("Answer: what is blue", "one two", "")
    assert [part["text"] for part in once["content_parts"]] == ["Answer:", "what is blue"]
    assert "UklGRg" not in json.dumps([once, twice, nothing])


def test_an_earlier_spoken_answer_stands_there_as_its_words() -> None:
    _, answer = messages(
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "audio": {"id": "audio_1"}},
        said={1: Speech(None, "Hello there.", 1.0)},
    )
    assert (answer["content"], answer["content_parts"]) == ("Hello there.", None)


def test_calls_and_their_results() -> None:
    _, calls, result, refused, legacy, function = messages(
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [SAYS]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "sunny"}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}], "refusal": "No."},
        {"role": "assistant", "content": None, "function_call": SAYS["function"]},
        {"role": "function", "name": "weather", "content": "sunny"},
    )
    assert (calls["content"], calls["tool_calls"]) == (None, [SAYS])
    assert (result["role"], result["content"], result["tool_call_id"]) == ("tool", "sunny", "call_1")
    assert "tool_calls" not in result
    assert (refused["content"], refused["refusal"]) == ("No.", "No.")
    assert (legacy["content"], legacy["function_call"]) == (None, SAYS["function"])
    assert (function["role"], function["name"], function["content"]) == ("function", "weather", "sunny")


def test_a_completion_that_is_not_there_or_no_more() -> None:
    gone = {"object": "chat.completion.deleted", "id": "chatcmpl-1", "deleted": True}
    assert json.loads(stored.deleted("chatcmpl-1")) == gone
    error = stored.not_found("comp_nonexistent_12345")
    mine = {"message": error.message, "type": error.kind, "param": error.param, "code": error.code}
    assert (error.status, mine["message"]) == (404, "Completion comp_nonexistent_12345 not found")
    assert len(stored.not_found("x" * 9999).message) < 200
    name = "ChatTests-GetChatCompletionMessagesHandlesNonExistentCompletion"
    assert mine == entries(name)[0]["ResponseBody"]["error"]


def test_other_metadata_are_read() -> None:
    assert stored.metadata(b'{"metadata":{"a":"1"},"more":[]}') == {"a": "1"}
    assert stored.metadata(b'{"metadata":null}') == {}


@pytest.mark.parametrize(
    ("sent", "message", "param", "code"),
    [
        (b"{}", "Missing required parameter: 'metadata'.", "metadata", "missing_required_parameter"),
        (
            b'{"metadata":{"a":1}}',
            "Invalid type for 'metadata.a': expected a string, but got an integer instead.",
            "metadata.a",
            "invalid_type",
        ),
        (
            b'{"metadata":[]}',
            "Invalid type for 'metadata': expected an object, but got an array instead.",
            "metadata",
            "invalid_type",
        ),
    ],
)
def test_metadata_are_checked_as_in_a_request(sent: bytes, message: str, param: str, code: str) -> None:
    with pytest.raises(BadRequest) as error:
        stored.metadata(sent)
    assert (error.value.message, error.value.param, error.value.code) == (message, param, code)


@pytest.mark.parametrize("sent", [b"", b"{", b'{"metadata":{"a":"\xff"}}', b"[" * 5000, b'{"metadata":' + b"[" * 5000])
def test_metadata_that_are_no_json(sent: bytes) -> None:
    with pytest.raises(BadRequest, match="could not parse the JSON body"):
        stored.metadata(sent)


def noted(note: bytes) -> bytes:
    """A request with something in a place that it is not read at."""
    tool = b'{"type":"function","function":{"name":"f"},"note":' + note + b"}"
    return b'{"model":"m","messages":[{"role":"user","content":"Hi"}],"tools":[' + tool + b"]}"


@pytest.mark.parametrize("note", [b'"\xff"', b"1e999"])
def test_what_is_no_json_cannot_be_given_back(note: bytes) -> None:
    assert chat.decode(noted(note)).tools
    with pytest.raises(BadRequest, match="could not parse the JSON body"):
        stored.sent(noted(note))


@pytest.mark.parametrize(("left", "right"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_what_is_too_deep_cannot_be_given_back(left: bytes, right: bytes) -> None:
    deep = noted(left * 300 + b"1" + right * 300)
    assert chat.decode(deep).tools
    with pytest.raises(BadRequest, match="'tools': nested too deeply") as error:
        stored.sent(deep)
    assert (error.value.param, error.value.code) == ("tools", "invalid_value")
    assert stored.sent(noted(left * 150 + b"1" + right * 150)).tools
