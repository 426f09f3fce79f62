"""The vector index on a Qdrant server, which any number of processes share.

The vector is named after the embedding model, as in the embedded index, so the collection says whose vectors it holds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TypeVar

from qdrant_client import AsyncQdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from libs.contracts.documents import Metadata
from services.knowledge.domain import NO_WORDS, Candidate, EmbeddingModel, Point, SparseVector, Vector
from services.knowledge.domain.facts import scopes, wanted
from services.knowledge.ports import IndexMismatch, IndexUnavailable

from .qdrant_union import PAYLOAD, WORDS, Kind, Scored, Union, payload, vector_names
from .qdrant_union import models as models_of

_Result = TypeVar("_Result")

_POINTS_PER_WRITE = 256  # about 2 MB of JSON at 384 dimensions; the server takes 32 MB
_INDEXED = {
    # The server keeps the points of one tenant together on disk.
    "tenant": models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    "document_id": models.PayloadSchemaType.KEYWORD,
    "session_id": models.PayloadSchemaType.KEYWORD,
    "facts": models.PayloadSchemaType.KEYWORD,
    "version": models.PayloadSchemaType.INTEGER,
}


class QdrantServerIndex:
    """A VectorIndex in one collection of a Qdrant server.

    Args:
        client: closed with the index.
        collection: its name; made on `open` where there is none.
    """

    def __init__(self, client: AsyncQdrantClient, collection: str = "knowledge") -> None:
        self._client = client
        self._collection = collection
        self._model: EmbeddingModel | None = None

    @classmethod
    def at(
        cls, url: str, *, collection: str = "knowledge", api_key: str | None = None, timeout_seconds: int = 5
    ) -> QdrantServerIndex:
        """An index on the server at `url`; connects with the first call. Every call ends within `timeout_seconds`."""
        # The compatibility check would make a blocking request here, in a constructor.
        client = AsyncQdrantClient(url=url, api_key=api_key, timeout=timeout_seconds, check_compatibility=False)
        return cls(client, collection)

    async def open(self, model: EmbeddingModel) -> None:
        """Find the collection or make it. Raises IndexMismatch, IndexUnavailable."""
        if self._model is not None:
            return
        await self._answer(self._ensure_collection(model))
        await self._refuse_other_model(model)
        self._model = model

    async def upsert(self, points: Sequence[Point]) -> None:
        """Write points; a point of the same tenant and passage is replaced."""
        model = self._opened()
        for start in range(0, len(points), _POINTS_PER_WRITE):
            part = [_server_point(point, model) for point in points[start : start + _POINTS_PER_WRITE]]
            await self._answer(self._client.upsert(self._collection, part, wait=True))

    async def delete_document(self, tenant: str, document_id: str, *, before_version: int | None = None) -> None:
        """Delete the points of a document, or only those of versions below `before_version`."""
        self._opened()
        conditions = [_equals("tenant", tenant), _equals("document_id", document_id)]
        if before_version is not None:
            conditions.append(models.FieldCondition(key="version", range=models.Range(lt=before_version)))
        selector = models.FilterSelector(filter=models.Filter(must=[*conditions]))
        await self._answer(self._client.delete(self._collection, selector, wait=True))

    async def search(
        self,
        vector: Vector | None,
        words: SparseVector = NO_WORDS,
        *,
        tenant: str,
        session_id: str | None = None,
        filters: Metadata | None = None,
        limit: int,
    ) -> list[Candidate]:
        """The best passages by meaning and the best by words, each with all scores."""
        asked = _Asked(self._opened(), vector, words, tenant)
        where = [_having(tenant, wanted(scope, filters or {})) for scope in scopes(tenant, session_id)]
        best_by: list[Kind] = [kind for kind in asked.kinds if kind != "headline"]
        found = await self._query([asked.request(kind, only, limit) for kind in best_by for only in where])
        union = Union(limit)
        for place, kind in enumerate(best_by):
            of_scopes = found[place * len(where) : (place + 1) * len(where)]
            union.take_best(kind, [each for scope in of_scopes for each in scope])
        lacking: list[tuple[Kind, list[str]]] = [(kind, ids) for kind in asked.kinds if (ids := union.without(kind))]
        more = await self._query([asked.request(kind, _among(ids), len(ids), first=False) for kind, ids in lacking])
        for (kind, _), scored in zip(lacking, more, strict=True):
            union.take(kind, scored)
        return union.candidates()

    async def count(self, tenant: str | None = None, document_id: str | None = None) -> int:
        """How many points there are: of all, of a tenant, or of one of its documents."""
        self._opened()
        named = (("tenant", tenant), ("document_id", document_id))
        conditions = [_equals(field, value) for field, value in named if value is not None]
        only = models.Filter(must=[*conditions]) if conditions else None
        return (await self._answer(self._client.count(self._collection, count_filter=only, exact=True))).count

    async def ping(self) -> None:
        """Return when the index can answer a search now; raise IndexUnavailable when it cannot."""
        self._opened()
        await self._answer(self._client.get_collection(self._collection))

    async def drop(self) -> None:
        """Delete the collection with all that it holds, and close."""
        await self._answer(self._client.delete_collection(self._collection))
        await self.close()

    async def close(self) -> None:
        """Close the connections. Closing twice does nothing."""
        self._model = None
        await self._client.close()

    async def _query(self, requests: Sequence[models.QueryRequest]) -> list[list[Scored]]:
        if not requests:
            return []
        answers = await self._answer(self._client.query_batch_points(self._collection, requests))
        return [[Scored.of(each.id, each.score, each.payload) for each in answer.points] for answer in answers]

    async def _ensure_collection(self, model: EmbeddingModel) -> None:
        if await self._client.collection_exists(self._collection):
            return
        try:
            await self._client.create_collection(
                self._collection,
                vectors_config=_vectors(model),
                sparse_vectors_config={WORDS: models.SparseVectorParams(modifier=models.Modifier.IDF)},
            )
        except UnexpectedResponse:
            # Another replica may have been first; if it was not that, the fault stands.
            if not await self._client.collection_exists(self._collection):
                raise
        for field, schema in _INDEXED.items():
            await self._client.create_payload_index(self._collection, field, field_schema=schema, wait=True)

    async def _refuse_other_model(self, model: EmbeddingModel) -> None:
        stored = (await self._answer(self._client.get_collection(self._collection))).config.params.vectors
        named = stored if isinstance(stored, dict) else {}
        sizes = models_of({name: vectors.size for name, vectors in named.items()})
        if sizes == ({} if model.lexical else {model.vector_name: model.dimension}):
            return
        described = ", ".join(f"{name} ({size} dimensions)" for name, size in sizes.items())
        raise IndexMismatch(
            f"The Qdrant collection {self._collection!r} holds vectors of {described or 'no model'}, but the "
            f"embedder is {model.name} ({model.dimension} dimensions). Name another collection or delete this one, and "
            "the index is built again from the document store; or configure the model that made it."
        )

    def _opened(self) -> EmbeddingModel:
        if self._model is None:
            raise IndexUnavailable("The vector index is not open.")
        return self._model

    async def _answer(self, call: Awaitable[_Result]) -> _Result:
        try:
            return await call
        except (ApiException, QdrantException) as fault:
            raise IndexUnavailable("The vector index could not carry out the request.") from fault


class _Asked:
    """A question as requests to the server.

    Attributes:
        kinds: by what is searched.
    """

    def __init__(self, model: EmbeddingModel, vector: Vector | None, words: SparseVector, tenant: str) -> None:
        self.kinds: list[Kind] = []
        self._queries: dict[Kind, tuple[str, Vector | models.SparseVector]] = {}
        for kind, name in vector_names(model).items():
            if kind == "words" and words.indices:
                self._add(kind, name, models.SparseVector(indices=words.indices, values=words.values))
            elif kind != "words" and vector:
                self._add(kind, name, vector)
        # What a word is worth is counted over the tenant's own passages.
        self._corpus = models.IdfCorpusParams(corpus=models.Filter(must=[_equals("tenant", tenant)]))

    def request(self, kind: Kind, only: models.Filter, limit: int, *, first: bool = True) -> models.QueryRequest:
        """Ask for the best `limit` of what a filter lets through; only for their scores where it is not the first."""
        using, query = self._queries[kind]
        params = models.SearchParams(idf=self._corpus) if kind == "words" else None
        return models.QueryRequest(
            query=query, using=using, filter=only, limit=limit, with_payload=PAYLOAD if first else False, params=params
        )

    def _add(self, kind: Kind, using: str, query: Vector | models.SparseVector) -> None:
        self.kinds.append(kind)
        self._queries[kind] = (using, query)


def _vectors(model: EmbeddingModel) -> dict[str, models.VectorParams]:
    size, cosine = max(1, model.dimension), models.Distance.COSINE
    vectors: dict[Kind, models.VectorParams] = {
        "meaning": models.VectorParams(size=size, distance=cosine),
        # It is only compared for what is found otherwise: no graph.
        "headline": models.VectorParams(
            size=size,
            distance=cosine,
            datatype=models.Datatype.FLOAT16,
            hnsw_config=models.HnswConfigDiff(m=0, payload_m=0),
        ),
    }
    return {name: vectors[kind] for kind, name in vector_names(model).items() if kind in vectors}


def _server_point(point: Point, model: EmbeddingModel) -> models.PointStruct:
    words = models.SparseVector(indices=point.words.indices, values=point.words.values)
    vectors: dict[str, models.Vector] = {WORDS: words}
    names = vector_names(model)
    if "meaning" in names:
        vectors[names["meaning"]] = point.vector
        if point.headline:
            vectors[names["headline"]] = point.headline
    return models.PointStruct(id=str(point.point_id), vector=vectors, payload=payload(point))


def _equals(field: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=field, match=models.MatchValue(value=value))


def _having(tenant: str, told: Sequence[str]) -> models.Filter:
    return models.Filter(must=[_equals("tenant", tenant), *(_equals("facts", fact) for fact in told)])


def _among(point_ids: Sequence[str]) -> models.Filter:
    return models.Filter(must=[models.HasIdCondition(has_id=[*point_ids])])
