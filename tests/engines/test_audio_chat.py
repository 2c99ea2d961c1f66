"""Speech with speech from elsewhere: the four known dialects, and what breaks."""

import asyncio
import json
import math
import threading
from array import array
from base64 import b64decode, b64encode
from contextlib import aclosing
from typing import Any

import pytest

from tests.engines.conftest import Make
from tests.support.upstream import DONE, Upstream, chunk
from tests.support.waiting import until
from vivavoce.audio.wav import read_wav, write_wav
from vivavoce.core.audio import Pcm
from vivavoce.core.context import too_long
from vivavoce.core.engines import Hearing, Transcript, Word
from vivavoce.core.errors import BadRequest, EngineFailed, EngineTimeout, NotFound, PublicError, RateLimited
from vivavoce.core.turn import (
    AudioDelta,
    Message,
    Speech,
    Stream,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Turn,
    TurnDone,
    TurnEvent,
    Usage,
)
from vivavoce.core.wrappers import Timed
from vivavoce.engines.openai import OpenAICompatible

WAVE = Pcm(array("h", [int(9000 * math.sin(at / 9)) for at in range(2400)]).tobytes(), 24_000)
HEARD = Pcm(bytes(3200), 16_000)
SPOKEN = Turn((Message("user", (Text("listen"), Speech(HEARD, seconds=0.1))),), voice="alloy")
USAGE = {
    "prompt_tokens": 30,
    "completion_tokens": 20,
    "prompt_tokens_details": {"audio_tokens": 10, "cached_tokens": 4},
    "completion_tokens_details": {"audio_tokens": 15, "text_tokens": 3, "reasoning_tokens": 2},
}


def base64(data: bytes) -> str:
    return b64encode(data).decode()


def sound(**audio: Any) -> bytes:
    return chunk(choices=[{"index": 0, "delta": {"audio": audio}, "finish_reason": None}])


HALF = len(WAVE.data) // 2 + 1
DIALECTS: dict[str, list[bytes]] = {
    "openai": [
        chunk(choices=[{"index": 0, "delta": {"role": "assistant", "refusal": None}, "finish_reason": None}]),
        sound(id="audio_theirs", transcript="Hel"),
        sound(data=base64(WAVE.data[:1200])),
        sound(transcript="lo."),
        sound(data=base64(WAVE.data[1200:])),
        sound(expires_at=1),
        chunk(finish="stop"),
        chunk(choices=[], usage=USAGE),
        DONE,
    ],
    "sglang-omni": [
        chunk("Hel"),
        sound(id="audio_theirs", data=base64(WAVE.data[:HALF])),
        chunk("lo."),
        sound(id="audio_theirs", data=base64(WAVE.data[HALF:])),
        chunk(finish="stop", usage=USAGE),
        DONE,
    ],
    "dashscope": [
        chunk("Hello."),
        chunk(choices=[{"delta": {"audio": {"data": base64(WAVE.data), "expires_at": 1, "id": "audio_theirs"}}}]),
        chunk(finish="stop"),
        chunk(choices=[], usage=USAGE),
        DONE,
    ],
    "vllm-omni": [
        chunk("Hel", modality="text"),
        chunk("lo.", modality="text"),
        chunk(base64(write_wav(Pcm(WAVE.data[:1200], 24_000))), modality="audio"),
        chunk(base64(write_wav(Pcm(WAVE.data[1200:], 24_000))), modality="audio"),
        chunk("", "stop", modality="audio", usage=USAGE),
        DONE,
    ],
}


async def responded(engine: OpenAICompatible, turn: Turn = SPOKEN) -> list[TurnEvent]:
    events: list[TurnEvent] = []

    async def send(event: TurnEvent) -> None:
        events.append(event)

    async with asyncio.timeout(5):
        await engine.respond(turn, send)
    return events


