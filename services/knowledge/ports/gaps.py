"""What the documents do not answer, and where they were cited."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from libs.contracts.documents import Citation, DocumentUsage, PutDocument
from libs.contracts.knowledge import Gap, GapState
from services.knowledge.domain import Meaning, Unanswered


class GapStore(Protocol):
    """Questions that the documents did not answer. Every method raises Unavailable where it cannot work."""

    async def note(
        self, tenant: str, session_id: str, asked: Unanswered, new_id: str, meaning: Meaning | None = None
    ) -> None:
        """Note a question, once for each turn; never one of a session that was forgotten. It is told as an event.

        Args:
            tenant: whose documents did not answer.
            session_id: where it was asked.
            asked: the question.
            new_id: the gap's id, where there is none like it.
            meaning: by which gaps in other words are found; None: only the same words count.
        """
        ...

    async def draft(self, tenant: str, session_id: str, answer: str, at: datetime) -> None:
        """Keep what an operator answered with what the session's customer asked in vain within the day before."""
        ...

    async def forget(self, tenant: str, session_id: str) -> None:
        """Forget what was asked and cited in a session, and the gaps that nobody else has asked about. Twice is once."""
        ...

    async def most_wanted(
        self, tenant: str, limit: int, offset: int, state: GapState = "open"
    ) -> tuple[list[Gap], int]:
        """Give a page of a tenant's gaps, asked most often first, last asked first of these, and how many there are."""
        ...

    async def get(self, tenant: str, gap_id: str) -> Gap | None:
        """Give one gap."""
        ...

    async def answered_by(self, tenant: str, document_id: str) -> list[Gap]:
        """Give the gaps whose answer became this document, and that wait for being found."""
        ...

    async def set_state(self, tenant: str, gap_id: str, state: GapState, document_id: str | None = None) -> Gap | None:
        """Change what became of a gap; None where there is none."""
        ...


class CitationStore(Protocol):
    """Which answers cited what. Every method raises Unavailable where it cannot work."""

    async def note(self, tenant: str, citations: Sequence[tuple[str, Citation]]) -> None:
        """Note what an answer cited: document ids and citations. Twice is once; a forgotten session leaves nothing."""
        ...

    async def usage(self, tenant: str, document_id: str, version: int | None, limit: int, offset: int) -> DocumentUsage:
        """Give the answers that cited a document, newest first."""
        ...


class Meanings(Protocol):
    """What questions mean."""

    async def of(self, question: str) -> Meaning | None:
        """Give a question's meaning; None where no model is there. Raises Unavailable."""
        ...


class Library(Protocol):
    """What gaps need of documents."""

    async def add(self, tenant: str, new: PutDocument) -> str:
        """Add a document; gives its id. Raises Invalid."""
        ...

    async def finds(self, tenant: str, question: str, document_id: str) -> bool:
        """Say whether a question finds a document. Raises Unavailable."""
        ...
