"""What the knowledge service does: find the passages nearest to a question, and keep the index true to the store."""

from collections.abc import Sequence

from libs.contracts.context import Context
from libs.contracts.knowledge import Search, SearchResult, Source

from .domain import MIN_SCORE, Document, FoundPassage, Hit, Passage, Point, next_version, split, supported
from .ports import DocumentStore, Embedder, VectorIndex

_BATCH = 64


class App:
    """The use cases of the knowledge service."""

    def __init__(self, embedder: Embedder, index: VectorIndex, store: DocumentStore) -> None:
        self._embedder = embedder
        self._index = index
        self._store = store

    async def search(self, request: Search, ctx: Context) -> SearchResult:
        """Find the passages nearest to a question; none where nothing is near enough.

        Raises:
            Unavailable: the embedder or the index cannot answer; never an empty result instead.
        """
        min_score = MIN_SCORE if request.min_score is None else request.min_score
        vector = await self._embedder.embed_query(request.query)
        hits = await self._index.search(vector, tenant=ctx.tenant, limit=request.limit, min_score=min_score)
        hits = supported(hits, min_score)
        found = await self._store.passages(ctx.tenant, [hit.passage_id for hit in hits])
        kept = [(hit, found[hit.passage_id]) for hit in hits if hit.passage_id in found]
        sources = [_source(hit, passage, rank) for rank, (hit, passage) in enumerate(kept, start=1)]
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
        return True

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


def _source(hit: Hit, found: FoundPassage, rank: int) -> Source:
    passage = found.passage
    return Source(
        content=passage.text,
        metadata={
            "document_id": passage.document_id,
            "title": passage.title,
            "source": found.source,
            "version": passage.version,
            "chunk": passage.position,
            "category": found.category,
            "heading": passage.heading,
        },
        relevance_score=round(hit.score, 4),
        rank=rank,
    )