def text_of(events: list[TurnEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def sound_of(events: list[TurnEvent]) -> bytes:
    sounds = [event for event in events if isinstance(event, AudioDelta)]
    assert all(event.pcm.rate == 24_000 and len(event.pcm.data) % 2 == 0 for event in sounds)
    ends = [event.text_end for event in sounds]
    assert ends == sorted(ends)
    return b"".join(event.pcm.data for event in sounds)


@pytest.mark.parametrize("dialect", list(DIALECTS))
async def test_each_dialect_is_the_same_answer(upstream: Upstream, make: Make, dialect: str) -> None:
    upstream.says = DIALECTS[dialect]
    events = await responded(make(dialect=dialect))
    assert text_of(events) == "Hello."
    assert sound_of(events) == WAVE.data
    *_, last, done = events
    assert isinstance(last, AudioDelta)
    assert last.text_end == len("Hello.")
    origin = None if dialect == "vllm-omni" else "audio_theirs"
    assert done == TurnDone("stop", Usage(20, 10, 5, 15, 4, 2), origin)


WANTED: dict[str, dict[str, Any]] = {
    "openai": {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}},
    "sglang-omni": {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}},
    "vllm-omni": {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}, "voice": "alloy"},
    "dashscope": {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}},
}


@pytest.mark.parametrize("dialect", list(DIALECTS))
async def test_each_dialect_is_asked_in_its_own_words(upstream: Upstream, make: Make, dialect: str) -> None:
    upstream.says = DIALECTS[dialect]
    await responded(make(dialect=dialect))
    (asked,) = upstream.asked
    (message,) = asked.pop("messages")
    assert asked == {
        "model": "theirs",
        "stream": True,
        "stream_options": {"include_usage": True},
        **WANTED[dialect],
    }
    text, speech = message["content"]
    assert text == {"type": "text", "text": "listen"}
    assert speech["type"] == "input_audio"
    assert speech["input_audio"]["format"] == "wav"
    dressed: str = speech["input_audio"]["data"]
    assert dressed.startswith("data:;base64,") == (dialect == "dashscope")
    assert read_wav(b64decode(dressed.removeprefix("data:;base64,"))) == HEARD


WHOLE = {
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": None,
                "audio": {"id": "audio_theirs", "data": base64(write_wav(WAVE)), "transcript": "Hello."},
            },
            "finish_reason": "stop",
        }
    ],
    "usage": USAGE,
    "meta": {"usage": {"credits_used": 1}},
}


@pytest.mark.parametrize("status", [200, 201])
async def test_an_answer_in_one_piece(upstream: Upstream, make: Make, status: int) -> None:
    upstream.status, upstream.says = status, [json.dumps(WHOLE).encode()]
    events = await responded(make(stream=False))
    assert (text_of(events), sound_of(events)) == ("Hello.", WAVE.data)
    assert events[-1] == TurnDone("stop", Usage(20, 10, 5, 15, 4, 2), "audio_theirs")
    assert upstream.asked[0]["audio"] == {"voice": "alloy", "format": "wav"}
    assert "stream" not in upstream.asked[0]


@pytest.mark.parametrize("stream", [True, False])
async def test_much_sound_is_decoded_aside(
    upstream: Upstream, make: Make, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    threads: list[int] = []

    def decoded(data: str, *, validate: bool) -> bytes:
        threads.append(threading.get_ident())
        return b64decode(data, validate=validate)

    monkeypatch.setattr("vivavoce.engines.sounding.b64decode", decoded)
    long = Pcm(bytes(480_000), 24_000)
    audio = {"id": "audio_theirs", "transcript": "Hello.", "data": base64(long.data if stream else write_wav(long))}
    whole = {"choices": [{"message": {"audio": audio}, "finish_reason": "stop"}]}
    upstream.says = [sound(**audio), chunk(finish="stop"), DONE] if stream else [json.dumps(whole).encode()]
    assert sound_of(await responded(make(stream=stream))) == long.data
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


async def test_words_beside_their_transcript_are_told_once(upstream: Upstream, make: Make) -> None:
    message = {**WHOLE["choices"][0]["message"], "content": "Hello."}
    upstream.says = [json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()]
    assert text_of(await responded(make(stream=False))) == "Hello."


async def test_an_answer_in_words_alone_is_asked_for_as_such(upstream: Upstream, make: Make) -> None:
    events = await responded(make(stream=False), Turn(SPOKEN.messages))
    assert text_of(events) == "Hello."
    assert upstream.asked[0]["modalities"] == ["text"]
    assert "audio" not in upstream.asked[0]
    assert upstream.asked[0]["stream"] is True


async def test_tool_calls_in_one_piece_are_told_apart(upstream: Upstream, make: Make) -> None:
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": "look", "arguments": f'{{"n":{n}}}'}}
        for n in range(2)
    ]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    upstream.says = [json.dumps({"choices": [{"message": message, "finish_reason": "tool_calls"}]}).encode()]
    *told, done = await responded(make(stream=False))
    assert told == [ToolCallDelta(n, f'{{"n":{n}}}', f"call_{n}", "look") for n in range(2)]
    assert isinstance(done, TurnDone)
    assert done.reason == "tool_calls"


