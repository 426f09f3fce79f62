"""Files as customers and enemies send them, small enough to be made by the test."""

import zlib
from collections.abc import Sequence
from io import BytesIO

from pypdf import PdfReader, PdfWriter

ENCRYPTED_WITH = "RC4-128"


def pdf(*lines: str, packed: bytes | None = None) -> bytes:
    """A PDF of one page; `packed` is what its content stream is unpacked to, instead of the lines."""
    shown = "".join(f"({line}) Tj 0 -14 Td " for line in lines)
    content = zlib.compress(f"BT /F1 12 Tf 40 700 Td {shown}ET".encode()) if packed is None else packed
    return written([
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ])  # fmt: skip


def written(objects: Sequence[bytes]) -> bytes:
    """A PDF of these objects, the first its catalogue."""
    file, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    file += b"".join(b"%010d 00000 n \n" % place for place in places)
    file += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(file)


def encrypted_pdf() -> bytes:
    """A PDF that asks for a password."""
    writer = PdfWriter(clone_from=PdfReader(BytesIO(pdf("secret words"))))
    writer.encrypt("a password", algorithm=ENCRYPTED_WITH)
    file = BytesIO()
    writer.write(file)
    return file.getvalue()


def inflating_pdf(megabytes: int = 500) -> bytes:
    """A PDF whose page is unpacked to so much."""
    packer = zlib.compressobj(9)
    zeros = bytes(1 << 20)
    return pdf(packed=b"".join(packer.compress(zeros) for _ in range(megabytes)) + packer.flush())


def endless_pdf(steps: int = 4_000_000) -> bytes:
    """A PDF whose page takes very many steps to read."""
    return pdf(packed=zlib.compress(b"(a) Tj\n" * steps))
