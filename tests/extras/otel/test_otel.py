"""Spans of turns: what is in them, under whose they are, and that nobody waits for them."""

import asyncio
import time
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.extras import paths
from tests.extras.conftest import Serve, noise
from tests.extras.otel.collecting import attributes, collecting
from tests.support.leaves import Fails, Stuck
from tests.support.upstream import Upstream, chunk
from vivavoce.core.cascade import Cascade
from vivavoce.core.errors import EngineFailed, PublicError
from vivavoce.core.speaking import Phrased
from vivavoce.core.turn import Message, Text, Turn, TurnEvent
from vivavoce.core.watching import Watched
from vivavoce.server.observed import WatchedTurns
from vivavoce.telemetry.traces import Traces
from vivavoce.testing import Hears, Says, Speaks

SECRET = "what people said"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SERVED = """
[engines.ear]
use = "scripted"
options = { hears = "what people said" }
[engines.voice]
use = "scripted"
options = { speech_ms = 10 }
[models."gpt-4o-mini-audio-preview"]
hear = "ear"
think = "brain"
speak = "voice"
"""


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the library send its spans at once."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")


async def test_a_turn_is_a_span_with_its_parts_under_the_callers(
    serve: Serve, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.says = [chunk("", role="assistant"), chunk(f"{SECRET}. "), chunk(finish="stop"), b"data: [DONE]\n\n"]
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        async with serve(SERVED) as client:
            theirs = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": f"vendor={SECRET.replace(' ', '')}"}
            await paths.streamed_chat(client.with_options(default_headers=theirs), noise(2), "alloy")
            (turn,) = await asyncio.to_thread(collector.turns, 1)
        assert (turn.name, turn.trace_id.hex(), turn.parent_span_id.hex()) == ("chat", TRACE, PARENT)
        told = attributes(turn)
        assert (told["gen_ai.request.model"], told["vivavoce.outcome"]) == (paths.CHAT, "done")
        assert told["gen_ai.usage.input_tokens"] > 0
        assert told["vivavoce.waited"] >= 0
        assert [event.name for event in turn.events] == ["cache", "first word", "first sound"]
        parts = collector.parts(turn)
        assert {name: attributes(span)["vivavoce.engine"] for name, span in parts.items()} == {
            "hear": "ear",
            "think": "brain",
            "speak": "voice",
        }
        assert {span.trace_id for span in parts.values()} == {turn.trace_id}
        assert all(turn.start_time_unix_nano <= each.start_time_unix_nano for each in parts.values())
        assert collector.resource["service.name"] == "vivavoce"
        assert not any(word.encode() in body for body in collector.bodies for word in (SECRET, "whatpeoplesaid"))


async def test_other_endpoints_have_spans_too_and_no_parent_is_made_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = SERVED + f'aliases = ["{paths.SPOKEN}", "{paths.HEARD}"]\n'
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{collector.url}/v1/traces")
        async with serve(toml) as client:
            wrong = client.with_options(default_headers={"traceparent": "00-zz-zz-zz"})
            await paths.speech(wrong, "Hello there.", "alloy")
            await paths.transcription(wrong, noise(1))
            turns = await asyncio.to_thread(collector.turns, 2)
        assert [turn.name for turn in turns] == ["speech", "transcription"]
        assert [set(collector.parts(turn)) for turn in turns] == [{"speak"}, {"hear"}]
        assert [turn.parent_span_id for turn in turns] == [b"", b""]
        assert turns[0].trace_id != turns[1].trace_id


async def test_a_collector_that_is_silent_or_not_there_holds_nobody_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60")
    with collecting(silent=True) as collector:
        for url in (collector.url, "http://127.0.0.1:9"):
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
            async with serve(SERVED) as client:
                for _ in range(3):
                    transcript, sound = await paths.streamed_chat(client, noise(1), "alloy")
                    assert transcript == "Hello."
                    assert sound.seconds > 0
                if url == collector.url:
                    assert await asyncio.to_thread(collector.asked.wait, 10)
                ending = time.monotonic()
            assert time.monotonic() - ending < 20  # the library would wait for thirty


async def test_settings_it_does_not_take_are_no_reason_not_to_start(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    async with serve(SERVED) as client:
        assert (await paths.streamed_chat(client, noise(1), "alloy"))[0] == "Hello."


class Spans:
    """A model whose turns are spans, kept here."""

    def __init__(self, think: Any) -> None:
        self._kept = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self.traces = Traces(provider)
        engines = [Watched(each, "one", self.traces) for each in (Hears("x"), think, Speaks())]
        self._responder = Cascade(engines[0], engines[1], Phrased(engines[2]))

    async def answer(self) -> None:
        async def send(event: TurnEvent) -> None:
            del event

        watched = WatchedTurns(self._responder, self.traces, "talker", streamed=True)
        await watched.respond(Turn((Message("user", (Text(SECRET),)),), voice="alloy"), send)

    def ended(self) -> dict[str, tuple[str, bool]]:
        """How each span ended, by its name, and whether it is marked as wrong."""
        return {
            span.name: (str((span.attributes or {})["vivavoce.outcome"]), not span.status.is_unset)
            for span in self._kept.get_finished_spans()
        }


async def test_a_turn_that_fails_is_marked() -> None:
    spans = Spans(Fails("think", EngineFailed(SECRET)))
    with pytest.raises(PublicError):
        await spans.answer()
    ended = spans.ended()
    assert (ended["chat"], ended["think"]) == (("failed", True), ("failed", True))


async def test_a_turn_that_is_cancelled_has_ended_with_all_its_parts() -> None:
    stuck = Stuck("think")
    spans = Spans(stuck)
    turn = asyncio.create_task(spans.answer())
    await stuck.begun.wait()
    turn.cancel()
    await asyncio.gather(turn, return_exceptions=True)
    ended = spans.ended()
    assert (ended["chat"], ended["think"]) == (("left", False), ("left", False))


async def test_turns_side_by_side_keep_their_parts_apart() -> None:
    spans = Spans(Says("Hello there. ", "How are you?"))
    await asyncio.gather(*(spans.answer() for _ in range(5)))
    await spans.answer()
    finished = spans._kept.get_finished_spans()
    turns = {span.context.span_id for span in finished if span.name == "chat" and span.context}
    assert len(turns) == 6
    assert all(span.parent is None for span in finished if span.name == "chat")
    assert {span.parent.span_id for span in finished if span.name == "think" and span.parent} == turns


async def test_what_a_cache_knew_is_an_event_of_the_turn() -> None:
    spans = Spans(Says("Hi."))
    turn = spans.traces.turn("chat", "talker", streamed=False)
    spans.traces.looked_up("heard", found=True)
    turn.ended("done")
    spans.traces.looked_up("heard", found=False)
    (span,) = spans._kept.get_finished_spans()
    assert [(event.name, dict(event.attributes or {})) for event in span.events] == [
        ("cache", {"vivavoce.cache": "heard", "vivavoce.found": True})
    ]