EARLIER = Turn(
    (
        Message("user", (Text("hello"),)),
        Message("assistant", (Speech(None, "Hi there.", 1.0, "audio_theirs"),)),
        Message("assistant", (ToolCall("call_1", "look", "{}"),)),
        Message("tool", (ToolResult("call_1", "seen"),)),
        Message("user", (Text("and now?"),)),
    ),
    voice="alloy",
)


async def test_an_earlier_answer_goes_by_its_id_there(upstream: Upstream, make: Make) -> None:
    upstream.says = DIALECTS["openai"]
    await responded(make(), EARLIER)
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    assert upstream.asked[0]["messages"] == [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "audio": {"id": "audio_theirs"}},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "seen"},
        {"role": "user", "content": "and now?"},
    ]


GONE = "Assistant audio audio_theirs not found."
FORGOTTEN: list[PublicError] = [
    BadRequest(GONE, param="content.messages[1].audio.id", code="audio_not_found"),
    BadRequest(GONE, param="content.messages[1].audio.id", code="400"),
    BadRequest("messages[1].content is required"),
    NotFound(GONE, code="audio_not_found"),
]


@pytest.mark.parametrize("forgotten", FORGOTTEN, ids=["as OpenAI", "through a proxy", "by one that keeps none", "404"])
async def test_an_answer_that_is_gone_there_goes_by_what_was_said(
    upstream: Upstream, make: Make, forgotten: PublicError
) -> None:
    upstream.says, upstream.forgotten = DIALECTS["openai"], forgotten
    events = await responded(make(), EARLIER)
    assert (text_of(events), sound_of(events)) == ("Hello.", WAVE.data)
    by_id, by_words = [asked["messages"][1] for asked in upstream.asked]
    assert by_id == {"role": "assistant", "audio": {"id": "audio_theirs"}}
    assert by_words == {"role": "assistant", "content": "Hi there."}


@pytest.mark.parametrize("error", [too_long(1000, 1200), RateLimited(), EngineTimeout(), NotFound("No such model.")])
async def test_what_has_another_reason_is_not_asked_again_in_other_words(
    upstream: Upstream, make: Make, error: PublicError
) -> None:
    upstream.forgotten = error
    with pytest.raises(PublicError):
        await responded(make(retries=0), EARLIER)
    assert len(upstream.asked) == 1


@pytest.mark.parametrize("dialect", ["vllm-omni", "sglang-omni", "dashscope"])
async def test_others_are_told_what_was_said(upstream: Upstream, make: Make, dialect: str) -> None:
    upstream.says = DIALECTS[dialect]
    await responded(make(dialect=dialect), EARLIER)
    assert upstream.asked[0]["messages"][1] == {"role": "assistant", "content": "Hi there."}


async def test_a_rate_of_its_own_is_changed_without_gaps(upstream: Upstream, make: Make) -> None:
    slow = Pcm(array("h", [int(9000 * math.sin(at / 9)) for at in range(4410)]).tobytes(), 44_100)
    pieces = [Pcm(slow.data[at : at + 1470], 44_100) for at in range(0, len(slow.data), 1470)]
    upstream.says = [
        chunk("Hello.", modality="text"),
        *(chunk(base64(write_wav(piece)), modality="audio") for piece in pieces),
        chunk(finish="stop", modality="audio"),
        DONE,
    ]
    events = await responded(make(dialect="vllm-omni"))
    data = array("h", sound_of(events))
    assert abs(len(data) - 2400) <= 1
    expected = [int(9000 * math.sin(at * 44_100 / 24_000 / 9)) for at in range(len(data))]
    assert max(abs(here - there) for here, there in zip(data[50:-50], expected[50:-50], strict=True)) < 200


