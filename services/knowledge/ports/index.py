"""What finds passages: an embedding model and a vector index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from libs.contracts.documents import Metadata
from libs.contracts.errors import Unavailable
from services.knowledge.domain import Build, Candidate, EmbeddingModel, Point, SparseVector, Vector


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
        """Its name, dimension and origin; what only its files can say is known once it is open."""
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

    def count_tokens(self, text: str) -> int:
        """How many tokens the model makes of a text, however long it is and without those that only begin or end one.

        Quick enough for single sentences; called from other threads, too. Raises Unavailable where it is not open.
        """
        ...

    async def close(self) -> None:
        """Let go of the model. Closing twice does nothing."""
        ...


class Reranker(Protocol):
    """Says how well a passage answers a question, by a model that reads both together; off the event loop."""

    @property
    def model(self) -> EmbeddingModel:
        """Its name and origin; its dimension is 1: a score."""
        ...

    async def open(self) -> None:
        """Load the model. Raises EmbedderFault. Opening an open one does nothing."""
        ...

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """A score from 0 to 1 for each text, in their order. Raises Unavailable where it is not open."""
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

    async def search(
        self,
        vector: Vector | None,
        words: SparseVector,
        *,
        tenant: str,
        session_id: str | None = None,
        filters: Metadata | None = None,
        limit: int,
    ) -> list[Candidate]:
        """The best passages by meaning and the best by words, each with all of its scores.

        Args:
            tenant: whose they are.
            session_id: whose uploads are searched beside what is of no session; never another's.
            vector: the question's meaning; none or empty where only words are to count.
            words: the question's words; none where only its meaning is to count.
            filters: what a passage must carry: its metadata, `document_id`, `version`.
            limit: how many at most by each, so that there may be twice as many in all.

        Returns:
            Passages, nearest in meaning first, then by words, then by id.
        """
        ...

    async def count(self, tenant: str | None = None, document_id: str | None = None) -> int:
        """How many points there are: of all, of a tenant, or of one of its documents."""
        ...

    async def ping(self) -> None:
        """Return when the index can answer a search now; raise IndexUnavailable when it cannot."""
        ...

    async def drop(self) -> None:
        """Remove the collection with all that it holds, and close. None there is no error. Raises IndexUnavailable."""
        ...

    async def close(self) -> None:
        """Let go of the engine. Closing twice does nothing."""
        ...


class Engines(Protocol):
    """Opens the index and the model that a build needs, keeps them open, and closes them at the end."""

    async def index(self, build: Build) -> VectorIndex:
        """The index of a build, opened. Raises IndexMismatch, IndexLocked, IndexUnavailable."""
        ...

    async def embedder(self, model: str) -> Embedder:
        """A model by its name as in `DESKBUS_EMBEDDING_MODEL`, opened. Raises EmbedderFault."""
        ...

    async def drop(self, build: Build) -> None:
        """Remove the index of a build with all that it holds; none there is no error. Raises IndexUnavailable."""
        ...
