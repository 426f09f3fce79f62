"""Files of all formats, made when they are needed."""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import docx
import openpyxl
import pptx
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from pptx.util import Inches

from libs.reading.dispatch import read_file
from libs.reading.outcome import Limits, Reading, Task

Spot = tuple[str, float, float, float]  # text, size, left, height


def read(data: bytes, name: str, declared: str | None = None, **limits: Any) -> Reading:
    """Read in this very process."""
    return read_file(io.BytesIO(data), Task(name=name, declared=declared, limits=Limits(**limits)))


def saved(document: Any) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def rezipped(data: bytes, changes: Mapping[str, bytes]) -> bytes:
    """Change parts of an archive; unknown names are added."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in changes:
                new.writestr(name, old.read(name))
        for name, content in changes.items():
            new.writestr(name, content)
    return file.getvalue()


def part(data: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name)


def pdf(pages: Sequence[Sequence[Spot]], *, title: str = "", trailer: str = "") -> bytes:
    """Write a PDF file whose pages hold text at given places."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
    objects.append(f"<< /Title ({title}) >>")
    kids: list[int] = []
    for spots in pages:
        lines = [f"BT /F1 {size} Tf 1 0 0 1 {left} {height} Tm ({text}) Tj ET" for text, size, left, height in spots]
        stream = "\n".join(lines)
        objects.append(f"<< /Length {len(stream.encode('cp1252'))} >>\nstream\n{stream}\nendstream")
        content = len(objects)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {content} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        kids.append(len(objects))
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] >>"
    return assembled([body.encode("cp1252") for body in objects], trailer or "/Root 1 0 R /Info 4 0 R")


def assembled(objects: Sequence[bytes], trailer: str = "/Root 1 0 R") -> bytes:
    data, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    end = f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(places) + 1} {trailer} >>\n"
    return data + f"{end}startxref\n{len(data)}\n%%EOF\n".encode()


def column(*texts: str, size: float = 11, left: float = 50, top: float = 700, leading: float = 14) -> list[Spot]:
    """Lines below each other."""
    return [(text, size, left, top - index * leading) for index, text in enumerate(texts)]


def inflating_pdf(megabytes: int) -> bytes:
    stream = zlib.compress(b"BT /F1 9 Tf (x) Tj ET\n" * (megabytes * 2**20 // 22), 9)
    head = f"<< /Length {len(stream)} /Filter /FlateDecode >>\nstream\n".encode()
    return assembled([
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << >> >>",
        head + stream + b"\nendstream",
    ])  # fmt: skip


def word(*paragraphs: tuple[str, str], title: str = "") -> Any:
    """A Word document of paragraphs with their styles."""
    document = docx.Document()
    document.core_properties.title = title
    for style, text in paragraphs:
        document.add_paragraph(text, style=style)
    return document


def add_xml(document: Any, xml: str) -> None:
    """Add a paragraph of XML to the end of a Word document's body."""
    element = parse_xml(f"<w:p {nsdecls('w')}>{xml}</w:p>")
    document.element.body.insert(len(document.element.body) - 1, element)


def workbook(**sheets: Sequence[Sequence[Any]]) -> Any:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    return book


def slides(*contents: tuple[str, Sequence[str]]) -> Any:
    """A presentation of slides with a title and items."""
    presentation = pptx.Presentation()
    for title, items in contents:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = "\n".join(items)
    return presentation


def add_slide_table(slide: Any, rows: Sequence[Sequence[str]]) -> None:
    frame = slide.shapes.add_table(len(rows), len(rows[0]), Inches(1), Inches(3), Inches(6), Inches(2))
    for row, texts in zip(frame.table.rows, rows, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
