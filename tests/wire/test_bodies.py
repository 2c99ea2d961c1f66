"""Bodies of any size and shape: read, or refused before they cost much."""

import json
import tracemalloc

import pytest

from vivavoce.core.errors import BadRequest
from vivavoce.wire import chat, speech, transcription
from vivavoce.wire.bodies import MOST_VALUES, TEXT_BYTES

MB = 1024 * 1024
START = b'{"model":"m","messages":[{"role":"user","content":'
RECORDING = b'[{"type":"input_audio","input_audio":{"format":"wav","data":"%b"}}]}]'
DOCUMENT = b'[{"type":"file","file":{"filename":"a.pdf","file_data":"%b"}}]}]'
MANY = {
    "lists": b"[" + b"[]," * MOST_VALUES + b"[]]",
    "objects in a list": START + b"[" + b"{}," * MOST_VALUES + b"{}]}]}",
    "messages": b'{"model":"m","messages":[' + b'{"role":"user","content":""},' * MOST_VALUES + b"{}]}",
    "in a field nobody knows": b'{"x":[' + b"1," * MOST_VALUES + b"1]}",
    "keys": b"{" + b'"k":1,' * MOST_VALUES + b'"k":1}',
}


def refused(body: bytes) -> BadRequest:
    with pytest.raises(BadRequest) as error:
        chat.decode(body)
    return error.value


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("decode", [chat.decode, speech.decode, transcription.decode_json])
def test_a_body_of_very_many_values_is_never_made_into_objects(decode: object, name: str) -> None:
    assert callable(decode)
    tracemalloc.start()
    try:
        with pytest.raises(BadRequest) as error:
            decode(MANY[name])
        assert tracemalloc.get_traced_memory()[1] < MB
    finally:
        tracemalloc.stop()
    assert error.value.code == "too_many_values"
    assert error.value.message.startswith("Your request holds too many values. Expected at most 524288, but got about ")


def test_as_many_values_as_a_long_conversation_has_are_read() -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "One, two, three."}]}
    assert len(chat.decode(json.dumps({"model": "m", "messages": [message] * 20_000}).encode()).messages) == 20_000


def asking(*, role: str = "user", content: object = "x", **more: object) -> bytes:
    message = {"role": role, "content": content, **({"name": "f"} if role == "function" else {})}
    return json.dumps({"model": "m", "messages": [message], **more}).encode()


LONG = "x" * 10 * MB
TEXTS = {
    "messages[0].content": [asking(role=role, content=LONG) for role in ("system", "user", "assistant", "function")],
    "messages[0].content[0].text": [asking(content=[{"type": "text", "text": LONG}])],
    "messages[0].content[0].refusal": [asking(role="assistant", content=[{"type": "refusal", "refusal": LONG}])],
    "stop": [asking(stop=LONG)],
    "stop[0]": [asking(stop=[LONG])],
}


@pytest.mark.parametrize("param", TEXTS)
def test_a_text_is_no_longer_than_the_original_takes(param: str) -> None:
    for body in TEXTS[param]:
        error = refused(body)
        assert (error.param, error.code) == (param, "string_above_max_length")
        assert error.message == (
            f"Invalid '{param}': string too long. Expected a string with maximum length 1048576, "
            "but got a string with length 10485760 instead."
        )
        assert chat.decode(body.replace(LONG.encode(), b"x" * MB))


@pytest.mark.parametrize("sent", [RECORDING, DOCUMENT], ids=["recording", "document"])
def test_texts_together_are_within_bounds_and_files_beside_them(sent: bytes) -> None:
    body = START + sent % (b"A" * 40 * MB)
    assert chat.decode(body + b"}")
    assert chat.decode(body + b',"x":"%b"}' % (b"x" * (TEXT_BYTES - 1000)))
    error = refused(body + b',"x":"%b"}' % (b"x" * TEXT_BYTES))
    assert (error.param, error.code) == (None, "string_above_max_length")
    assert error.message.startswith(
        "Your request holds too much text. Expected at most 4194304 bytes beside its files, but got 4194"
    )
