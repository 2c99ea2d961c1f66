"""A small collector: takes what OTLP over HTTP brings, or takes its time."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

LIMIT_S = 20.0


class Collector:
    """Every span that has come."""

    def __init__(self, *, silent: bool) -> None:
        self.silent = silent
        self.url = ""
        self.bodies: list[bytes] = []
        self.resource: dict[str, Any] = {}
        self.spans: list[Any] = []
        self.asked = threading.Event()
        self.ended = threading.Event()
        self._more = threading.Condition()

    def take(self, body: bytes) -> None:
        with self._more:
            self.bodies.append(body)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resource = attributes(resource.resource)
                self.spans += [span for scope in resource.scope_spans for span in scope.spans]
            self._more.notify_all()

    def turns(self, count: int) -> list[Any]:
        """Wait for so many spans of turns; their parts have come before them."""

        def found() -> list[Any]:
            return [span for span in self.spans if span.name in ("chat", "speech", "transcription", "translation")]

        with self._more:
            assert self._more.wait_for(lambda: len(found()) >= count, LIMIT_S)
            return found()

    def parts(self, turn: Any) -> dict[str, Any]:
        """The spans within one, by name."""
        return {span.name: span for span in self.spans if span.parent_span_id == turn.span_id}


def attributes(of: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in of.attributes}


@contextmanager
def collecting(*, silent: bool = False) -> Generator[Collector]:
    """Run one on a free port; `silent`: it takes spans and never says so."""
    collector = Collector(silent=silent)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert self.path == "/v1/traces"
            collector.asked.set()
            if collector.silent:
                collector.ended.wait(3 * LIMIT_S)
                return
            collector.take(body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            collector.ended.set()
            server.shutdown()
            thread.join()
