"""What came back: status, headers and bytes, and the events of a stream."""

import re
from dataclasses import dataclass
from typing import Self

import httpx2

from vivavoce.conform.seen import Seen, fail

LINE_ENDS = re.compile(r"\r\n|\r|\n")
DONE = "[DONE]"
KEYS = ("message", "type", "param", "code")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, whole. Every method that reads it raises `Failed` where it is not so."""

    status: int
    headers: httpx2.Headers
    body: bytes

    def ok(self) -> Self:
        """It is a success."""
        if not 200 <= self.status < 300:
            fail("an answer", self.refusal)
        return self

    def json(self) -> Seen:
        """A success, in JSON."""
        self.ok()
        self.is_of("application/json")
        return Seen(Seen.parsed(self.body, "the body").value)

    def is_of(self, *kinds: str) -> None:
        """Its content type is one of these."""
        kind = self.headers.get("content-type", "")
        if kind.split(";")[0].strip().lower() not in kinds:
            fail(f"Content-Type: {' or '.join(kinds)}", kind[:64] or "none")

    def refused(self, *statuses: int, param: str | None = None, code: str | None = None) -> Seen:
        """An error with one of these statuses, in the envelope with all four keys; with this `param` and `code`."""
        if self.status not in (statuses or range(400, 500)):
            fail(f"status {' or '.join(map(str, statuses)) or '4xx'}", self.refusal)
        error = Seen.parsed(self.body, "the body")["error"]
        for key in KEYS:
            said = Seen(error[key].value, f"error.{key}")
            if key in {"message", "type"} or said.value is not None:
                said.text()
        if param is not None:
            Seen(error["param"].value, "error.param").one_of(param)
        if code is not None:
            Seen(error["code"].value, "error.code").one_of(code)
        return error

    @property
    def refusal(self) -> str:
        """The status, and the error's code and param where they are there."""
        told = [f"status {self.status}"]
        found = re.findall(rb'"(code|param)":\s*"([\w.\-\[\]/]{1,64})"', self.body[:100_000])
        return ", ".join(told + [f"{key.decode()} {word.decode()}" for key, word in found[:2]])

    def events(self) -> "Events":
        """A success, as events."""
        self.ok()
        self.is_of("text/event-stream")
        return Events(self.body)


class Events:
    """The events of a stream."""

    def __init__(self, body: bytes) -> None:
        self.named = 0
        """How many lines are neither data nor comments, such as `event:`."""
        self.split = 0
        """How many events have their data on several lines."""
        self.whole = body.endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))
        """Whether the last event has its end."""
        self.data: list[str] = []
        lines: list[str] = []
        for line in [*LINE_ENDS.split(body.decode("utf-8", errors="replace")), ""]:
            if line.startswith("data:"):
                lines.append(line[5:].removeprefix(" "))
            elif line and not line.startswith(":"):
                self.named += 1
            elif not line and lines:
                self.split += len(lines) > 1
                self.data.append("\n".join(lines))
                lines = []

    @property
    def done(self) -> bool:
        """Whether `[DONE]` is the last event, and came once."""
        return self.data.count(DONE) == 1 and self.data[-1] == DONE

    def json(self) -> list[Seen]:
        """The events before `[DONE]`; none of them tells of an error."""
        found = [Seen.parsed(data, f"event {index}") for index, data in enumerate(self.data) if data != DONE]
        for event in found:
            if event.get("error") is not None:
                fail("a stream to its end", "an error in it")
        if not found:
            fail("events", "none")
        return found