async def test_usage_is_estimated_where_none_is_told(upstream: Upstream, make: Make) -> None:
    upstream.says = [chunk("Hello."), sound(data=base64(WAVE.data)), chunk(finish="stop"), DONE]
    done = (await responded(make()))[-1]
    assert done == TurnDone("stop", Usage(text_in=3 + 4 + 4 + 2, audio_in=1, text_out=2, audio_out=2))


BROKEN = {
    "no sound": ([chunk("Hello."), chunk(finish="stop"), DONE], "did not speak"),
    "no base64": ([sound(data="sound?"), DONE], "cannot be read"),
    "a compressed wav": (
        [sound(data=base64(write_wav(WAVE).replace(b"fmt \x10\0\0\0\1", b"fmt \x10\0\0\0\7"))), DONE],
        "cannot be read",
    ),
    "broken off": ([sound(data=base64(WAVE.data))], "broke off"),
    "an error in the stream": ([sound(data=base64(WAVE.data)), b'data: {"error": {"message": "x"}}\n\n'], "failed"),
}


@pytest.mark.parametrize("case", list(BROKEN))
async def test_what_breaks_is_a_failure_never_an_answer(upstream: Upstream, make: Make, case: str) -> None:
    upstream.says, words = BROKEN[case]
    with pytest.raises(EngineFailed, match=words):
        await responded(make())


@pytest.mark.parametrize("stream", [True, False])
async def test_a_refusal_is_the_answer_and_need_not_be_spoken(upstream: Upstream, make: Make, stream: bool) -> None:
    said = {"role": "assistant", "content": None, "refusal": "I cannot say that."}
    whole = [json.dumps({"choices": [{"message": said, "finish_reason": "stop"}]}).encode()]
    upstream.says = [chunk(choices=[{"delta": said}]), chunk(finish="stop"), DONE] if stream else whole
    events = await responded(make(stream=stream))
    assert (text_of(events), sound_of(events)) == ("I cannot say that.", b"")
    assert isinstance(events[-1], TurnDone)


@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_what_a_limit_broke_off_need_not_be_heard(upstream: Upstream, make: Make, reason: str) -> None:
    upstream.says = [chunk("Hel"), chunk(finish=reason), DONE]
    *events, done = await responded(make())
    assert text_of(events) == "Hel"
    assert isinstance(done, TurnDone)
    assert done.reason == reason


@pytest.mark.parametrize(
    "body", [{"error": {"message": "x"}}, {"detail": "x"}, {"message": "x", "statusCode": "500"}, {"object": "error"}]
)
async def test_an_error_may_come_as_a_success(upstream: Upstream, make: Make, body: dict[str, Any]) -> None:
    upstream.says = [json.dumps(body).encode()]
    with pytest.raises(EngineFailed, match="failed"):
        await responded(make(stream=False))


