"""What the knowledge service is asked and tells: passages that may answer a question, and what is missing."""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct


class Source(Struct, frozen=True, kw_only=True):
    """A passage that an answer may rest on.

    Attributes:
        metadata: `document_id`, `title`, `source`, `version`, `chunk` and what else the document carries.
        relevance_score: 0..1, a calibrated share: of passages that came first with such evidence, this share was of the
            right document (docs/retrieval.md).
        rank: 1 for the nearest.
        cosine: of the two embeddings, cut off at 0 and 1; None where it was found by words alone.
    """

    content: str
    metadata: dict[str, Any]
    relevance_score: float
    rank: int
    cosine: float | None = None


class Search(Struct, frozen=True, kw_only=True):
    """Ask for the passages nearest to a question.

    Attributes:
        min_score: passages below it are not found; None leaves it to the knowledge service.
        filters: metadata keys and the values that a passage must have for each.
        session_id: whose uploads are searched, too; those of another session are never found.
    """

    query: str
    limit: int = 5
    min_score: float | None = None
    filters: dict[str, Any] = {}
    session_id: str | None = None


class SearchResult(Struct, frozen=True, kw_only=True):
    """The passages found, nearest first; none where nothing is near enough.

    Attributes:
        method: how they were found: `dense` (by meaning), `lexical` (by words), `hybrid` (by both).
        model: the embedding model's name.
    """

    sources: list[Source]
    method: str
    model: str


# open: nothing answers it; answered: an answer was written, and is not found yet; closed: it is found;
# dismissed: nobody is to write it.
GapState = Literal["open", "answered", "closed", "dismissed"]


class Gap(Struct, frozen=True, kw_only=True):
    """Questions of one meaning that the documents did not answer.

    Attributes:
        question: in the words of whoever asked it last.
        count: how often it was asked, or its answer rated down.
        examples: other wordings, the latest first, at most 5.
        draft: what an operator answered a customer who had asked it, for whoever answers the gap.
        document_id: the document that an answer of it became; it closes when its question finds that.
    """

    gap_id: str
    question: str
    count: int
    first_asked_at: datetime
    last_asked_at: datetime
    state: GapState = "open"
    examples: list[str] = []
    draft: str | None = None
    document_id: str | None = None


class ListGaps(Struct, frozen=True, kw_only=True):
    """Ask for a tenant's gaps of a state, most wanted first."""

    limit: int = 20
    offset: int = 0
    state: GapState = "open"


class GapPage(Struct, frozen=True):
    """Some of a tenant's gaps, and how many there are in all."""

    gaps: list[Gap]
    total: int


class DismissGap(Struct, frozen=True):
    """Say that a gap needs no answer; it comes back only where it is opened again."""

    gap_id: str


class ReopenGap(Struct, frozen=True):
    """Open a gap again."""

    gap_id: str


class AnswerGap(Struct, frozen=True, kw_only=True):
    """Answer a gap: question and answer become a document, and the gap closes when its question finds it.

    Attributes:
        answer: Markdown; the gap's draft where None.
        question: the document's question; the gap's where None.
    """

    gap_id: str
    answer: str | None = None
    question: str | None = None


class GapRecorded(Struct, frozen=True, kw_only=True):
    """A question was not answered. Its words are a customer's: ask the knowledge service for them."""

    gap_id: str
    count: int
