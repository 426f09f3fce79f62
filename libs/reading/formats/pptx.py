"""Presentations: a section for each slide, with its lists, tables and notes.

The parts are walked as XML: python-pptx loads every picture and film of the file.
"""

from typing import Any, BinaryIO

from ..archive import Archive
from ..manuscript import Found, Manuscript, one_line
from ..outcome import counted

_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_TITLES = {"title", "ctrTitle"}
_LEFT_OUT = {"dt", "ftr", "sldNum", "hdr", "sldImg"}
_DEEPEST = 20
_MOST_COLUMNS = 200


def read(file: BinaryIO, media_type: str, manuscript: Manuscript) -> Found:  # noqa: ARG001 - as every reader
    """Read a presentation."""
    archive = Archive(file)
    main = archive.main_part("ppt/presentation.xml")
    parts = archive.related(main)
    numbers = [slide.get(_R + "id", "") for slide in archive.xml(main).iter(_P + "sldId")]
    slides = [parts[number][1] for number in numbers if number in parts and parts[number][1] in archive]
    found = Found(title=archive.title(), pages=len(slides))
    if found.title.lower() == "powerpoint presentation":  # what the program puts there itself
        found.title = ""
    hidden = 0
    writer = _Writer(manuscript)
    for number, name in enumerate(slides, 1):
        root = archive.xml(name)
        if root.get("show") in {"0", "false"}:
            hidden += 1
            continue
        writer.slide(root, number)
        for kind, part in archive.related(name).values():
            if kind == "notesSlide" and part in archive:
                writer.notes(archive.xml(part))
    if hidden:
        found.notes.append(counted(hidden, "hidden slide was", "hidden slides were") + " left out")
    if writer.unread:
        found.notes.append(
            counted(writer.unread, "picture, chart or diagram was", "pictures, charts or diagrams were") + " not read"
        )
    return found


class _Writer:
    """Writes slides; `unread` counts what has no words that can be read."""

    def __init__(self, manuscript: Manuscript) -> None:
        self.unread = 0
        self._manuscript = manuscript

    def slide(self, root: Any, number: int) -> None:
        """Write a slide below its title."""
        tree = root.find(f"{_P}cSld/{_P}spTree")
        shapes = _flat(tree, 0) if tree is not None else []
        title = next((shape for shape in shapes if _placeholder(shape) in _TITLES and _lines(shape)), None)
        words = " ".join(text for text, _, _ in _lines(title)) if title is not None else ""
        self._manuscript.heading(2, one_line(words) or f"Slide {number}")
        for shape in shapes:
            if shape is not title and _placeholder(shape) not in _LEFT_OUT:
                self._shape(shape)

    def notes(self, root: Any) -> None:
        """Write what the speaker noted."""
        for shape in root.iter(_P + "sp"):
            if _placeholder(shape) == "body":
                text = "\n".join(text for text, _, _ in _lines(shape))
                if text:
                    self._manuscript.paragraph("Notes: " + text)

    def _shape(self, shape: Any) -> None:
        if shape.tag == _P + "pic":
            self.unread += 1
        elif shape.tag == _P + "graphicFrame":
            tables = list(shape.iter(_A + "tbl"))
            for table in tables:
                self._table(table)
            self.unread += not tables
        else:
            lines = _lines(shape)
            listed = _placeholder(shape) in {"body", "obj", ""} and len(lines) > 1
            for text, depth, plain in lines:
                if (listed and not plain) or depth:
                    self._manuscript.item(depth, text)
                else:
                    self._manuscript.paragraph(text)

    def _table(self, table: Any) -> None:
        lines: list[list[str]] = []
        for row in table.iter(_A + "tr"):
            line: list[str] = []
            for cell in row.findall(_A + "tc")[:_MOST_COLUMNS]:
                if cell.get("hMerge") in {"1", "true"} and line:
                    line.append(line[-1])
                elif cell.get("vMerge") in {"1", "true"} and lines and len(lines[-1]) > len(line):
                    line.append(lines[-1][len(line)])
                else:
                    line.append(" ".join(_paragraph(paragraph).strip() for paragraph in cell.iter(_A + "p")))
            lines.append(line)
        self._manuscript.table(lines)


def _flat(tree: Any, depth: int) -> list[Any]:
    """Give the shapes of a slide in their order, those of groups among them."""
    shapes: list[Any] = []
    for element in tree:
        if element.tag in {_P + "sp", _P + "pic", _P + "graphicFrame"}:
            shapes.append(element)
        elif element.tag in {_P + "grpSp", _MC + "AlternateContent", _MC + "Choice"} and depth < _DEEPEST:
            shapes += _flat(element, depth + 1)
    return shapes


def _placeholder(shape: Any) -> str | None:
    """Give what a shape stands for; empty for the layout's general one, None where it is for itself."""
    found = next(shape.iter(_P + "ph"), None)
    return found.get("type", "") if found is not None else None


def _lines(shape: Any) -> list[tuple[str, int, bool]]:
    """Give a shape's paragraphs: text, depth, and whether it is set to have no bullet."""
    lines: list[tuple[str, int, bool]] = []
    for body in shape.iter(_P + "txBody"):
        for paragraph in body.iter(_A + "p"):
            text = _paragraph(paragraph).strip()
            properties = paragraph.find(_A + "pPr")
            depth, plain = 0, False
            if properties is not None:
                level = properties.get("lvl", "0")
                depth = int(level) if level.isdecimal() else 0
                plain = properties.find(_A + "buNone") is not None
            if text:
                lines.append((text, depth, plain))
    return lines


def _paragraph(paragraph: Any) -> str:
    return "".join(
        "\n" if piece.tag == _A + "br" else piece.text or "" for piece in paragraph.iter(_A + "t", _A + "br")
    )
