"""Reads the input of a batch: every line, before any is worked on."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, cast

from vivavoce.core.errors import BadRequest, PublicError
from vivavoce.core.models import Model
from vivavoce.core.usage import MESSAGE_TOKENS, PROMPT_TOKENS
from vivavoce.store.batch_states import Line
from vivavoce.wire.batches import MOST_BYTES, MOST_ERRORS, MOST_LINES, BatchError, InputLine, read_line

SLOWLY_LINES, SLOWLY_S = 32, 0.01
"""While somebody is there, so long a pause after so many lines."""
BYTES_A_TOKEN = 4
"""Of text, about: it is not read word by word, for it may be 200 MB."""


@dataclass(slots=True)
class Asked:
    """What a batch asks, or what is wrong with it."""

    model: Model | None = None
    """The one of all lines; None: there was none."""
    lines: list[Line] = field(default_factory=list[Line])
    errors: list[BatchError] = field(default_factory=list[BatchError])
    """The first of them."""


def read(
    path: Path,
    endpoint: str,
    model: Callable[[str], Model],
    line_bytes: int,
    somebody: Callable[[], bool] = lambda: False,
) -> Asked:
    """Read an input; it takes a thread's time.

    Args:
        path: the file.
        endpoint: what its lines must be for.
        model: finds a model by its name, or raises `PublicError`.
        line_bytes: as long as a line may be.
        somebody: whether somebody is there for whom it goes slowly.

    Raises:
        OSError: it cannot be read.
    """
    if path.stat().st_size > MOST_BYTES:
        words = f"The input file is too large: a batch takes at most {MOST_BYTES} bytes."
        return Asked(errors=[BatchError("file_too_large", words)])
    reader = _Reader(endpoint, model, line_bytes, somebody)
    with path.open("rb") as file:
        reader.read(file)
    return reader.asked


class _Reader:
    """Reads one input."""

    def __init__(
        self, endpoint: str, model: Callable[[str], Model], line_bytes: int, somebody: Callable[[], bool]
    ) -> None:
        self._somebody = somebody
        self.asked = Asked()
        self._endpoint = endpoint
        self._model = model
        self._line_bytes = line_bytes
        self._seen: set[bytes] = set()
        self._models: dict[str, Model] = {}

    def read(self, file: BinaryIO) -> None:
        asked = self.asked
        for number, offset, line in _lines(file, self._line_bytes):
            if number % SLOWLY_LINES == 0 and self._somebody():
                time.sleep(SLOWLY_S)
            try:
                if len(self._seen) == MOST_LINES:
                    words = f"The input file holds too many requests: a batch takes at most {MOST_LINES}."
                    raise BadRequest(words, code="too_many_tasks")
                asked.lines.append(self._line(number, offset, line))
            except PublicError as error:
                asked.errors.append(BatchError(error.code or "invalid_request", error.message, error.param, number))
                if error.code == "too_many_tasks" or len(asked.errors) == MOST_ERRORS:
                    return
        if not asked.lines and not asked.errors:
            asked.errors.append(BatchError("empty_file", "The input file holds no requests."))

    def _line(self, number: int, offset: int, line: bytes) -> Line:
        if len(line) > self._line_bytes:
            words = f"This line is too long: a request takes at most {self._line_bytes} bytes."
            raise BadRequest(words, code="line_too_long")
        read = read_line(line)
        self._check(read)
        return Line(number, read.custom_id, offset, len(line), tokens(read.body))

    def _check(self, read: InputLine) -> None:
        known = blake2b(read.custom_id.encode(), digest_size=16).digest()
        if known in self._seen:
            words = "This custom_id stands in a line before: each must be there once."
            raise BadRequest(words, param="custom_id", code="duplicate_custom_id")
        self._seen.add(known)
        if read.url != self._endpoint:
            words = f"The url of this line is not the batch's endpoint, '{self._endpoint}'."
            raise BadRequest(words, param="url", code="mismatched_endpoint")
        name = read.body.get("model")
        if not isinstance(name, str) or not name:
            words = "Missing required parameter: 'body.model'."
            raise BadRequest(words, param="body.model", code="missing_required_parameter")
        if read.body.get("stream") or read.body.get("stream_format") == "sse":
            words = "The answers to a batch are not streamed."
            raise BadRequest(words, param="body.stream", code="unsupported_parameter")
        self._check_model(self._found(name))

    def _found(self, name: str) -> Model:
        if name not in self._models:
            try:
                self._models[name] = self._model(name)
            except PublicError as error:
                raise BadRequest(error.message, param="body.model", code=error.code) from None
        return self._models[name]

    def _check_model(self, model: Model) -> None:
        first = self.asked.model
        if first is not None and first.snapshot != model.snapshot:
            words = f"This line asks another model than those before, which ask '{first.name}'."
            raise BadRequest(words, param="body.model", code="mismatched_model")
        self.asked.model = first or model


def tokens(body: dict[str, Any]) -> int:
    """About how many tokens of text a request is."""
    messages = _items(body.get("messages"))
    texts = [body.get("input"), body.get("instructions"), body.get("prompt")]
    for message in messages:
        content = message.get("content")
        texts += [content] if isinstance(content, str) else [part.get("text") for part in _items(content)]
    length = sum(len(text.encode()) for text in texts if isinstance(text, str))
    return PROMPT_TOKENS + MESSAGE_TOKENS * len(messages) + -(-length // BYTES_A_TOKEN)


def _items(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, if it is one."""
    found = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", each) for each in found if isinstance(each, dict)]


def _lines(file: BinaryIO, most: int) -> Iterator[tuple[int, int, bytes]]:
    """Each line that is not empty, its number from 1 and where it begins; of one that is too long, its beginning."""
    number, offset = 0, 0
    while line := file.readline(most + 2):
        number, begins = number + 1, offset
        offset += len(line)
        whole = line
        while whole[-1:] != b"\n" and (whole := file.readline(most + 2)):
            offset += len(whole)
        line = line.rstrip(b"\r\n")
        if line.strip():
            yield number, begins, line
