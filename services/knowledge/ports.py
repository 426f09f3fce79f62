"""What the knowledge service needs from the outside: an embedder, a vector index and a document store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from libs.contracts.errors import Unavailable
from libs.contracts.knowledge import Gap, SearchResult
from services.knowledge.domain import Document, EmbeddingModel, FoundPassage, Hit, Passage, Point, Unanswered, Vector


class EmbedderFault(Exception):
    """The embedding model cannot be loaded, or is not the one it is said to be. For start-up: the process must end."""


class IndexMismatch(Exception):
    """The index holds vectors of another model or dimension. The message names both and says what to do."""


class IndexLocked(Exception):
    """Another process has the embedded index open; it serves one process only."""


class IndexUnavailable(Unavailable):
    """The index does not answer, or is not open. A caller may try again; it is never an empty result."""

    def __init__(self, detail: str) -> None:
        super().__init__("index_unavailable", detail)


class Embedder(Protocol):
    """Turns text into vectors of length 1, off the event loop. The same text always gives the same vector."""

    @property
    def model(self) -> EmbeddingModel:
        """Its name, dimension and origin; known before `open`."""
        ...

    async def open(self) -> None:
        """Load the model. Raises EmbedderFault. Opening an open embedder does nothing."""
        ...

    async def embed_query(self, text: str) -> Vector:
        """The vector of a question. Raises Unavailable where the embedder is not open."""
        ...

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of passages, in their order. Questions that arrive meanwhile do not wait for all of them."""
        ...

    async def close(self) -> None:
        """Let go of the model. Closing twice does nothing."""
        ...


class VectorIndex(Protocol):
    """Finds the passages whose vectors are nearest to a question's. Holds vectors and ids, no text.

    All methods but `open` and `close` raise IndexUnavailable where the engine does not answer. Whatever is written is
    found by the next search.
    """

    async def open(self, model: EmbeddingModel) -> None:
        """Open the collection, making it where there is none.

        Raises IndexMismatch (vectors of another model), IndexLocked (another process has it), IndexUnavailable.
        """
        ...

    async def upsert(self, points: Sequence[Point]) -> None:
        """Write points; a point of the same tenant and passage is replaced."""
        ...

    async def delete_document(self, tenant: str, document_id: str, *, before_version: int | None = None) -> None:
        """Delete the points of a document, or only those of versions below `before_version`. None there is no error.

        A new version is therefore indexed without a gap: upsert it, then delete what is before it.
        """
        ...

    async def search(self, vector: Vector, *, tenant: str, limit: int, min_score: float = 0.0) -> list[Hit]:
        """The nearest passages of this tenant with at least `min_score`, nearest first, at most `limit`."""
        ...

    async def count(self, tenant: str | None = None) -> int:
        """How many points there are: of one tenant, or of all."""
        ...

    async def ping(self) -> None:
        """Return when the index can answer a search now; raise IndexUnavailable when it cannot."""
        ...

    async def close(self) -> None:
        """Let go of the engine. Closing twice does nothing."""
        ...


class DocumentStore(Protocol):
    """The truth about documents and the text of their passages. The index can be built anew from it.

    Every method but `every_passage` and `count` sees one tenant only. A tenant's *generation* is what its searches rest
    on: `put` and `delete` give it a new one in their transaction. None comes twice.
    """

    async def put(self, document: Document, passages: Sequence[Passage]) -> None:
        """Store a document and its passages in one transaction, in place of all its earlier versions."""
        ...

    async def get(self, tenant: str, document_id: str) -> Document | None:
        """The stored version of a document."""
        ...

    async def documents(self, tenant: str) -> list[Document]:
        """All documents of a tenant, ordered by id."""
        ...

    async def passages(self, tenant: str, passage_ids: Sequence[str]) -> dict[str, FoundPassage]:
        """Passages by id. An id that is no longer there (its document has changed since the search) is left out."""
        ...

    async def delete(self, tenant: str, document_id: str) -> bool:
        """Delete a document and its passages; say whether there was one."""
        ...

    async def generation(self, tenant: str) -> str:
        """The tenant's generation; empty where it never had a document."""
        ...

    async def renew_generation(self, tenant: str | None = None) -> None:
        """Give a tenant, or all, a new generation: what the index holds has changed."""
        ...

    def every_passage(self) -> AsyncIterator[Passage]:
        """The passages of all tenants, to fill an index that is new, lost, or of another model."""
        ...

    async def count(self) -> int:
        """How many passages there are, of all tenants."""
        ...


class GapStore(Protocol):
    """Questions that the documents did not answer. Every method raises Unavailable where it cannot work."""

    async def note(self, tenant: str, session_id: str, asked: Unanswered, new_id: str) -> None:
        """Note a question, once for each turn; never one of a session that was forgotten.

        Args:
            tenant: whose documents did not answer.
            session_id: where it was asked.
            asked: the question.
            new_id: the gap's id, where there is none like it.
        """
        ...

    async def forget(self, tenant: str, session_id: str) -> None:
        """Forget what was asked in a session, and the gaps that nobody else has asked about. Twice is once."""
        ...

    async def most_wanted(self, tenant: str, limit: int, offset: int) -> tuple[list[Gap], int]:
        """Give a page of a tenant's gaps, asked most often first, last asked first of these, and how many there are."""
        ...


class Results(Protocol):
    """Results of searches that were found before. It may forget any at any time, and never raises."""

    async def get(self, key: str) -> SearchResult | None:
        """The result of a name."""
        ...

    async def keep(self, key: str, result: SearchResult) -> None:
        """Remember a result."""
        ...
