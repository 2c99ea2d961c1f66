"""Transcription requests and answers, without a server."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.core.captions import Caption
from vivavoce.core.engines import Hearing, Transcript, Word
from vivavoce.core.errors import BadRequest
from vivavoce.wire import transcription_errors as errors
from vivavoce.wire.languages import CODES, NAMES, language_code, language_name
from vivavoce.wire.subtitles import clock, srt, vtt
from vivavoce.wire.transcript import Answer
from vivavoce.wire.transcription import TextFormat, TranscriptionRequest, decode_form, decode_json, hearing


def test_lists_come_with_and_without_brackets_and_null_words_are_left_out() -> None:
    request = decode_form([("model", "m"), ("include", "logprobs"), ("prompt", ""), ("stream", "True")])
    assert (request.logprobs, request.prompt, request.stream) == (True, None, True)
    verbose = [("response_format", "verbose_json"), ("timestamp_granularities[]", "word")]
    assert not decode_form([("model", "m"), *verbose]).segments


@given(
    st.lists(st.tuples(st.text(max_size=30) | st.sampled_from(["model", "chunking_strategy[", "include[]"]), st.text()))
)
def test_any_fields_are_a_request_or_refused(fields: list[tuple[str, str]]) -> None:
    with contextlib.suppress(BadRequest):
        decode_form(fields)


@given(st.recursive(st.none() | st.floats() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_any_json_is_a_request_or_refused(document: object) -> None:
    with pytest.raises(BadRequest):
        decode_json(json.dumps(document).encode())
    with pytest.raises(BadRequest):
        decode_json(json.dumps({"model": document, "input_audio": {"data": "?"}}).encode())


def test_a_language_is_a_code_and_more_is_taken_unless_strict() -> None:
    assert [language_code(given) for given in ("en", "en-US", "pt_BR", "German", "english ", "xx", "e")] == [
        "en", "en", "pt", "de", "en", None, None,
    ]  # fmt: skip
    assert language_code("en-US", strict=True) is None
    assert len(CODES) == 187
    assert (language_name("zh"), language_name(None), language_name("ht")) == ("chinese", "english", "haitian creole")
    assert len(NAMES) == 99


def test_times_are_written_to_the_millisecond() -> None:
    assert [clock(at, ",") for at in (0, 1.9996, 59.9999, 3661.5, -1)] == [
        "00:00:00,000", "00:00:02,000", "00:01:00,000", "01:01:01,500", "00:00:00,000",
    ]  # fmt: skip


def test_subtitles_are_exact_and_text_cannot_look_like_times() -> None:
    lines = [Caption("One", 0, 1.5), Caption("1 --> 2\n\nx", 1.5, 2)]
    assert srt(lines) == "1\n00:00:00,000 --> 00:00:01,500\nOne\n\n2\n00:00:01,500 --> 00:00:02,000\n1 -> 2 x\n\n"
    assert vtt(lines) == "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nOne\n\n00:00:01.500 --> 00:00:02.000\n1 -> 2 x\n\n"
    assert (srt([]), vtt([])) == ("", "WEBVTT\n\n")


def test_the_stretches_of_a_stream_make_the_whole_text() -> None:
    answer = Answer(TranscriptionRequest("gpt-4o-transcribe"), 3, translated=False)
    found = [answer.add(Transcript(text)) for text in ("", "One.", " ", "Two.")]
    deltas = [json.loads(event[6:])["delta"] for event in found if event]
    assert deltas == ["One.", " Two."]
    assert json.loads(answer.done()[6:])["text"] == answer.text == "One. Two."


def test_logprobs_are_left_out_where_the_engine_tells_no_confidence() -> None:
    request = TranscriptionRequest("gpt-4o-transcribe", include=["logprobs"])
    unsure, sure = Answer(request, 1, translated=False), Answer(request, 1, translated=False)
    unsure.add(Transcript("Hi there"))
    assert "logprobs" not in json.loads(unsure.body()[0])
    sure.add(Transcript("Hi there", confidence=0.0))
    sure.add(Transcript("you", words=(Word("you", 0, 1, 1.0),)))
    found = json.loads(sure.body()[0])["logprobs"]
    assert [(each["token"], each["logprob"]) for each in found] == [("Hi", -9999.0), (" there", -9999.0), (" you", 0.0)]


def test_seconds_are_rounded_up() -> None:
    def seconds(given: float) -> int:
        return json.loads(Answer(TranscriptionRequest("whisper-1"), given, translated=False).body()[0])["usage"][
            "seconds"
        ]

    assert [seconds(each) for each in (0.1, 1.0, 1.7, 2.0)] == [1, 1, 2, 2]


def test_word_pieces_that_are_not_in_the_text_fall_back_to_the_whole_and_silence_has_none() -> None:
    answer = Answer(TranscriptionRequest("gpt-4o-transcribe", include=["logprobs"]), 1, translated=False)
    answer.add(Transcript(" "))
    answer.add(Transcript("Hi", words=(Word("Bye", 0, 1, 0.5),), confidence=1.0))
    assert [each["token"] for each in json.loads(answer.body()[0])["logprobs"]] == ["Hi"]


def test_each_form_of_an_answer() -> None:
    heard = Transcript("Guten Tag.", True, 0.5, 1.0, (Word("Guten", 0.5, 0.7), Word("Tag", 0.7, 1.0)), None, "de")

    def told(form: TextFormat, *, translated: bool = False, **more: Any) -> Any:
        request = TranscriptionRequest("whisper-1", response_format=form, temperature=0.2, **more)
        answer = Answer(request, 1.2, translated=translated)
        answer.add(heard)
        body, kind = answer.body()
        return json.loads(body) if kind == "application/json" else (body.decode(), kind)

    assert told("json") == {"text": "Guten Tag.", "usage": {"type": "duration", "seconds": 2}}
    assert told("json", translated=True) == {"text": "Guten Tag."}
    assert told("text") == ("Guten Tag.\n", "text/plain; charset=utf-8")
    assert told("srt")[0].startswith("1\n00:00:00,500 --> 00:00:01,000\nGuten Tag.")
    assert told("vtt")[0].startswith("WEBVTT\n\n00:00:00.500 --> 00:00:01.000\nGuten Tag.")
    long = told("verbose_json")
    assert list(long) == ["task", "language", "duration", "text", "segments", "usage"]
    assert (long["language"], long["segments"][0]["seek"], long["segments"][0]["temperature"]) == ("german", 50, 0.2)
    words = told("verbose_json", timestamp_granularities=["word"])
    assert list(words) == ["task", "language", "duration", "text", "words", "usage"]
    assert words["words"][1] == {"word": "Tag", "start": 0.7, "end": 1.0}
    assert list(told("verbose_json", translated=True)) == ["task", "language", "duration", "text", "segments"]


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ([("response_format", "diarized_json")], "response_format", "unsupported_value"),
        ([("timestamp_granularities[]", "word")], "timestamp_granularities", "unsupported_value"),
        ([("response_format", "srt")], "response_format", "unsupported_value"),
        ([("chunking_strategy", "{")], "chunking_strategy", "invalid_value"),
        ([("chunking_strategy[type]", "other")], "chunking_strategy.type", "invalid_value"),
        ([("stream", "maybe")], "stream", "invalid_type"),
    ],
)
def test_fields_that_do_not_fit_under_strict(fields: list[tuple[str, str]], param: str, code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        decode_form([("model", "gpt-4o-transcribe"), *fields], strict=True)
    assert (refused.value.param, refused.value.code) == (param, code)


def test_both_encodings_of_a_chunking_strategy_are_one() -> None:
    in_json = decode_form([("model", "m"), ("chunking_strategy", '{"type":"server_vad","threshold":0.4}')])
    fields = [("chunking_strategy[type]", "server_vad"), ("chunking_strategy[threshold]", "0.4")]
    assert decode_form([("model", "m"), *fields]) == in_json
    assert decode_form([("model", "m"), ("chunking_strategy", "auto")]).chunking_strategy == "auto"


def test_the_json_form() -> None:
    request, sound = decode_json(
        b'{"model":"m","language":"en","input_audio":{"data":"data:audio/wav;base64,-_8","x":1}}'
    )
    assert (request.language, sound) == ("en", b"\xfb\xff")
    deep = b"[" * 400 + b"]" * 400
    for body in (b"{", b'{"model":"m","languages":' + deep + b',"input_audio":{"data":"AAAA"}}'):
        with pytest.raises(BadRequest):
            decode_json(body)


def test_how_to_listen() -> None:
    assert hearing(
        decode_form([("model", "m"), ("languages", "fr"), ("keywords[]", "Ann")]), translate=True
    ) == Hearing("fr", "Ann", translate=True)
    with pytest.raises(BadRequest, match="ISO-639-1"):
        hearing(decode_form([("model", "m"), ("language", "klingon")]), translate=False)


def test_what_is_wrong_with_a_recording_is_said_in_the_originals_words() -> None:
    assert errors.missing_file().param == "file"
    assert errors.bad_form().code == "invalid_multipart"
    assert errors.unknown_kind().message.endswith("'oga', 'ogg', 'wav', 'webm']")
    assert errors.undecodable().code is None
    assert errors.too_short(0.1).message == "Audio file is too short. Minimum audio length is 0.1 seconds."
    assert errors.too_long(None, 60).message.startswith("audio duration over 60 seconds is longer than 60 seconds")
    assert errors.too_long(61.5, 60).message.startswith("audio duration 61.5 seconds is longer than 60 seconds")
    assert errors.cannot_translate().code == "unsupported_value"
    assert json.loads(errors.failed(errors.upload_too_large(1, 2))) == {
        "error": {
            "message": "413: Maximum content size limit (1) exceeded (2 bytes read)",
            "type": "server_error",
            "param": None,
            "code": None,
        },
        "usage": {"type": "duration", "seconds": 0},
    }
