"""What the styles and lists of a Word file say: which paragraphs are headings, which are items, and of what kind."""

import re
from typing import Any

from msgspec import Struct

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HEADING_NAME = re.compile(r"heading\s*([1-9])$", re.IGNORECASE)
_DEEPEST_CHAIN = 20
_NO_OUTLINE = 9


class Style(Struct, kw_only=True):
    """How a paragraph is to be told: level of a heading (0: none), list (empty: none) and depth in it."""

    level: int = 0
    list_id: str = ""
    depth: int = 0


class Numbering(Struct, kw_only=True):
    """A list: the numbers that it shares with others of its name, the depths that have bullets, and its first numbers."""

    name: str
    bullets: set[int]
    starts: dict[int, int]


def value_of(parent: Any, name: str) -> str:
    """Give the value of a property; empty where it is not set."""
    found = parent.find(W + name) if parent is not None else None
    return found.get(W + "val", "") if found is not None else ""


def read_styles(root: Any) -> dict[str, Style]:
    """Give the paragraphs' styles by their ids, with what each has from the one that it is based on."""
    elements = {style.get(W + "styleId", ""): style for style in root.iter(W + "style")}
    styles: dict[str, Style] = {}
    for name in elements:
        chain: list[Any] = []
        following = name
        while following in elements and len(chain) < _DEEPEST_CHAIN:
            chain.append(elements[following])
            following = value_of(elements[following], "basedOn")
        style = Style()
        for element in reversed(chain):
            _apply(element, style)
        styles[name] = style
    for element in elements.values():
        if element.get(W + "default") == "1" and element.get(W + "type") == "paragraph":
            styles[""] = styles[element.get(W + "styleId", "")]
    return styles


def style_of(paragraph: Any, styles: dict[str, Style]) -> Style:
    """Give how a paragraph is to be told, by its style and by what it says of itself."""
    properties = paragraph.find(W + "pPr")
    known = styles.get(value_of(properties, "pStyle")) or styles.get("") or Style()
    style = Style(level=known.level, list_id=known.list_id, depth=known.depth)
    if properties is not None:
        _apply_properties(properties, style)
    return style


def _apply(element: Any, style: Style) -> None:
    name = value_of(element, "name")
    heading = _HEADING_NAME.match(name)
    if heading:
        style.level = int(heading[1])
    elif name.lower() == "title":
        style.level = 1
    properties = element.find(W + "pPr")
    if properties is not None:
        _apply_properties(properties, style)


def _apply_properties(properties: Any, style: Style) -> None:
    outline = value_of(properties, "outlineLvl")
    if outline.isdecimal():
        style.level = int(outline) + 1 if int(outline) < _NO_OUTLINE else 0
    numbering = properties.find(W + "numPr")
    if numbering is not None:
        list_id, depth = value_of(numbering, "numId"), value_of(numbering, "ilvl")
        if list_id:
            style.list_id = "" if list_id == "0" else list_id
        if depth.isdecimal():
            style.depth = int(depth)


def read_numbering(root: Any) -> dict[str, Numbering]:
    """Give the lists by their ids."""
    kinds: dict[str, Numbering] = {}
    for kind in root.iter(W + "abstractNum"):
        name = kind.get(W + "abstractNumId", "")
        numbering = Numbering(name=name, bullets=set(), starts={})
        for level in kind.iter(W + "lvl"):
            depth = level.get(W + "ilvl", "")
            if depth.isdecimal():
                if value_of(level, "numFmt") in {"bullet", "none"}:
                    numbering.bullets.add(int(depth))
                start = value_of(level, "start")
                numbering.starts[int(depth)] = int(start) if start.isdecimal() else 1
        kinds[name] = numbering
    lists: dict[str, Numbering] = {}
    for element in root.iter(W + "num"):
        kind = kinds.get(value_of(element, "abstractNumId"))
        if kind is not None:
            restarted = element.find(W + "lvlOverride") is not None
            list_id = element.get(W + "numId", "")
            name = f"{kind.name}/{list_id}" if restarted else kind.name
            lists[list_id] = Numbering(name=name, bullets=kind.bullets, starts=kind.starts)
    return lists
