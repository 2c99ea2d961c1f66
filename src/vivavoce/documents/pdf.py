"""Reads one PDF and ends: the file on standard input, the most pages as argument, what was found on standard output.

A process for each file: what a stranger's bytes make of PDFium harms nobody else's, and the kernel ends it where it
takes too long. The only home of pypdfium2.
"""

import codecs
import json
import resource
import sys
from typing import Any, cast

import pypdfium2
from pypdfium2.raw import FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY

from vivavoce.core.errors import trail

CPU_S = 1
"""For all there is to do, the start of this process too."""
MEMORY_BYTES = 256 << 20
"""Of its own, the file itself too."""
MOST_CHARACTERS = 4_000_000
"""More than any model's context; so much text is not collected."""
LOCKED = (FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY)
NOT_TEXT = dict.fromkeys(code for code in (*range(32), 127) if chr(code) not in "\t\n")
"""PDFium puts U+0002 where the end of a line cuts a word in two, and ends lines as DOS does."""


def read(data: bytes, most_pages: int) -> dict[str, Any]:
    """What is in a PDF: its `text` and number of `pages`, or a `problem` of `reading.Problem`."""
    try:
        document: Any = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        return {"problem": "encrypted" if cast("Any", error).err_code in LOCKED else "damaged"}
    pages = len(document)
    if pages > most_pages:
        return {"problem": "pages"}
    texts: list[str] = []
    size = 0
    for number in range(pages):
        texts.append(_page_text(document, number))
        size += len(texts[-1])
        if size > MOST_CHARACTERS:
            return {"problem": "complex"}
    text = "\n\n".join(text for text in texts if text)
    return {"text": text, "pages": pages} if text else {"problem": "wordless"}


def _page_text(document: Any, number: int) -> str:
    """The words of a page; none where it is damaged: the others may be whole."""
    try:
        page = document[number]
        text: str = page.get_textpage().get_text_bounded(errors="replace")
    except pypdfium2.PdfiumError:
        return ""
    page.close()
    return text.translate(NOT_TEXT).strip()


def confine() -> None:
    """Have the kernel end this process at `CPU_S`, refuse it memory beyond `MEMORY_BYTES`, and let it write no file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 1))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))


def shut() -> None:
    """Let this process open nothing any more: no file, no connection."""
    codecs.lookup("utf-16-le")  # Python's own, which is in a file
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def main() -> None:
    """Read the PDF on standard input."""
    confine()
    data = sys.stdin.buffer.read()
    shut()
    try:
        found = read(data, int(sys.argv[1]))
    except MemoryError:
        found = {"problem": "complex"}
    except Exception as error:  # noqa: BLE001 - a bug is told by its place, not by its words: they may be the file's
        sys.exit(f"{type(error).__name__} at {trail(error)}")
    sys.stdout.buffer.write(json.dumps(found, ensure_ascii=False).encode())


if __name__ == "__main__":
    main()
