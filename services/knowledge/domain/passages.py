"""Passages: how a document is cut into pieces that can be embedded whole and quoted.

Ids are derived, never minted: the same document gives the same passages with the same ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from msgspec import Struct

from .documents import Document

# The model reads 256 tokens, about 1.3 to an English word, and the title takes some of them.
MAX_WORDS = 180

# For text that is hardly cut into words (long addresses, scripts without spaces).
MAX_CHARACTERS = 1_500

_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*?)(?:\s+#+)?\s*")

_FENCE = re.compile(r" {0,3}(```|~~~)")

# Where text that is too long is cut, the mildest cut first, and what joins the parts again.
_CUTS = ((re.compile(r"\n"), "\n"), (re.compile(r"(?<=[.!?])\s+"), " "), (re.compile(r"\s+"), " "))


class Passage(Struct, frozen=True, kw_only=True):
    """A piece of a document, small enough to be embedded whole and to be quoted.

    Attributes:
        position: 0 for the first passage of the document.
        heading: the headings above it, outermost first, joined by " > "; empty where there are none.
    """

    passage_id: str
    document_id: str
    tenant: str
    version: int
    position: int
    title: str
    heading: str
    text: str

    @property
    def embedded_text(self) -> str:
        """What the embedder reads: the text with its title and headings, which often hold the words of the question."""
        return "\n".join(part for part in (self.title, self.heading, self.text) if part)


class FoundPassage(Struct, frozen=True, kw_only=True):
    """A passage with what its document says about where it comes from."""

    passage: Passage
    source: str
    category: str


def metadata(found: FoundPassage) -> dict[str, object]:
    """What a reader is told about a passage, and what a search may filter by."""
    passage = found.passage
    return {
        "document_id": passage.document_id,
        "title": passage.title,
        "source": found.source,
        "version": passage.version,
        "chunk": passage.position,
        "category": found.category,
        "heading": passage.heading,
    }


def split(document: Document) -> list[Passage]:
    """Cut a document into passages of at most MAX_WORDS words and MAX_CHARACTERS characters, in its order.

    Paragraphs under the same headings share a passage while they fit. A paragraph that is too long is cut at its
    lines, then its sentences, then its words; a heading always begins a passage.
    """
    pieces = [
        (" > ".join(headings), text)
        for headings, blocks in groupby(_blocks(document.body), key=lambda block: block.headings)
        for text in _packed([piece for block in blocks for piece in _cut(block.text)], "\n\n")
    ]
    return [
        Passage(
            passage_id=f"{document.document_id}-v{document.version}-{position}",
            document_id=document.document_id,
            tenant=document.tenant,
            version=document.version,
            position=position,
            title=document.title,
            heading=heading,
            text=text,
        )
        for position, (heading, text) in enumerate(pieces)
    ]


class _Block(NamedTuple):
    """A paragraph, list or fenced code, and the headings above it."""

    headings: tuple[str, ...]
    text: str


def _blocks(markdown: str) -> Iterator[_Block]:
    """The blocks of a Markdown text (CommonMark's ATX headings and fences; anything else is a paragraph)."""
    headings: list[tuple[int, str]] = []
    for lines in _paragraphs(markdown.splitlines()):
        heading = _HEADING.fullmatch(lines[0])
        if heading is None:
            yield _Block(tuple(title for _, title in headings), "\n".join(lines))
            continue
        level = len(heading[1])
        headings = [(above, title) for above, title in headings if above < level]
        headings.append((level, heading[2]))


def _paragraphs(lines: Iterable[str]) -> Iterator[list[str]]:
    """Lines that belong together: blank lines and headings part them, but not inside a fence."""
    paragraph: list[str] = []
    fence = ""
    for line in lines:
        mark = _FENCE.match(line)
        if mark and fence in ("", mark[1]):
            fence = "" if fence else mark[1]
        heading = not fence and _HEADING.fullmatch(line)
        if (heading or (not fence and not line.strip())) and paragraph:
            yield paragraph
            paragraph = []
        if heading:
            yield [line]
        elif line.strip() or fence:
            paragraph.append(line.rstrip())
    if paragraph:
        yield paragraph


def _fits(text: str) -> bool:
    return len(text) <= MAX_CHARACTERS and len(text.split()) <= MAX_WORDS


def _cut(text: str, mildness: int = 0) -> list[str]:
    """`text` whole where it fits, else in parts that do, cut as mildly as can be."""
    if _fits(text):
        return [text]
    if mildness == len(_CUTS):
        return [text[start : start + MAX_CHARACTERS] for start in range(0, len(text), MAX_CHARACTERS)]
    pattern, joiner = _CUTS[mildness]
    parts = [piece for part in pattern.split(text) if part.strip() for piece in _cut(part, mildness + 1)]
    return _packed(parts, joiner)


def _packed(parts: Sequence[str], joiner: str) -> list[str]:
    """Join neighbours for as long as they fit together."""
    packed: list[str] = []
    for part in parts:
        if packed and _fits(joined := packed[-1] + joiner + part):
            packed[-1] = joined
        else:
            packed.append(part)
    return packed
