"""Word files: headings by their styles, lists by their numbering, tables, footnotes; deleted text stays deleted.

The parts are walked as XML: python-docx leaves out what was inserted with tracking, knows no numbering, and loads
every picture.
"""

from collections import Counter
from typing import Any, BinaryIO

from msgspec import Struct

from ..archive import Archive
from ..manuscript import Found, Manuscript
from ..outcome import counted
from .docx_styles import Numbering, Style, W, read_numbering, read_styles, style_of, value_of
from .docx_text import is_heading_text, text_boxes, text_of

_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_PICTURES = (W + "drawing", W + "pict", W + "object")
_BLOCKS = {
    W + "sdt",
    W + "sdtContent",
    W + "customXml",
    W + "ins",
    W + "moveTo",
    _MC + "AlternateContent",
    _MC + "Choice",
}
_MOST_COLUMNS = 200
_DEEPEST = 30


def read(file: BinaryIO, media_type: str, manuscript: Manuscript) -> Found:  # noqa: ARG001 - as every reader
    """Read a Word file."""
    archive = Archive(file)
    main = archive.main_part("word/document.xml")
    parts = {kind: part for kind, part in archive.related(main).values() if part in archive}
    styles = read_styles(archive.xml(parts["styles"])) if "styles" in parts else {}
    numbering = read_numbering(archive.xml(parts["numbering"])) if "numbering" in parts else {}
    root = archive.xml(main)
    body = root.find(W + "body")
    writer = _Writer(manuscript, styles, numbering)
    writer.blocks(body if body is not None else root, 0)
    for kind in ("footnotes", "endnotes"):
        if kind in parts:
            writer.footnotes(archive.xml(parts[kind]))
    found = Found(title=archive.title())
    pictures = sum(1 for _ in root.iter(*_PICTURES))
    if pictures:
        found.notes.append(counted(pictures, "picture was", "pictures were") + " not read")
    return found


class _Cell(Struct):
    text: str
    span: int
    continued: bool
    element: Any


class _Writer:
    """Writes the blocks of a document in their order."""

    def __init__(self, manuscript: Manuscript, styles: dict[str, Style], numbering: dict[str, Numbering]) -> None:
        self._manuscript = manuscript
        self._styles = styles
        self._numbering = numbering
        self._counts: Counter[tuple[str, int]] = Counter()

    def blocks(self, parent: Any, depth: int) -> None:
        """Write what an element holds."""
        for element in parent:
            if element.tag == W + "p":
                self._paragraph(element)
                for box in text_boxes(element) if depth < _DEEPEST else ():
                    self.blocks(box, depth + 1)
            elif element.tag == W + "tbl":
                self._table(element, depth)
            elif element.tag in _BLOCKS and depth < _DEEPEST:
                self.blocks(element, depth + 1)

    def footnotes(self, root: Any) -> None:
        """Write the notes that the text refers to."""
        for note in root:
            if note.get(W + "type") in {None, "normal"}:
                words = " ".join(filter(None, (text_of(paragraph).strip() for paragraph in note.iter(W + "p"))))
                if words:
                    self._manuscript.paragraph(f"[{note.get(W + 'id', '')}] {words}")

    def _paragraph(self, element: Any) -> None:
        text = text_of(element).strip()
        if not text:
            return
        style = style_of(element, self._styles)
        if style.level and is_heading_text(text):
            self._manuscript.heading(style.level, text)
        elif style.list_id and style.list_id in self._numbering:
            self._item(style.list_id, style.depth, text)
        else:
            self._manuscript.paragraph(text)

    def _item(self, list_id: str, depth: int, text: str) -> None:
        numbering = self._numbering[list_id]
        key = (numbering.name, depth)
        for deeper in [other for other in self._counts if other[0] == numbering.name and other[1] > depth]:
            del self._counts[deeper]
        if depth in numbering.bullets:
            self._manuscript.item(depth, text)
        else:
            self._counts[key] += 1
            self._manuscript.item(depth, text, numbering.starts.get(depth, 1) + self._counts[key] - 1)

    def _table(self, table: Any, depth: int) -> None:
        rows = [[_cell(cell) for cell in _held(row, "tc")] for row in _held(table, "tr")]
        if all(len(row) <= 1 for row in rows) and depth < _DEEPEST:  # a frame around text
            for row in rows:
                for cell in row:
                    self.blocks(cell.element, depth + 1)
            return
        above: dict[int, str] = {}
        lines: list[list[str]] = []
        for row in rows:
            line: list[str] = []
            for cell in row:
                column = len(line)
                text = above.get(column, "") if cell.continued else cell.text
                above[column] = text
                line += [text] * min(cell.span, _MOST_COLUMNS - column)
            lines.append(line[:_MOST_COLUMNS])
        self._manuscript.table(lines)


def _cell(element: Any) -> _Cell:
    properties = element.find(W + "tcPr")
    span, merge = 1, None
    if properties is not None:
        number = value_of(properties, "gridSpan")
        span = max(int(number), 1) if number.isdecimal() else 1
        merge = properties.find(W + "vMerge")
    return _Cell(_words(element, 0), span, merge is not None and merge.get(W + "val") != "restart", element)


def _held(element: Any, name: str) -> list[Any]:
    """Give the rows of a table or the cells of a row, also those that a content control wraps."""
    held: list[Any] = []
    for child in element:
        if child.tag == W + name:
            deleted = child.find(f"{W}trPr/{W}del") if name == "tr" else None
            held += [child] if deleted is None else []
        elif child.tag in {W + "sdt", W + "sdtContent", W + "customXml"}:
            held += _held(child, name)
    return held


def _words(element: Any, depth: int) -> str:
    """Give a cell's text; a table within it becomes `a, b; c, d`."""
    parts: list[str] = []
    for child in element:
        if child.tag == W + "p":
            parts.append(text_of(child).strip())
        elif child.tag == W + "tbl" and depth < _DEEPEST:
            rows = [
                ", ".join(filter(None, (_words(cell, depth + 1) for cell in _held(row, "tc"))))
                for row in _held(child, "tr")
            ]
            parts.append("; ".join(filter(None, rows)))
        elif child.tag in _BLOCKS and depth < _DEEPEST:
            parts.append(_words(child, depth + 1))
    return " ".join(filter(None, parts))
