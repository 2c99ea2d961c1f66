"""A server that is broken in one way fails the checks of that, and no other."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conform.changing import Change, Changed, Json, Reply, bodies, each, shorter, sounds, streams, wholes
from tests.conform.serving import failing, looked_at, served
from tests.support.serving import MODEL, Served


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as ours:
        yield ours


def message(answer: Json) -> Json:
    return answer["choices"][0]["message"]


def no_done(reply: Reply) -> Reply:
    body = reply.body.replace(b"data: [DONE]\n\n", b"").replace(b"data: [DONE]\r\n\r\n", b"")
    return replace(reply, body=body)


def two_lines(reply: Reply) -> Reply:
    body = reply.body.replace(b',"object"', b',\ndata: "object"') if reply.kind == "text/event-stream" else reply.body
    return replace(reply, body=body)


def named_events(reply: Reply) -> Reply:
    body = reply.body.replace(b"data: {", b"event: message\ndata: {") if reply.chats else reply.body
    return replace(reply, body=body)


def odd(chunks: list[Json]) -> list[Json]:
    pieces = [audio for audio in sounds(chunks) if "data" in audio]
    if pieces:
        shorter(pieces[0])
    return chunks


def same_id_again(chunks: list[Json]) -> list[Json]:
    ids = [audio["id"] for audio in sounds(chunks) if "id" in audio]
    for audio in sounds(chunks):
        if "expires_at" not in audio:
            audio["id"] = ids[0]
    return chunks


def expires_twice(chunks: list[Json]) -> list[Json]:
    at = [index for index, chunk in enumerate(chunks) if any("expires_at" in audio for audio in sounds([chunk]))]
    return [*chunks[: at[0]], chunks[at[0]], *chunks[at[0] :]] if at else chunks


def usage_before_expires(chunks: list[Json]) -> list[Json]:
    if chunks[-1]["choices"] or not sounds(chunks):
        return chunks
    *before, expires, usage = chunks
    return [*before, usage, expires]


def sound_after_the_end(chunks: list[Json]) -> list[Json]:
    last = [chunk for chunk in chunks if any(audio.get("data") for audio in sounds([chunk]))][-1:]
    ends = [index for index, chunk in enumerate(chunks) if any(c["finish_reason"] for c in chunk["choices"])]
    rest = [chunk for chunk in chunks[: ends[0]] if chunk not in last]
    return [*rest, chunks[ends[0]], *last, *chunks[ends[0] + 1 :]]


def no_reason(chunk: Json) -> None:
    for choice in chunk["choices"]:
        choice["finish_reason"] = None


def role_in_each(chunk: Json) -> None:
    for choice in chunk["choices"]:
        choice["delta"]["role"] = "assistant"


def words_as_content(chunk: Json) -> None:
    for choice in chunk["choices"]:
        if "audio" in choice["delta"]:
            choice["delta"]["content"] = choice["delta"]["audio"].get("transcript")


def usage_with_a_choice(chunk: Json) -> None:
    if not chunk["choices"]:
        chunk["choices"] = [{"index": 0, "delta": {}, "finish_reason": None}]


def no_usage_key(chunk: Json) -> None:
    if chunk["choices"]:
        chunk.pop("usage", None)


def other_ids(chunk: Json) -> None:
    chunk["id"] += str(len(json.dumps(chunk)))


def call_id_again(chunk: Json) -> None:
    for choice in chunk["choices"]:
        for call in choice["delta"].get("tool_calls", []):
            call["id"] = "call_again"


def dearer(answer: Json) -> None:
    answer["usage"]["total_tokens"] += 1


def more_sound_tokens(answer: Json) -> None:
    for kind in ("prompt", "completion"):
        answer["usage"][f"{kind}_tokens_details"]["audio_tokens"] += 3


def content_too(answer: Json) -> None:
    if "audio" in message(answer):
        message(answer)["content"] = message(answer)["audio"]["transcript"]


def no_transcript(answer: Json) -> None:
    if "audio" in message(answer):
        message(answer)["audio"]["transcript"] = ""


def expired(answer: Json) -> None:
    if "audio" in message(answer):
        message(answer)["audio"]["expires_at"] = answer["created"]


def cut_arguments(answer: Json) -> None:
    for call in message(answer).get("tool_calls", []):
        call["function"]["arguments"] = call["function"]["arguments"][:-1]


def another_type(answer: Json) -> None:
    for call in message(answer).get("tool_calls", []):
        call["function"]["arguments"] = call["function"]["arguments"].replace("42", '"42"')


def detail(reply: Reply) -> Reply:
    """As a framework says it."""
    if reply.status < 400:
        return reply
    return replace(reply, body=b'{"detail": "Not found"}')


def no_code(reply: Reply) -> Reply:
    if reply.status < 400:
        return reply
    body = json.loads(reply.body)
    del body["error"]["code"]
    return replace(reply, body=json.dumps(body).encode())


def five_hundred(reply: Reply) -> Reply:
    return replace(reply, status=500) if reply.status == 400 else reply


def anonymous(reply: Reply) -> Reply:
    return replace(reply, headers={name: value for name, value in reply.headers.items() if name != "x-request-id"})


def of_no_kind(reply: Reply) -> Reply:
    return replace(reply, headers=reply.headers | {"content-type": "application/octet-stream"})


def tells_the_key(reply: Reply) -> Reply:
    return replace(reply, body=reply.body.replace(b"provided: ", b"provided: conform-wrong-key-0000 "))


STREAMED = {"text-stream", "spoken-stream"}
BROKEN: dict[str, tuple[Change, set[str]]] = {
    "no [DONE]": (
        no_done,
        {f"{group}.done" for group in STREAMED} | {"speech.sse-done", "transcriptions.stream-done"},
    ),
    "data on two lines": (two_lines, {f"{group}.framing" for group in STREAMED}),
    "named events": (named_events, {f"{group}.plain-events" for group in STREAMED}),
    "an odd piece of sound": (
        streams(odd),
        {f"spoken-stream.{name}" for name in ("joinable", "whole-samples", "sound")},
    ),
    "the sound's id in every piece": (streams(same_id_again), {"spoken-stream.identity"}),
    "expires_at twice": (streams(expires_twice), {"spoken-stream.expires-at", "spoken-stream.expires-at-alone"}),
    "usage before expires_at": (
        streams(usage_before_expires),
        {"spoken-stream.expires-at-alone", "spoken-stream.usage-chunk"},
    ),
    "sound after finish_reason": (streams(sound_after_the_end), {"spoken-stream.finish-reason"}),
    "no finish_reason in streams": (
        streams(each(no_reason)),
        {
            "text-stream.finish-reason",
            "text-stream.several-answers",
            "spoken-stream.finish-reason",
            "tools.streamed-end",
        },
    ),
    "the role in every chunk": (streams(each(role_in_each)), {f"{group}.role" for group in STREAMED}),
    "the words as content too, streamed": (streams(each(words_as_content)), {"spoken-stream.content-is-null"}),
    "usage beside a choice": (streams(each(usage_with_a_choice)), {f"{group}.usage-chunk" for group in STREAMED}),
    "no usage in other chunks": (
        streams(each(no_usage_key)),
        {f"{group}.usage-is-null-before" for group in STREAMED},
    ),
    "an id for every chunk": (streams(each(other_ids)), {f"{group}.one-head" for group in STREAMED}),
    "a call's id in every piece": (streams(each(call_id_again)), {"tools.streamed-once"}),
    "usage that does not sum": (wholes(dearer), {"usage.written-total", "usage.spoken-total"}),
    "more sound than there was": (
        wholes(more_sound_tokens),
        {f"usage.{name}" for name in ("spoken-details", "written-has-no-sound", "heard-rate", "said-rate")},
    ),
    "the words as content too": (wholes(content_too), {"audio-out.content-is-null"}),
    "no transcript": (
        wholes(no_transcript),
        {"audio-out.transcript", "audio-out.to-a-recording", "tools.result-aloud"}
        | {f"references.{name}" for name in ("to-a-whole-answer", "to-a-streamed-answer", "with-empty-content")},
    ),
    "expired at once": (wholes(expired), {"audio-out.expires-at", "audio-out.for-an-hour"}),
    "arguments that break off": (
        wholes(cut_arguments),
        {
            f"tools.{name}"
            for name in (
                "named-is-called",
                "strict-arguments",
                "required",
                "auto",
                "allowed",
                "parallel",
                "called-aloud",
            )
        },
    ),
    "a number as text in strict arguments": (wholes(another_type), {"tools.strict-arguments"}),
    "no request ids": (anonymous, {"headers.request-id", "speech.request-id"}),
    "the key in the error": (tells_the_key, {"errors.key-unspoken"}),
    "subtitles without times": (
        bodies(lambda body: body.replace(b"-->", b""), "/audio/transcriptions"),
        {"transcriptions.srt", "transcriptions.vtt"},
    ),
    "silence for a voice": (
        lambda reply: replace(reply, body=bytes(len(reply.body))) if reply.kind == "audio/pcm" else reply,
        {"speech.pcm"},
    ),
    "a list without its models": (
        bodies(lambda body: body.replace(b'"owned_by"', b'"by"'), "/models"),
        {"models.listed"},
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_what_is_broken_fails_and_nothing_else(server: Served, broken: str) -> None:
    change, expected = BROKEN[broken]
    assert failing(await looked_at(server, transport=Changed(change))) == expected


@pytest.mark.parametrize("change", [detail, no_code, five_hundred], ids=["detail", "no code", "status 500"])
async def test_errors_out_of_the_envelope_fail_wherever_an_error_is_expected(server: Served, change: Change) -> None:
    failed = failing(await looked_at(server, transport=Changed(change)))
    wanted = {"audio-in.no-sound", "references.unknown", "errors.bad-json", "transcriptions.no-sound", "ranges.n"}
    assert wanted <= failed
    assert not failed & {"text.answers", "audio-out.wav", "spoken-stream.sound", "speech.mp3", "errors.root"}


async def test_answers_of_no_kind_fail_wherever_a_kind_is_expected(server: Served) -> None:
    groups = ("headers", "speech", "text-stream")
    failed = failing(
        await looked_at(server, *groups, transport=Changed(of_no_kind), chat=MODEL, speech="gpt-4o-mini-tts")
    )
    assert {"headers.json-type", "headers.event-type", "headers.error-type", "speech.wav-type"} <= failed


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"words"', b"{", b"<html>", b"[" * 50_000, b'{"choices":{}}'])
async def test_nonsense_fails_and_is_never_an_exception(server: Served, body: bytes) -> None:
    def nonsense(reply: Reply) -> Reply:
        return reply if reply.path.endswith("/models") else replace(reply, status=200, body=body)

    outcomes = await looked_at(server, transport=Changed(nonsense))
    assert not [each.why for each in outcomes if "can be read" in each.why]
    held = {each.check.name for each in outcomes if each.result == "holds"}
    assert sorted(name for name in held if not name.startswith(HEADERS_ALONE)) == []


HEADERS_ALONE = ("headers.", "models.", "speech.", "errors.root", "transcriptions.text", "translations.text")
"""What only looks at status and headers, or takes any text."""
