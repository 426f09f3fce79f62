"""Web pages: the content only, with its headings, lists, tables and the words of its links.

trafilatura was measured beside this: it loses headings, definition lists and unfolding answers of short help pages,
and takes 0.35 s to load.
"""

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, BinaryIO

from ..decoding import decode
from ..manuscript import Found, Manuscript, one_line
from ..outcome import Unreadable, counted
from .html_content import content_of, drop_noise
from .html_tables import is_layout, rows_of

_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})|<\?xml[^>]{0,80}?encoding=[\"']([\w.:-]{2,40})", re.I
)
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_HEADING = re.compile(r"h([1-6])$")
_BLANKS = re.compile(r"\s+")
_BLOCKS = frozenset(
    [
        "p",
        "div",
        "section",
        "article",
        "main",
        "header",
        "footer",
        "aside",
        "address",
        "figure",
        "figcaption",
        "center",
        "fieldset",
        "form",
        "details",
        "hgroup",
        "li",
        "tbody",
        "thead",
        "tfoot",
        "tr",
        "td",
        "th",
        "caption",
        "body",
        "html",
        "dl",
        "dt",
        "dd",
        "summary",
        "table",
        "ul",
        "ol",
        "pre",
        "blockquote",
        "hr",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
    ]
)
_DEEPEST = 150


def read(file: BinaryIO, media_type: str, manuscript: Manuscript) -> Found:  # noqa: ARG001 - as every reader
    """Read a web page."""
    found = Found()
    data = file.read()
    named = _CHARSET.search(data[:4096])
    text = decode(data, found.notes, (named[1] or named[2]).decode("ascii") if named else None)
    root = _parsed(_XML_DECLARATION.sub("", text))
    found.title = title_of(root)
    heading = drop_noise(root)
    content = content_of(root)
    pictures = sum(1 for _ in content.iter("img", "picture"))
    writer = _Writer(manuscript)
    manuscript.heading(1, heading)
    writer.block(content, 0)
    writer.flush()
    if pictures:
        found.notes.append(counted(pictures, "picture was", "pictures were") + " not read")
    return found


def _parsed(text: str) -> Any:
    lxml: Any = import_module("lxml.etree")  # untyped
    parser = lxml.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        root = lxml.fromstring(text.encode(), parser)
    except lxml.XMLSyntaxError:
        raise Unreadable("no_text") from None
    if root is None:
        raise Unreadable("no_text")
    return root


def title_of(root: Any) -> str:
    """Give a page's title, without the site's name where that is told elsewhere on the page."""
    title = one_line(root.findtext(".//title") or "")
    for meta in root.iter("meta"):
        name = (meta.get("property") or meta.get("name") or "").lower()
        if name == "og:title" and not title:
            title = one_line(meta.get("content") or "")
    return title


class _Writer:
    """Walks elements: words gather until a block begins or ends."""

    def __init__(self, manuscript: Manuscript) -> None:
        self._manuscript = manuscript
        self._words: list[str] = []
        self._level = 1

    def flush(self) -> None:
        """Write the words that have gathered as a paragraph."""
        self._manuscript.paragraph(self._gathered())

    def block(self, element: Any, depth: int) -> None:
        """Write what an element holds."""
        if depth > _DEEPEST:
            self._words += [" ", *element.itertext()]
            return
        self._gather(element.text)
        for child in element:
            self._child(child, depth)
            self._gather(child.tail)

    def _gathered(self) -> str:
        text = "".join(self._words)
        self._words.clear()
        return text

    def _gather(self, text: str | None) -> None:
        if text:
            self._words.append(_BLANKS.sub(" ", text))

    def _child(self, element: Any, depth: int) -> None:
        tag = element.tag
        if tag == "br":
            self._words.append("\n")
        elif tag not in _BLOCKS:
            self.block(element, depth + 1)
        else:
            self.flush()
            self._block(element, tag, depth)
            self.flush()

    def _block(self, element: Any, tag: str, depth: int) -> None:
        heading = _HEADING.match(tag)
        if heading:
            self._level = int(heading[1])
            self._manuscript.heading(self._level, _text(element))
        elif tag == "summary":  # what unfolds an answer is its heading
            self._manuscript.heading(self._level + 1, _text(element))
        elif tag in {"ul", "ol"}:
            self._list(element, 0, depth)
        elif tag == "table":
            self._table(element, depth)
        elif tag == "dl":
            self._definitions(element, depth)
        elif tag == "pre":
            self._manuscript.verbatim("".join(element.itertext()))
        elif tag == "blockquote":
            self._quote(element, depth)
        else:
            self.block(element, depth + 1)

    def _list(self, element: Any, level: int, depth: int) -> None:
        start = element.get("start", "1")
        number = int(start) if start.isdecimal() and len(start) < 6 else 1
        for item in element:
            if item.tag in {"ul", "ol"} and depth < _DEEPEST:  # wrong, and frequent
                self._list(item, level + 1, depth + 1)
            elif _holds(item, ("h1", "h2", "h3", "h4", "h5", "h6", "table", "pre", "details", "dl")):
                self.block(item, depth + 1)
                self.flush()
            else:
                inner: list[Any] = []
                words = "".join(_item_words(item, inner, 0))
                self._manuscript.item(level, words, number if element.tag == "ol" else None)
                number += 1
                for nested in inner if depth < _DEEPEST else ():
                    self._list(nested, level + 1, depth + 1)

    def _table(self, table: Any, depth: int) -> None:
        caption = table.find("caption")
        if is_layout(table):
            for cell in (cell for row in table.iter("tr") for cell in row if _owner(cell) is table):
                self.block(cell, depth + 1)
                self.flush()
            return
        if caption is not None:
            self._manuscript.paragraph(_text(caption))
        self._manuscript.table(rows_of(table))

    def _definitions(self, element: Any, depth: int) -> None:
        for child in element:
            if child.tag == "div" and depth < _DEEPEST:
                self._definitions(child, depth + 1)
            elif child.tag == "dt":
                words = _text(child)
                if words.endswith("?"):
                    self._manuscript.heading(self._level + 1, words)
                else:
                    self._manuscript.paragraph(f"**{words}**" if words else "")
            else:
                self.block(child, depth + 1)
                self.flush()

    def _quote(self, element: Any, depth: int) -> None:
        if _holds(element, ("ul", "ol", "table", "pre", "h1", "h2", "h3", "h4")):
            self.block(element, depth + 1)
            return
        inner: list[Any] = []
        lines = "".join(_item_words(element, inner, 0)).split("\n")
        self._manuscript.paragraph("\n".join(f"> {line.strip()}" for line in lines if line.strip()))


def _item_words(item: Any, inner: list[Any], depth: int) -> Iterator[str]:
    """Give an item's own words; the lists in it are put aside."""
    yield _BLANKS.sub(" ", item.text or "")
    for child in item:
        if child.tag in {"ul", "ol"}:
            inner.append(child)
        elif child.tag == "br":
            yield "\n"
        elif depth < _DEEPEST:
            apart = child.tag in _BLOCKS
            yield "\n" if apart else ""
            yield from _item_words(child, inner, depth + 1)
            yield "\n" if apart else ""
        yield _BLANKS.sub(" ", child.tail or "")


def _holds(element: Any, tags: tuple[str, ...]) -> bool:
    return next(element.iter(*tags), None) is not None


def _owner(cell: Any) -> Any:
    return next(cell.iterancestors("table"), None)


def _text(element: Any) -> str:
    return one_line(" ".join(element.itertext()) if len(element) else element.text or "")
