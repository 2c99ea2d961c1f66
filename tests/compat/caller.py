"""A brain that calls tools as it is told: an OpenAI-compatible server of a few lines, for our server to think with.

With tools it calls the first, or the one that is named, with arguments made from its schema; with a tool's result it
says it; with a schema for its answer it answers with an example of it; asked to break off, to go on and on, to fail or
to refuse, it does.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

EXAMPLES: dict[str, Any] = {"string": "Paris", "integer": 42, "number": 1.5, "boolean": True, "null": None}
FAILS = {"fail": 500, "refuse": 429}
RETRY_AFTER_S = 7
ENDLESS = 500
"""Words of an answer that goes on and on, 20 ms each."""
LEFT: SimpleQueue[str] = SimpleQueue()
"""What was asked in each request whose client has left before its answer ended."""


def example(schema: dict[str, Any], root: dict[str, Any]) -> Any:
    """A value that a schema allows."""
    if "$ref" in schema:
        return example(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example(schema["anyOf"][0], root)
    kind = schema.get("type", "object")
    if kind == "object":
        return {name: example(inner, root) for name, inner in schema.get("properties", {}).items()}
    return [example(schema.get("items", {}), root)] if kind == "array" else EXAMPLES[kind]


def text_of(message: dict[str, Any]) -> str:
    """What a message says."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def deltas(asked: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """What to stream, and why it ends; without a reason it breaks off."""
    last, tools, choice = asked["messages"][-1], asked.get("tools", []), asked.get("tool_choice", "auto")
    if last["role"] == "tool":
        return [{"content": "It says "}, {"content": f"{text_of(last)}."}], "stop"
    if "break off" in text_of(last):
        return [{"content": "I was just about to say. "}], ""
    if tools and choice != "none":
        names = [choice["function"]["name"]] if isinstance(choice, dict) else []
        called = next(tool["function"] for tool in tools if not names or tool["function"]["name"] in names)
        arguments = json.dumps(example(called["parameters"], called["parameters"]))
        whole = {"name": called["name"], "arguments": ""}
        first = {"index": 0, "id": "call_made_up_0001", "type": "function", "function": whole}
        rest = [{"index": 0, "function": {"arguments": arguments[at : at + 8]}} for at in range(0, len(arguments), 8)]
        return [{"tool_calls": [call]} for call in (first, *rest)], "tool_calls"
    if asked.get("response_format", {}).get("type") == "json_schema":
        schema = asked["response_format"]["json_schema"]["schema"]
        return [{"content": json.dumps(example(schema, schema))}], "stop"
    return [{"content": "There is "}, {"content": "nothing to call."}], "stop"


class Caller(BaseHTTPRequestHandler):
    """Answers chat completions, streamed."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        words = text_of(asked["messages"][-1])
        if status := next((status for word, status in FAILS.items() if f"Please {word}" in words), None):
            self._fail(status)
            return
        told, reason = deltas(asked)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        if "on and on" in words:
            self._go_on(words)
            return
        for delta in told:
            self._send({"choices": [{"index": 0, "delta": delta}]})
        if reason:
            self._send({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
            self._send({"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 8, "total_tokens": 28}})
            self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _fail(self, status: int) -> None:
        body = json.dumps({"error": {"message": "Not now.", "type": "requests", "param": None, "code": None}}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("retry-after", str(RETRY_AFTER_S))
        self.end_headers()
        self.wfile.write(body)

    def _go_on(self, words: str) -> None:
        pace = Event()
        try:
            for index in range(ENDLESS):
                pace.wait(0.02)
                self._send({"choices": [{"index": 0, "delta": {"content": f"This is sentence {index}. "}}]})
        except ConnectionError:
            LEFT.put(words)

    def _send(self, chunk: dict[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")


@contextmanager
def calling() -> Iterator[str]:
    """Serve on a free port; the address for `base_url`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Caller) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()
