"""What the knowledge service does: find passages for a question, keep the index true to the store, note what is missing."""

from collections.abc import Sequence

from libs.contracts.context import Context
from libs.contracts.errors import FieldError, Invalid
from libs.contracts.ids import GAP
from libs.contracts.knowledge import GapPage, ListGaps, Search, SearchResult, Source
from libs.contracts.session import SessionDeleted, TurnCompleted
from libs.runtime.ids import mint

from .domain import (
    Document,
    Passage,
    Point,
    metadata,
    next_version,
    normalised,
    result_key,
    split,
    supported,
    threshold,
    unanswered,
)
from .ports import DocumentStore, Embedder, GapStore, Results, VectorIndex

_BATCH = 64
_FILTERED_FROM = 100
_MOST_LISTED = 100


class App:
    """The use cases of the knowledge service."""

    def __init__(self, embedder: Embedder, index: VectorIndex, store: DocumentStore, results: Results) -> None:
        self._embedder = embedder
        self._index = index
        self._store = store
        self._results = results

    async def search(self, request: Search, ctx: Context) -> SearchResult:
        """Find the passages nearest to a question; none where nothing is near enough.

        A result that was found before is given again while the tenant's documents are of the same generation. That is
        read first: what changes during the search makes the result one that nobody asks for again.

        Raises:
            Unavailable: the embedder, the index or the store cannot answer; never an empty result instead.
        """
        generation = await self._store.generation(ctx.tenant)
        key = result_key(ctx.tenant, generation, self._embedder.model.name, request)
        if (known := await self._results.get(key)) is not None:
            return known
        result = await self._search(request, ctx.tenant)
        await self._results.keep(key, result)
        return result

    async def _search(self, request: Search, tenant: str) -> SearchResult:
        min_score = threshold(request)
        vector = await self._embedder.embed_query(normalised(request.query))
        # The index knows ids only: what is filtered by metadata is chosen from the nearest that it finds.
        limit = _FILTERED_FROM if request.filters else request.limit
        hits = supported(await self._index.search(vector, tenant=tenant, limit=limit, min_score=min_score), min_score)
        found = await self._store.passages(tenant, [hit.passage_id for hit in hits])
        kept = [(hit, metadata(found[hit.passage_id])) for hit in hits if hit.passage_id in found]
        wanted = [(hit, facts) for hit, facts in kept if request.filters.items() <= facts.items()][: request.limit]
        sources = [
            Source(
                content=found[hit.passage_id].passage.text,
                metadata=facts,
                relevance_score=round(hit.score, 4),
                rank=rank,
            )
            for rank, (hit, facts) in enumerate(wanted, start=1)
        ]
        return SearchResult(sources=sources, method="dense", model=self._embedder.model.name)

    async def put(self, document: Document) -> bool:
        """Store a document and index its passages; False where it has not changed.

        The new passages are found before the old ones are not: no search sees neither.
        """
        changed = next_version(document, await self._store.get(document.tenant, document.document_id))
        if changed is None:
            return False
        passages = split(changed)
        await self._write(passages)
        await self._store.put(changed, passages)
        await self._index.delete_document(changed.tenant, changed.document_id, before_version=changed.version)
        # Until now old passages took places among the nearest, and were then left out.
        await self._store.renew_generation(changed.tenant)
        return True

    async def delete(self, tenant: str, document_id: str) -> bool:
        """Delete a document; say whether there was one. Deleting again makes up for an index that was away."""
        deleted = await self._store.delete(tenant, document_id)
        await self._index.delete_document(tenant, document_id)
        await self._store.renew_generation(tenant)
        return deleted

    async def seed(self, documents: Sequence[Document]) -> int:
        """Load documents where a tenant has none yet; gives how many."""
        if not documents or await self._store.documents(documents[0].tenant):
            return 0
        for document in documents:
            await self.put(document)
        return len(documents)

    async def restore_index(self) -> int:
        """Build the index again where it does not hold what the store holds; gives the number of passages written."""
        if await self._index.count() == await self._store.count():
            return 0
        written = 0
        batch: list[Passage] = []
        async for passage in self._store.every_passage():
            batch.append(passage)
            if len(batch) == _BATCH:
                await self._write(batch)
                written += len(batch)
                batch = []
        await self._write(batch)
        await self._store.renew_generation()
        return written + len(batch)

    async def _write(self, passages: Sequence[Passage]) -> None:
        vectors = await self._embedder.embed_passages([passage.embedded_text for passage in passages])
        points = [
            Point(
                passage_id=passage.passage_id,
                document_id=passage.document_id,
                tenant=passage.tenant,
                version=passage.version,
                vector=vector,
            )
            for passage, vector in zip(passages, vectors, strict=True)
        ]
        await self._index.upsert(points)


class Gaps:
    """The use cases about what the documents do not answer."""

    def __init__(self, store: GapStore) -> None:
        self._store = store

    async def note(self, event: TurnCompleted, ctx: Context) -> None:
        """Note the question of an answer that says that it found nothing; once for each turn.

        Raises:
            Unavailable: it could not be done now.
        """
        if asked := unanswered(event):
            await self._store.note(ctx.tenant, ctx.key, asked, mint(GAP))

    async def forget(self, event: SessionDeleted, ctx: Context) -> None:
        """Forget what was asked in a session that was deleted.

        Raises:
            Unavailable: it could not be done now.
        """
        await self._store.forget(ctx.tenant, event.session_id)

    async def list_gaps(self, request: ListGaps, ctx: Context) -> GapPage:
        """List a tenant's gaps, most wanted first.

        Raises:
            Invalid: `invalid_request`.
        """
        if not 1 <= request.limit <= _MOST_LISTED:
            raise _invalid("limit", f"must be 1 to {_MOST_LISTED}")
        if request.offset < 0:
            raise _invalid("offset", "must be 0 or more")
        return GapPage(*await self._store.most_wanted(ctx.tenant, request.limit, request.offset))


def _invalid(field: str, why: str) -> Invalid:
    return Invalid("invalid_request", f"{field} {why}", errors=[FieldError(["query", field], why)])
