"""The rules of knowledge: documents, how they are split into passages, and what is near enough to be an answer.

Pure and synchronous. Ids are derived, never minted: the same document gives the same passages with the same ids.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

# A unit-length embedding; its dimension is the model's.
Vector: TypeAlias = list[float]

# Chosen on two sets with the int8 MiniLM: of the FAQ set it turns away none of 625 answerable questions and 97 of 100
# foreign ones; over the seed documents it answers 50 of 55 paraphrases and turns away 16 of 18 near misses.
MIN_SCORE = 0.33

# The model reads 256 tokens, about 1.3 to an English word, and the title takes some of them.
MAX_WORDS = 180
# For text that is hardly cut into words (long addresses, scripts without spaces).
MAX_CHARACTERS = 1_500

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,100}")
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*?)(?:\s+#+)?\s*")
_FENCE = re.compile(r" {0,3}(```|~~~)")
# Where text that is too long is cut, the mildest cut first, and what joins the parts again.
_CUTS = ((re.compile(r"\n"), "\n"), (re.compile(r"(?<=[.!?])\s+"), " "), (re.compile(r"\s+"), " "))
_POINTS = uuid.UUID("6f0f4c0e-6d0b-5f0e-9d53-1a7b6f6c2d11")  # the name space of point ids; changing it orphans points


class MalformedDocument(ValueError):
    """A document that cannot be read; the message says what is wrong with it, for the person who wrote it."""


class EmbeddingModel(Struct, frozen=True, kw_only=True):
    """Which model makes the vectors. Vectors of different models have nothing to say to each other.

    Attributes:
        name: with the precision, since int8 and float32 vectors differ.
        dimension: the length of each vector.
        origin: how the model was obtained, for readiness and logs.
    """

    name: str
    dimension: int
    origin: str


class Document(Struct, frozen=True, kw_only=True):
    """A text that answers may rest on.

    Attributes:
        source: where a reader finds it (a path or an address).
        version: 1 for the first text under this id, one more for each change.
    """

    document_id: str
    tenant: str
    title: str
    source: str
    category: str
    body: str
    version: int = 1

    @property
    def content_hash(self) -> str:
        """sha256 (hex) of everything a reader sees: equal means that there is nothing to index again."""
        seen = f"{self.title}\x00{self.source}\x00{self.category}\x00{self.body}"
        return hashlib.sha256(seen.encode()).hexdigest()


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


class Point(Struct, frozen=True, kw_only=True):
    """A passage's vector in the index, with what searches filter by. Its text stays in the document store."""

    passage_id: str
    document_id: str
    tenant: str
    version: int
    vector: Vector

    @property
    def point_id(self) -> uuid.UUID:
        """The same for the same passage of the same tenant, so that indexing twice changes nothing."""
        return uuid.uuid5(_POINTS, f"{self.tenant}/{self.passage_id}")


class Hit(Struct, frozen=True, kw_only=True):
    """A passage found.

    Attributes:
        score: the cosine of the question's and the passage's vectors, cut off at 0 and 1. Unrelated texts score
            below about 0.3, the same text 1. It ranks and it can be compared with MIN_SCORE; it is no probability.
    """

    passage_id: str
    document_id: str
    score: float


def clipped(cosine: float) -> float:
    """A cosine as a score: rounding can pass 1, and less than nothing in common is nothing in common."""
    return min(1.0, max(0.0, cosine))


def in_order(hits: Iterable[Hit]) -> list[Hit]:
    """Nearest first; equal scores in the order of their passage ids, so that an answer never depends on the engine."""
    return sorted(hits, key=lambda hit: (-hit.score, hit.passage_id))


def supported(hits: Iterable[Hit], min_score: float = MIN_SCORE) -> list[Hit]:
    """The hits that an answer may rest on, nearest first. None means: say that nothing is known about it."""
    return in_order(hit for hit in hits if hit.score >= min_score)


def is_document_id(text: str) -> bool:
    """Whether `text` may name a document: it becomes part of subjects and of passage ids."""
    return _TOKEN.fullmatch(text) is not None


def read_document(markdown: str, *, tenant: str) -> Document:
    """Read a Markdown document whose front matter gives `id`, `title`, `source` and `category`, one a line.

    Raises MalformedDocument.
    """
    parts = _FRONT_MATTER.match(markdown.replace("\r\n", "\n").removeprefix("\ufeff"))
    if parts is None:
        raise MalformedDocument("A document begins with front matter between two lines of '---'.")
    fields = dict(_field(line) for line in parts[1].splitlines() if line.strip())
    missing = [name for name in ("id", "title", "source", "category") if not fields.get(name)]
    if missing:
        raise MalformedDocument(f"The front matter lacks {', '.join(missing)}.")
    if not is_document_id(fields["id"]):
        raise MalformedDocument(f"The id {fields['id']!r} may have only letters, digits, '_' and '-', 100 at most.")
    if not parts[2].strip():
        raise MalformedDocument(f"{fields['id']} has no text.")
    return Document(
        document_id=fields["id"],
        tenant=tenant,
        title=fields["title"],
        source=fields["source"],
        category=fields["category"],
        body=parts[2].strip(),
    )


def _field(line: str) -> tuple[str, str]:
    name, separator, value = line.partition(":")
    if not separator:
        raise MalformedDocument(f"{line!r} in the front matter is not 'name: value'.")
    return name.strip(), value.strip()


def next_version(document: Document, stored: Document | None) -> Document | None:
    """The document as it must be stored now: with the version after `stored`, or None where nothing has changed."""
    if stored is None:
        return document
    if stored.content_hash == document.content_hash:
        return None
    return replace(document, version=stored.version + 1)


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
