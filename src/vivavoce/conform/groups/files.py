"""Documents in messages."""

import base64
from typing import Any

from vivavoce.conform.asking import message
from vivavoce.conform.check import Group
from vivavoce.conform.subject import Subject, recorded

GROUP = Group("files")
WORDS = b"BT /F1 24 Tf 72 700 Td (The king is called Otto.) Tj ET"


def pdf() -> bytes:
    """A page with a sentence on it."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>\nstream\n%s\nendstream" % (len(WORDS), WORDS),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    file, places = b"%PDF-1.4\n", [b"0000000000 65535 f \n"]
    for number, each in enumerate(objects, 1):
        places.append(b"%010d 00000 n \n" % len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"xref\n0 %d\n%s" % (len(places), b"".join(places))
    end = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(places), len(file))
    return file + table + end


def _sent(subject: Subject, data: bytes) -> list[dict[str, Any]]:
    """A message with a document, and a recording: an audio model takes no text alone."""
    file = {"filename": "king.pdf", "file_data": f"data:application/pdf;base64,{base64.b64encode(data).decode()}"}
    return [{"role": "user", "content": [{"type": "file", "file": file}, recorded(subject.recordings.wav, "wav")]}]


@GROUP.may
async def read(subject: Subject) -> None:
    """A PDF in a message is taken."""
    message((await subject.chat(messages=_sent(subject, pdf()))).json())["content"].text()


@GROUP.must
async def no_document(subject: Subject) -> None:
    """A file that is no document is 400, in the envelope."""
    (await subject.chat(messages=_sent(subject, b"this is not a document" * 20))).refused(400)
