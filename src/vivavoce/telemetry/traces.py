"""Turns as spans of OpenTelemetry, with the engines' parts in them, for whoever the environment names.

OpenTelemetry's own variables say where they go and how; without an endpoint there are none. They are sent by a thread
of the library, from a queue that drops what it has no room for: no turn waits for it, or fails with it. A span has
names from the configuration, counts and times; never what was said.
"""

import asyncio
import importlib
import logging
import os
import threading
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import vivavoce
from vivavoce.core.admitted import admitted
from vivavoce.core.turn import AudioDelta, TextDelta, ToolCallDelta, TurnDone
from vivavoce.core.watching import Cache, Kind, Outcome, Seen, Stage

log = logging.getLogger("vivavoce.telemetry")

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
LAST_S = 3.0
"""For the last spans, when the server ends."""
WRONG = ("failed", "full")


@asynccontextmanager
async def tracing() -> AsyncGenerator["Traces | None", None]:
    """Spans for the endpoint of the environment, sent to their end; None: there is no endpoint, or no way to it."""
    provider = _provider() if any(os.environ.get(name) for name in ENDPOINTS) else None
    if provider is None:
        yield None
        return
    try:
        yield Traces(provider)
    finally:
        last = threading.Thread(target=provider.shutdown, daemon=True)  # it may wait for a collector that is silent
        last.start()
        await asyncio.to_thread(last.join, LAST_S)


def _provider() -> Any:
    """The library's, as the environment says; what is wrong with that is logged, and the server goes on."""
    try:
        sdk = importlib.import_module("opentelemetry.sdk.trace")
        export = importlib.import_module("opentelemetry.sdk.trace.export")
        otlp = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        resources = importlib.import_module("opentelemetry.sdk.resources")
    except ModuleNotFoundError:
        log.warning("no traces are sent: pip install 'vivavoce[otel]'")
        return None
    try:
        ours = resources.Resource({"service.name": "vivavoce", "service.version": vivavoce.__version__})
        resource = ours.merge(resources.OTELResourceDetector().detect())
        provider = sdk.TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter()))
    except Exception as error:  # noqa: BLE001 - whatever is in the environment, the server starts
        log.warning("no traces are sent: OpenTelemetry does not take its settings (%s)", type(error).__name__)
        return None
    return provider


class Traces:
    """A `Watch` that makes spans. The library must be installed."""

    def __init__(self, provider: Any) -> None:
        """`provider`: a `TracerProvider` of the library."""
        self._context = importlib.import_module("opentelemetry.context")
        self._trace = importlib.import_module("opentelemetry.trace")
        w3c = importlib.import_module("opentelemetry.trace.propagation.tracecontext")
        self._w3c = w3c.TraceContextTextMapPropagator()
        self._tracer = provider.get_tracer("vivavoce", vivavoce.__version__)

    @contextmanager
    def continuing(self, headers: Sequence[tuple[bytes, bytes]]) -> Generator[None]:
        """Put what is done within under the span that a request's `traceparent` names, if it names one."""
        parent = [value.decode("latin-1") for name, value in headers if name == b"traceparent"]
        if len(parent) != 1:
            yield
            return
        token = self._context.attach(self._w3c.extract({"traceparent": parent[0]}, self._context.Context()))
        try:
            yield
        finally:
            self._context.detach(token)

    def call(self, stage: Stage, engine: str) -> Seen:
        """See `core.watching.Watch`."""
        return _Span(self._trace, self._tracer.start_span(stage, attributes={"vivavoce.engine": engine}))

    def turn(self, kind: Kind, model: str, *, streamed: bool) -> Seen:
        """See `core.watching.Watch`. What engines do from here on, in this task and those it starts, is part of it."""
        attributes: dict[str, str | bool | float] = {"gen_ai.request.model": model, "vivavoce.streamed": streamed}
        let_in = admitted()
        if let_in is not None:
            attributes["vivavoce.waited"] = let_in.waited_s
        span = self._tracer.start_span(kind, kind=self._trace.SpanKind.SERVER, attributes=attributes)
        token = self._context.attach(self._trace.set_span_in_context(span))
        return _TurnSpan(self._trace, span, lambda: self._context.detach(token))

    def looked_up(self, cache: Cache, *, found: bool) -> None:
        """See `core.watching.Watch`."""
        self._trace.get_current_span().add_event("cache", {"vivavoce.cache": cache, "vivavoce.found": found})


class _Span:
    """A call of an engine."""

    def __init__(self, trace: Any, span: Any) -> None:
        self._trace = trace
        self._span = span
        self._events: set[str] = set()

    def told(self, item: object) -> None:
        del item
        self._once("first")

    def ended(self, outcome: Outcome) -> None:
        self._span.set_attribute("vivavoce.outcome", outcome)
        if outcome in WRONG:
            self._span.set_status(self._trace.StatusCode.ERROR)
        self._span.end()

    def _once(self, event: str) -> None:
        if event not in self._events:
            self._events.add(event)
            self._span.add_event(event)


class _TurnSpan(_Span):
    """Something asked of a model."""

    def __init__(self, trace: Any, span: Any, leave: Any) -> None:
        super().__init__(trace, span)
        self._leave = leave

    def told(self, item: object) -> None:
        if isinstance(item, TextDelta | ToolCallDelta):
            self._once("first word")
        elif isinstance(item, AudioDelta) and item.pcm.data:
            self._once("first sound")
        elif isinstance(item, TurnDone):
            usage = item.usage
            self._span.set_attribute("gen_ai.usage.input_tokens", usage.text_in + usage.audio_in)
            self._span.set_attribute("gen_ai.usage.output_tokens", usage.text_out + usage.audio_out)

    def ended(self, outcome: Outcome) -> None:
        super().ended(outcome)
        self._leave()
