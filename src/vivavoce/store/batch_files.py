"""What is asked in a batch, and what came of it: JSON lines, in a folder of its own for each.

Results are appended in the writer's thread, within the transaction that notes how long the file is then: what stands
behind that was never counted, and the next one is written over it. So each result is there exactly once, whenever the
process or the machine dies.
"""

import os
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec
from msgspec import Raw, Struct

from vivavoce.store.files import settle

Kind: TypeAlias = Literal["output", "error"]
INPUT = "input"


class LineResponse(Struct):
    """What a line was answered."""

    status_code: int
    request_id: str
    body: Raw


class LineError(Struct):
    """Why a line was not worked on."""

    code: str
    message: str


class Result(Struct):
    """What came of a line. Source: the original's guide to batches."""

    id: str
    custom_id: str
    response: LineResponse | None = None
    error: LineError | None = None


class _Asked(Struct):
    body: Raw


class BatchFiles:
    """The folders of batches."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, batch: str, source: Path) -> None:
        """Keep what is asked: whoever deletes the file it came in does a batch no harm.

        Raises:
            OSError: it cannot be kept.
        """
        folder = self._of(batch)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        place = folder / INPUT
        place.unlink(missing_ok=True)
        try:
            place.hardlink_to(source)
        except OSError:
            shutil.copyfile(source, place)
        settle(folder)

    def input(self, batch: str) -> Path:
        """Where what is asked is."""
        return self._of(batch) / INPUT

    def asked(self, batch: str, offset: int, length: int) -> bytes:
        """The body that a line asks with.

        Raises:
            OSError: it is not there any more, or damaged.
        """
        with self.input(batch).open("rb") as file:
            file.seek(offset)
            line = file.read(length)
        try:
            return bytes(msgspec.json.decode(line, type=_Asked).body)
        except msgspec.DecodeError:
            raise OSError("the input of a batch is damaged") from None

    def results(self, batch: str, kind: Kind) -> Path:
        """Where the results of one kind are; nothing is there before the first."""
        return self._of(batch) / kind

    def append(self, batch: str, kind: Kind, end: int, data: bytes) -> int:
        """Write results where those that count end, and give the end they have then.

        Raises:
            OSError: they cannot be written, or some of those that count are gone.
        """
        path = self.results(batch, kind)
        file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            if os.fstat(file).st_size < end:
                raise OSError("results of a batch are gone")
            os.ftruncate(file, end)
            os.lseek(file, end, os.SEEK_SET)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file, rest) :]
            os.fsync(file)
        finally:
            os.close(file)
        if not end:
            settle(path.parent)
        return end + len(data)

    def whole(self, batch: str, sizes: Mapping[Kind, int]) -> bool:
        """Whether what is asked is there, and the results that count."""
        places = {self.results(batch, kind): size for kind, size in sizes.items() if size} | {self.input(batch): 0}
        return all(place.is_file() and place.stat().st_size >= size for place, size in places.items())

    def delete(self, batch: str) -> None:
        """Delete all of a batch's files."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._of(batch))

    def keep_only(self, known: Collection[str]) -> None:
        """Delete the files of all batches but these."""
        kept = {self._of(batch) for batch in known}
        for folder in self._folder.glob("*/*"):
            if folder not in kept:
                shutil.rmtree(folder)

    def _of(self, batch: str) -> Path:
        stem = batch.rpartition("_")[2]
        if not stem.isalnum():
            raise OSError("not an id of ours")
        return self._folder / stem[:2] / stem


def request_id(batch: str, number: int) -> str:
    """The id of the request that a line is, the same however often it is tried: the ledger has one row of it."""
    return f"req_{sha256(f'{batch}/{number}'.encode()).hexdigest()[:32]}"


def answered(batch: str, number: int, custom_id: str, response: LineResponse) -> bytes:
    """The line that says what a line was answered."""
    return _written(Result(_result_id(batch, number), custom_id, response))


def unanswered(batch: str, number: int, custom_id: str, error: LineError) -> bytes:
    """The line that says why a line was not worked on."""
    return _written(Result(_result_id(batch, number), custom_id, None, error))


def one_line(body: bytes) -> Raw:
    """JSON without line breaks."""
    return Raw(msgspec.json.format(body, indent=-1) if b"\n" in body or b"\r" in body else body)


def _result_id(batch: str, number: int) -> str:
    return request_id(batch, number).replace("req_", "batch_req_")


def _written(result: Result) -> bytes:
    return msgspec.json.encode(result) + b"\n"
