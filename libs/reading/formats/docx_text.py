"""The words of a paragraph of a Word file."""

from collections.abc import Iterator
from typing import Any

from .docx_styles import W

_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_HOLDERS = {
    W + name
    for name in (
        "r",
        "hyperlink",
        "ins",
        "moveTo",
        "smartTag",
        "sdt",
        "sdtContent",
        "fldSimple",
        "customXml",
        "dir",
        "bdo",
    )
} | {_MC + "AlternateContent", _MC + "Choice", _M + "oMath", _M + "oMathPara"}
_SIGNS = {W + "tab": "\t", W + "br": "\n", W + "cr": "\n", W + "noBreakHyphen": "-", W + "ptab": "\t"}
_NOTES = {W + "footnoteReference", W + "endnoteReference"}
_DEEPEST = 40
_LONGEST_HEADING = 400


def text_of(paragraph: Any) -> str:
    """Give a paragraph's text as it stands when every tracked change is accepted."""
    return "".join(_pieces(paragraph, 0))


def text_boxes(paragraph: Any) -> Iterator[Any]:
    """Give what floats beside a paragraph, each once although it stands there twice for older programs."""
    for box in paragraph.iter(W + "txbxContent"):
        ancestors = box.iterancestors()
        if not any(ancestor.tag == _MC + "Fallback" for ancestor in ancestors if ancestor is not paragraph):
            yield box


def is_heading_text(text: str) -> bool:
    """Whether text is short enough for a heading; whole pages in a heading's style are a mistake."""
    return len(text) <= _LONGEST_HEADING


def _pieces(element: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    for child in element:
        tag = child.tag
        if tag in {W + "t", _M + "t"}:
            yield child.text or ""
        elif tag in _SIGNS:
            yield _SIGNS[tag]
        elif tag in _NOTES:
            yield f"[{child.get(W + 'id', '')}]"
        elif tag == W + "r":
            if child.find(f"{W}rPr/{W}vanish") is None:
                yield from _pieces(child, depth + 1)
        elif tag in _HOLDERS or tag.startswith(_M):
            yield from _pieces(child, depth + 1)
