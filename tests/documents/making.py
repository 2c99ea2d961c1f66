"""Makes PDFs for the tests, honest ones and others."""

import re
import struct
import zlib
from collections.abc import Callable, Sequence

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def stream(body: bytes, keys: bytes = b"", *, filters: int = 0) -> bytes:
    """A stream, compressed `filters` times over."""
    for _ in range(filters):
        body = zlib.compress(body, 9)
    return packed(body, keys, filters=filters)


def packed(body: bytes, keys: bytes = b"", *, filters: int = 1) -> bytes:
    """A stream of what is compressed already."""
    names = b"/Filter [" + b"/FlateDecode " * filters + b"]" if filters else b""
    return b"<< /Length %d %s %s >>\nstream\n%s\nendstream" % (len(body), names, keys, body)


def pdf(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """A file of these objects, numbered from 1; the first is its catalogue."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places: list[int] = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)
    return bytes(out)


def lines(*said: str) -> bytes:
    """The content of a page that says these lines."""
    shown = [b"(" + re.sub(rb"([()])", rb"\\\1", line.encode("cp1252")) + b") Tj T*" for line in said]
    return b"BT /F 12 Tf 14 TL 50 700 Td " + b"\n".join(shown) + b" ET"


def pages(*contents: bytes, resources: bytes = b"/Font << /F 3 0 R >>", font: bytes = FONT) -> list[bytes]:
    """The objects of a document with a page for each content stream; the font is object 3."""
    count = len(contents)
    kids = b" ".join(b"%d 0 R" % (4 + 2 * index) for index in range(count))
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count), font]
    for index, content in enumerate(contents):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Resources << %s >> /Contents %d 0 R >>"
            % (resources, 5 + 2 * index)
        )
        objects.append(content)
    return objects


def document(*texts: str) -> bytes:
    """A PDF whose pages say these texts, line by line."""
    return pdf(pages(*[stream(lines(*text.splitlines()), filters=1) for text in texts]))


def flood(megabytes: int, *, of: bytes = b" ", layers: int = 1) -> bytes:
    """So many megabytes of the same, compressed without ever being there in one piece, `layers` times over."""
    piece = of * ((1 << 20) // len(of))
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    check = 1
    for _ in range(megabytes):
        check = zlib.adler32(piece, check)
    whole = b"\x78\xda" + block * megabytes + b"\x03\0" + check.to_bytes(4, "big")
    for _ in range(layers - 1):
        whole = zlib.compress(whole, 9)
    return whole


def bombs() -> dict[str, Callable[[], bytes]]:
    """Files that are small and take all the time or memory there is, each in its own way; all must be refused."""
    return {
        "spaces without end": lambda: pdf(pages(packed(flood(300)))),
        "zeros of zeros": lambda: pdf(pages(packed(flood(1024, of=b"\0", layers=2), filters=2))),
        "words without end": lambda: pdf(pages(packed(flood(300, of=b"(a) Tj ")))),
        "a map of letters": lambda: _with_font(b"/Type1 /BaseFont /Helvetica /ToUnicode 6 0 R", packed(flood(300))),
        "a font": lambda: _with_font(
            b"/TrueType /BaseFont /A /FontDescriptor 6 0 R",
            b"<< /Type /FontDescriptor /FontName /A /Flags 4 /FontFile2 7 0 R >>",
            packed(flood(300, of=b"\0")),
        ),
        "rows without end": lambda: pdf(
            pages(packed(flood(300), b"/DecodeParms << /Predictor 12 /Columns 1000000000 /Colors 32 >>"))
        ),
        "a picture in a page": lambda: pdf(
            pages(stream(b"BI /W 30000 /H 30000 /BPC 8 /CS /RGB /F /Fl ID " + flood(300) + b" EI"))
        ),
        "forms that show themselves twice": lambda: _with_forms(stream(b"/X6 Do " * 2, _form(6))),
        "forms of ten forms of ten forms": lambda: _with_forms(
            *[stream(b"/X%d Do " % after * 10, _form(after)) for after in range(7, 18)],
            stream(b"BT /F 12 Tf 9 9 Td (ha) Tj ET", _form(18)),
        ),
        "state without end": lambda: pdf(pages(stream(b"q " * 3_000_000, filters=1))),
        "a hundred thousand pages": lambda: pdf(_same_page(100_000)),
        "lists of lists": lambda: pdf(
            [b"<< /Type /Catalog /Pages 2 0 R /A " + b"[" * 500_000 + b" >>", b"<< /Type /Pages /Kids [] /Count 0 >>"]
        ),
        "pages of pages": lambda: pdf(
            [b"<< /Type /Catalog /Pages 2 0 R >>"]
            + [b"<< /Type /Pages /Kids [%d 0 R] /Count 1 >>" % number for number in range(3, 50_000)]
        ),
        "pages that are their own": lambda: pdf(
            [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 9 >>"]
        ),
        "objects in a flood": lambda: _compressed_objects(flood(300)),
        "a table in a flood": lambda: _compressed_table(packed(flood(300, of=b"\1"), _TABLE % b"[1 4 2]")),
        "a table of rows of two gigabytes": lambda: _compressed_table(
            packed(flood(1), _TABLE % b"[0 2147483647 2147483647]")
        ),
        "objects and no table": lambda: b"%PDF-1.7\n" + b"".join(b"%d 0 obj<<>>endobj\n" % n for n in range(1_200_000)),
        "a million names": lambda: pdf(
            [b"<< /Type /Catalog /Pages 2 0 R " + b"".join(b"/K%d 1 " % n for n in range(1_000_000)) + b">>"]
        ),
    }


_TABLE = b"/Type /XRef /Size 2000000000 /Root 1 0 R /W %s"


def _with_font(font: bytes, *more: bytes) -> bytes:
    objects = pages(stream(lines("hello")), font=b"<< /Type /Font /Subtype %s >>" % font)
    return pdf([*objects, *more])


def _with_forms(*forms: bytes) -> bytes:
    return pdf([*pages(stream(b"/X6 Do"), resources=b"/XObject << /X6 6 0 R >>"), *forms])


def _form(shows: int) -> bytes:
    resources = b"/Font << /F 3 0 R >> /XObject << /X%d %d 0 R >>" % (shows, shows)
    return b"/Type /XObject /Subtype /Form /BBox [0 0 600 800] /Resources << %s >>" % resources


def _same_page(times: int) -> list[bytes]:
    kids = b"3 0 R " * times
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"
    return [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, times), page]


def _compressed_table(table: bytes, before: bytes = b"") -> bytes:
    """A file that ends with a table of its objects that is a stream."""
    head = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n" + before
    return head + b"4 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (table, len(head))


def _compressed_objects(inside: bytes) -> bytes:
    """A file whose pages are in a stream of objects, object 3."""
    objects = b"3 0 obj\n%s\nendobj\n" % packed(inside, b"/Type /ObjStm /N 1000000 /First 10")
    start = len(_compressed_table(b"").partition(b"4 0 obj")[0])
    places = [(0, 0, 65_535), (1, 9, 0), (2, 3, 0), (1, start, 0), (1, start + len(objects), 0)]
    table = b"".join(struct.pack(">BIH", *place) for place in places)
    return _compressed_table(stream(table, b"/Type /XRef /Size 5 /Root 1 0 R /W [1 4 2]", filters=1), objects)