async def test_a_call_need_not_be_spoken(upstream: Upstream, make: Make) -> None:
    call = {"index": 0, "id": "call_1", "function": {"name": "look", "arguments": "{}"}}
    upstream.says = [chunk(choices=[{"delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]), DONE]
    told, done = await responded(make())
    assert told == ToolCallDelta(0, "{}", "call_1", "look")
    assert isinstance(done, TurnDone)


async def test_leaving_closes_the_connection(upstream: Upstream, make: Make) -> None:
    upstream.says, upstream.hangs_before = DIALECTS["openai"], 3
    asking = asyncio.create_task(responded(make()))
    await until(lambda: bool(upstream.asked))
    asking.cancel()
    await asyncio.wait_for(upstream.left.wait(), 5)


async def heard(engine: OpenAICompatible | Timed, ask: Hearing) -> list[Transcript]:
    async def recording() -> Stream[Pcm]:
        yield Pcm(HEARD.data[:1600], HEARD.rate)
        yield Pcm(HEARD.data[1600:], HEARD.rate)

    async with aclosing(engine.transcribe(recording(), ask)) as found:
        return [transcript async for transcript in found]


async def test_a_recogniser_elsewhere_hears_the_whole_recording(upstream: Upstream, make: Make) -> None:
    upstream.says = [b'{"text": " hello there ", "usage": {"type": "duration", "seconds": 1}}']
    assert await heard(make(), Hearing(language="en", prompt="names")) == [Transcript("hello there", True, 0.0, 0.1)]
    (asked,) = upstream.asked
    assert asked["path"] == "/v1/audio/transcriptions"
    assert write_wav(HEARD) in asked["form"]
    for field in (b'name="model"\r\n\r\ntheirs', b'"language"\r\n\r\nen', b'"prompt"\r\n\r\nnames', b"\r\n\r\njson"):
        assert field in asked["form"]


async def test_what_is_too_short_to_be_heard_is_heard_with_silence_after_it(upstream: Upstream, make: Make) -> None:
    async def click() -> Stream[Pcm]:
        yield Pcm(b"\1\0", 16_000)

    upstream.says = [b'{"text": ""}']
    found = [transcript async for transcript in make().transcribe(click(), Hearing())]
    assert found == [Transcript("", True, 0.0, 1 / 16_000)]
    assert write_wav(Pcm(b"\1\0" + bytes(3198), 16_000)) in upstream.asked[0]["form"]


async def test_words_have_their_times_and_stretches(upstream: Upstream, make: Make) -> None:
    answer = {
        "task": "transcribe",
        "language": "english",
        "duration": 0.1,
        "text": "one two. three",
        "segments": [
            {"id": 0, "start": 0.0, "end": 0.05, "text": " one two.", "avg_logprob": -0.5},
            {"id": 1, "start": 0.05, "end": 0.06, "text": " "},
            {"id": 2, "start": 0.06, "end": 0.1, "text": " three", "avg_logprob": 0.1},
        ],
        "words": [
            {"word": "one", "start": 0.0, "end": 0.02},
            {"word": " two", "start": 0.02, "end": 0.06},
            {"word": "three", "start": 0.06, "end": 0.1},
        ],
    }
    upstream.says = [json.dumps(answer).encode()]
    assert await heard(make(), Hearing(words=True)) == [
        Transcript("one two.", True, 0.0, 0.05, (Word("one", 0.0, 0.02), Word("two", 0.02, 0.06)), math.exp(-0.5)),
        Transcript("three", True, 0.06, 0.1, (Word("three", 0.06, 0.1),), 1.0),
    ]
    form: bytes = upstream.asked[0]["form"]
    assert b"verbose_json" in form
    assert form.count(b'"timestamp_granularities[]"') == 2


async def test_translation_is_asked_where_it_is_done(upstream: Upstream, make: Make) -> None:
    upstream.says = [b'{"text": ""}']
    assert await heard(make(), Hearing(language="de", translate=True)) == [Transcript("", True, 0.0, 0.1)]
    (asked,) = upstream.asked
    assert asked["path"] == "/v1/audio/translations"
    assert b'"language"' not in asked["form"]


async def test_a_recogniser_elsewhere_that_refuses_hangs_or_babbles(upstream: Upstream, make: Make) -> None:
    upstream.says = [b"<html>"]
    with pytest.raises(EngineFailed):
        await heard(make(), Hearing())
    upstream.status = 400
    with pytest.raises(BadRequest):
        await heard(make(), Hearing())
    upstream.status, upstream.hangs_before = 200, 0
    with pytest.raises(EngineTimeout):
        await heard(Timed(make(), 0.5, None), Hearing())
    await asyncio.wait_for(upstream.left.wait(), 5)


async def test_silence_before_any_sound_is_nothing_heard(make: Make) -> None:
    async def nothing() -> Stream[Pcm]:
        for pcm in ():
            yield pcm

    assert [found async for found in make().transcribe(nothing(), Hearing())] == []
