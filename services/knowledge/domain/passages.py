"""Passages: the pieces of documents that are embedded, found and quoted.

Ids are derived, never minted: the same document gives the same passages with the same ids.
"""

from __future__ import annotations

import re

from msgspec import Struct

from libs.contracts.documents import Metadata

from .chunking import Measure, Piece, pieces
from .documents import Document

_WORD = re.compile(r"\w{1,6}|[^\w\s]")


class Passage(Struct, frozen=True, kw_only=True):
    """A piece of a document, small enough to be embedded whole and to be quoted.

    Attributes:
        session_id: of an upload, the session that may find it; empty for what everybody may.
        position: 0 for the first passage of the document.
        heading: the headings above it, outermost first, joined by " > "; empty where there are none.
    """

    passage_id: str
    document_id: str
    tenant: str
    session_id: str = ""
    version: int
    position: int
    title: str
    heading: str
    text: str

    @property
    def headline(self) -> str:
        """Its title and headings, which other passages may share: what is compared with a question beside the text."""
        if self.heading == self.title or self.heading.startswith(f"{self.title} > "):
            return self.heading
        return "\n".join(part for part in (self.title, self.heading) if part)


class FoundPassage(Struct, frozen=True, kw_only=True):
    """A passage with what its document says about where it comes from."""

    passage: Passage
    source: str
    metadata: Metadata = {}


def metadata(found: FoundPassage) -> dict[str, object]:
    """What a reader is told about a passage: what the document carries, and where in it the passage stands."""
    passage = found.passage
    return {
        **found.metadata,
        "document_id": passage.document_id,
        "title": passage.title,
        "source": found.source,
        "version": passage.version,
        "chunk": passage.position,
        "heading": passage.heading,
    }


def filterable(passage: Passage, source: str, carried: Metadata) -> Metadata:
    """What a search may filter by: what the document carries, its id, title and source."""
    return {**carried, "document_id": passage.document_id, "title": passage.title, "source": source}


def split(document: Document, measure: Measure | None = None) -> list[Passage]:
    """Cut a document into passages, in its order; by a guess at its tokens where no model counts them."""
    found = pieces(document.body, document.entries, title=document.title, measure=measure or guessed_tokens)
    return [
        Passage(
            passage_id=f"{document.document_id}-v{document.version}-{position}",
            document_id=document.document_id,
            tenant=document.tenant,
            session_id=document.session_id,
            version=document.version,
            position=position,
            title=document.title,
            heading=piece.heading,
            text=piece.text,
        )
        for position, piece in enumerate(found or [Piece(heading="", text=document.body)])
    ]


def guessed_tokens(text: str) -> int:
    """About as many tokens as a model of words in parts makes of a text."""
    return len(_WORD.findall(text))
