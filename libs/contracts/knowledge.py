"""What the knowledge service is asked and tells: passages that may answer a question."""

from datetime import datetime
from typing import Any

from msgspec import Struct


class Source(Struct, frozen=True, kw_only=True):
    """A passage that an answer may rest on.

    Attributes:
        metadata: `document_id`, `title`, `source`, `version`, `chunk` and what else the document carries.
        relevance_score: how near the passage is to the question, 0 (nothing in common) to 1 (the same text):
            the cosine of their embeddings, cut off at 0.
        rank: 1 for the nearest.
    """

    content: str
    metadata: dict[str, Any]
    relevance_score: float
    rank: int


class Search(Struct, frozen=True, kw_only=True):
    """Ask for the passages nearest to a question.

    Attributes:
        min_score: passages below it are not found; None leaves it to the knowledge service.
        filters: metadata keys and the values that a passage must have for each.
    """

    query: str
    limit: int = 5
    min_score: float | None = None
    filters: dict[str, Any] = {}


class SearchResult(Struct, frozen=True, kw_only=True):
    """The passages found, nearest first; none where nothing is near enough.

    Attributes:
        method: how they were found: `dense` (by meaning), `lexical` (by words).
        model: the embedding model's name.
    """

    sources: list[Source]
    method: str
    model: str


class Gap(Struct, frozen=True, kw_only=True):
    """A question that the documents did not answer.

    Attributes:
        question: in the words of whoever asked it last.
        count: how often it was asked, compared without case, accents and punctuation.
    """

    gap_id: str
    question: str
    count: int
    first_asked_at: datetime
    last_asked_at: datetime


class ListGaps(Struct, frozen=True, kw_only=True):
    """Ask for a tenant's gaps, most wanted first."""

    limit: int = 20
    offset: int = 0


class GapPage(Struct, frozen=True):
    """Some of a tenant's gaps, and how many there are in all."""

    gaps: list[Gap]
    total: int
