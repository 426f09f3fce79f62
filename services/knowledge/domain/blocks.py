"""The blocks of a Markdown text: what stands under which headings, and where each block may be cut.

CommonMark's ATX headings and fences, GFM's tables, lists by their markers; anything else is a paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

Kind = Literal["paragraph", "list", "table", "fence"]

# Nothing in it can be matched in two ways: a long line of blanks would take hours.
_HEADING = re.compile(r" {0,3}(#{1,6})((?:[ \t]++(?!#++[ \t]*+\Z)[^ \t]*+)*+)(?:[ \t]++#++)?+[ \t]*+")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ITEM = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])(?:\s|$)")
_RULE = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
# A sentence ends at its mark and what closes it; an abbreviation is mostly followed by a small letter.
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]]*+(\s++)(?=[^\sa-z])|[。！？]+[」』）]*(\s*)(?=\S)")


class Block(NamedTuple):
    """A block and the headings above it, outermost first."""

    headings: tuple[str, ...]
    kind: Kind
    lines: list[str]

    @property
    def text(self) -> str:
        """The block as it stands."""
        return "\n".join(self.lines)


# Headings above a place in a text: each with its level, outermost first.
Path = list[tuple[int, str]]


def blocks(markdown: str, above: Path | None = None, *, goes_on: bool = False) -> Iterator[Block]:
    """Give the blocks of a text in its order. A heading with nothing under it is a paragraph under those above it.

    Args:
        markdown: the text.
        above: the headings that it stands under.
        goes_on: whether something comes after it, under its last heading.
    """
    path: Path = above or []
    bare = False
    for lines in _groups(markdown.splitlines()):
        heading = _HEADING.fullmatch(lines[0]) if len(lines) == 1 else None
        if heading is None:
            bare = False
            yield Block(tuple(title for _, title in path), _kind(lines), lines)
            continue
        level, title = len(heading[1]), (heading[2] or "").strip()
        if bare and path[-1][0] >= level:
            yield _alone(path)
        path = _under(path, level, title)
        bare = bool(title)
    if bare and not goes_on:
        yield _alone(path)


def flat_blocks(markdown: str) -> Iterator[Block]:
    """Give the blocks of a text, its headings among them."""
    for lines in _groups(markdown.splitlines()):
        yield Block((), _kind(lines), lines)


def outline(markdown: str, above: Path) -> Path:
    """The headings that stand above what comes after a text."""
    path = above
    for lines in _groups(markdown.splitlines()):
        if len(lines) == 1 and (heading := _HEADING.fullmatch(lines[0])):
            path = _under(path, len(heading[1]), (heading[2] or "").strip())
    return path


def headings_of(text: str, above: Path) -> list[str]:
    """The headings above a text that may begin with one itself."""
    heading = _HEADING.fullmatch(text.lstrip("\n").partition("\n")[0].rstrip())
    return [title for level, title in above if heading is None or level < len(heading[1])]


def _under(path: Path, level: int, title: str) -> Path:
    return [(above, text) for above, text in path if above < level] + ([(level, title)] if title else [])


def _alone(path: Path) -> Block:
    """A heading that nothing stands under."""
    return Block(tuple(title for _, title in path[:-1]), "paragraph", [path[-1][1]])


def _groups(lines: Iterable[str]) -> Iterator[list[str]]:
    """Lines that belong together: blank lines, headings and fences part them; items of a list stay together."""
    group: list[str] = []
    fence = ""
    blank = False
    for line in map(str.rstrip, lines):
        if fence:
            group.append(line)
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                yield group
                group, fence = [], ""
            continue
        if not line:
            blank = True
            continue
        mark = _FENCE.match(line)
        if group and (mark or _HEADING.fullmatch(line) or _parted(group, line, blank=blank)):
            yield group
            group = []
        if mark:
            fence = mark[1]
        group.append(line)
        blank = False
        if not fence and _HEADING.fullmatch(line):
            yield group
            group = []
    if group:
        yield group


def _parted(group: list[str], line: str, *, blank: bool) -> bool:
    """Whether a line begins another block than the one before it."""
    a_list = bool(_ITEM.match(group[0]))
    if not blank:
        return not a_list and bool(_ITEM.match(line)) and not line.lstrip()[0].isdigit()
    return not (a_list and (_ITEM.match(line) or line[0] in " \t"))


def _kind(lines: list[str]) -> Kind:
    if _FENCE.match(lines[0]):
        return "fence"
    if _ITEM.match(lines[0]):
        return "list"
    if len(lines) > 1 and "|" in lines[0] and _RULE.fullmatch(lines[1]):
        return "table"
    return "paragraph"


def items(lines: list[str]) -> list[str]:
    """The items of a list, each with the lines that belong to it."""
    found: list[list[str]] = []
    for line in lines:
        if found and not _ITEM.match(line):
            found[-1].append(line)
        else:
            found.append([line])
    return ["\n".join(each) for each in found]


def sentences(text: str) -> list[tuple[str, str]]:
    """The sentences of a text, each with the white space before it: none, a space or a line's end."""
    found: list[tuple[str, str]] = []
    start, gap = 0, ""
    for end in _SENTENCE_END.finditer(text):
        space = end[1] if end[1] is not None else end[2]
        found.append((gap, text[start : end.end() - len(space)]))
        start, gap = end.end(), "\n" if "\n" in space else " " if space else ""
    return [*found, (gap, text[start:])] if text[start:].strip() else found
