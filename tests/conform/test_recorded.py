"""The checks are fair to the original: its recorded answers hold, but for what is known to break clients."""

import json
from typing import Any

import httpx2

from tests.conform.serving import failing
from tests.wire.recorded import entries
from vivavoce.conform.examine import Wanted, examine, groups_named, reach
from vivavoce.conform.sound import Sound

HEARD_S = 1.704
"""How long the recording was that was sent."""
ASKED = ("models", "text", "audio-out", "spoken-stream", "usage", "transcriptions")
LOOKED_AT = {
    *("models.listed", "text.answers", "text.head", "text.finish-reason", "text.no-sound", "text.refusal-is-null"),
    *("audio-out.pcm16", "audio-out.transcript", "audio-out.content-is-null", "audio-out.identity"),
    *("audio-out.expires-at", "audio-out.for-an-hour", "audio-out.finish-reason", "audio-out.refusal-and-annotations"),
    *("usage.written-total", "usage.spoken-total", "usage.spoken-details", "usage.streamed-details"),
    *("usage.streamed-rate", "usage.written-has-no-sound"),
    *("transcriptions.json", "transcriptions.usage", "transcriptions.verbose-json", "transcriptions.segments"),
    *("transcriptions.words", "transcriptions.stream", "transcriptions.stream-done"),
}
"""Apart from everything in `spoken-stream`."""
BREAKS_CLIENTS = {
    "chunks": "empty chunks without choices",
    "role": "it comes again with the first sound",
    "identity": "it comes with the first words, and again with the first sound",
    "usage-chunk": "a chunk comes after the usage",
    "finish-reason": "there is none",
    "expires-at-alone": "it comes after the usage",
}


def replay(request: httpx2.Request) -> httpx2.Response:
    """The recorded answer to a request of that kind."""
    asked: dict[str, Any] = json.loads(request.content) if request.url.path.endswith("/completions") else {}
    if request.url.path.endswith("/models"):
        return answer("ModelsTests-ListModels")
    if request.url.path.endswith("/transcriptions"):
        form = request.content.decode("latin-1")
        if "verbose_json" in form:
            return answer("TranscriptionTests-TimestampsWork-WordSegment")
        streamed = 'name="stream"' in form
        return answer(f"TranscriptionTests-{'Streaming' if streamed else ''}IncludesWork")
    if "audio" not in (asked.get("modalities") or ()):
        return answer("ChatTests-HelloWorldChat")
    return answer("ChatTests-ChatWithAudio", 1 if asked.get("stream") else 0)


def answer(name: str, entry: int = 0) -> httpx2.Response:
    recorded = entries(name)[entry]
    body = recorded["ResponseBody"]
    text = "".join(body) if isinstance(body, list) else json.dumps(body)
    kind = recorded["ResponseHeaders"]["Content-Type"]
    return httpx2.Response(recorded["StatusCode"], headers={"content-type": kind}, content=text.encode())


async def test_the_originals_answers_hold() -> None:
    entries("ChatTests-ChatWithAudio")  # skips the test where the recordings are not at hand
    sound = Sound(bytes(2 * int(HEARD_S * 16_000)), 16_000)
    wanted = Wanted("http://original.invalid", chat="gpt-audio-1.5", sound=sound)
    async with reach(wanted, httpx2.MockTransport(replay)) as subject:
        outcomes = await examine(subject, groups_named(ASKED), lambda _check: None)
    failed = failing(outcomes, "must", "should", "may")
    assert {name for name in failed if name in LOOKED_AT} == set()
    assert {name for name in failed if name.startswith("spoken-stream.")} == {
        f"spoken-stream.{name}" for name in (*BREAKS_CLIENTS, "other-formats")
    }
