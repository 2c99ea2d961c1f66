"""Has documents read, each in a process of its own that may end badly: nothing else ends with it."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from vivavoce.core.admitted import patience_s
from vivavoce.core.errors import BadRequest, EngineFailed, EngineTimeout, Overloaded
from vivavoce.core.processes import kill

log = logging.getLogger("vivavoce.documents")

Problem: TypeAlias = Literal["encrypted", "damaged", "pages", "complex", "wordless"]

AT_ONCE = 3
SILENCE_S = 30.0
"""The kernel ends the process after a second of work; on a machine that gives it none, this ends it."""
MOST_BYTES = 32 << 20
"""More than a process that keeps its rules says."""
REASONS: dict[Problem, tuple[str, str]] = {
    "encrypted": ("pdf_encrypted", "The PDF is encrypted. Send one that opens without a password."),
    "damaged": ("pdf_damaged", "The PDF is damaged and cannot be read."),
    "complex": ("pdf_too_complex", "The PDF is too complex: it takes too much time or memory to read."),
    "wordless": ("pdf_without_text", "The PDF has no text in it. Pages that are pictures, as scans are, are not read."),
}


@dataclass(frozen=True, slots=True)
class Document:
    """A PDF in a request."""

    data: bytes
    param: str
    """Where it stands, for errors."""


class Found(msgspec.Struct):
    """What the process of a document says of it."""

    text: str = ""
    pages: int = 0
    problem: Problem | None = None


class Documents:
    """Reads PDFs."""

    def __init__(self, pages: int = 100, megabytes: float = 32, wait_s: float = 2.0) -> None:
        """`pages`: the most in one request; `megabytes`: the most in one file; `wait_s`: for a free
        place; a turn that was let in waits longer."""
        self._pages = pages
        self._megabytes = megabytes
        self._wait_s = wait_s
        self._places = asyncio.Semaphore(AT_ONCE)

    async def read(self, documents: Sequence[Document]) -> list[str]:
        """The words of the documents of one request.

        Raises:
            BadRequest: one cannot be read, is too large, or has more pages than are left for it.
            Overloaded: there is no free place.
            EngineFailed: the process has a bug.
            EngineTimeout: it has said nothing for `SILENCE_S`.
        """
        texts: list[str] = []
        pages = self._pages
        for document in documents:
            if len(document.data) > self._megabytes * (1 << 20):
                words = f"The PDF is too large. The most this server takes is {self._megabytes:g} MB."
                raise BadRequest(words, param=document.param, code="pdf_too_large")
            async with self._place():
                found = await _read_apart(document.data, pages)
            if found.problem is not None:
                raise self._refusal(found.problem, document.param)
            texts.append(found.text)
            pages -= found.pages
        return texts

    def _refusal(self, problem: Problem, param: str) -> BadRequest:
        if problem == "pages":
            words = f"The PDF has too many pages. The most this server takes in a request is {self._pages}."
            return BadRequest(words, param=param, code="pdf_too_long")
        code, words = REASONS[problem]
        return BadRequest(words, param=param, code=code)

    @asynccontextmanager
    async def _place(self) -> AsyncGenerator[None, None]:
        try:
            async with asyncio.timeout(patience_s(self._wait_s)):
                await self._places.acquire()
        except TimeoutError:
            raise Overloaded from None
        try:
            yield
        finally:
            self._places.release()


async def _read_apart(data: bytes, most_pages: int) -> Found:
    """What is in a PDF, read in a process that ends with it."""
    with open(os.memfd_create("document"), "wb") as file:  # noqa: ASYNC230, PTH123 - in memory
        await asyncio.to_thread(file.write, data)
        file.seek(0)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vivavoce.documents.pdf", str(most_pages)),
            stdin=file,
            stdout=asyncio.subprocess.PIPE,
            process_group=0,  # a Ctrl-C at the terminal is the parent's to act on
        )
    try:
        async with asyncio.timeout(SILENCE_S):
            said = await _said(process)
            code = await process.wait()
    except TimeoutError:
        raise EngineTimeout from None
    finally:
        kill(process)
        await process.communicate()  # its end, and that of its pipe
    if code < 0:  # by a signal: the kernel's for too much time, its own for too much memory or a stack that overran
        return Found(problem="complex")
    try:
        return msgspec.json.decode(said, type=Found)
    except msgspec.DecodeError:
        log.error("the process of a document ended with %s", code)
        raise EngineFailed from None


async def _said(process: asyncio.subprocess.Process) -> bytes:
    """All it says, up to `MOST_BYTES`."""
    said = bytearray()
    while process.stdout and len(said) < MOST_BYTES and (piece := await process.stdout.read(1 << 16)):
        said += piece
    return bytes(said)
