"""The vector index on a Qdrant server, which any number of processes share.

The vector is named after the embedding model, as in the embedded index, so the collection says whose vectors it holds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TypeVar, cast

from qdrant_client import AsyncQdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from services.knowledge.domain import EmbeddingModel, Hit, Point, Vector, clipped, in_order
from services.knowledge.ports import IndexMismatch, IndexUnavailable

_Result = TypeVar("_Result")

_POINTS_PER_WRITE = 256  # about 2 MB of JSON at 384 dimensions; the server takes 32 MB
_INDEXED = {
    # The server keeps the points of one tenant together on disk.
    "tenant": models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    "document_id": models.PayloadSchemaType.KEYWORD,
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
        self._vector_name: str | None = None

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
        if self._vector_name is not None:
            return
        await self._answer(self._ensure_collection(model))
        await self._refuse_other_model(model)
        self._vector_name = model.name

    async def upsert(self, points: Sequence[Point]) -> None:
        """Write points; a point of the same tenant and passage is replaced."""
        name = self._opened()
        for start in range(0, len(points), _POINTS_PER_WRITE):
            part = [_server_point(point, name) for point in points[start : start + _POINTS_PER_WRITE]]
            await self._answer(self._client.upsert(self._collection, part, wait=True))

    async def delete_document(self, tenant: str, document_id: str, *, before_version: int | None = None) -> None:
        """Delete the points of a document, or only those of versions below `before_version`."""
        self._opened()
        conditions = [_equals("tenant", tenant), _equals("document_id", document_id)]
        if before_version is not None:
            conditions.append(models.FieldCondition(key="version", range=models.Range(lt=before_version)))
        selector = models.FilterSelector(filter=models.Filter(must=[*conditions]))
        await self._answer(self._client.delete(self._collection, selector, wait=True))

    async def search(self, vector: Vector, *, tenant: str, limit: int, min_score: float = 0.0) -> list[Hit]:
        """The nearest passages of this tenant with at least `min_score`, nearest first, at most `limit`."""
        name = self._opened()
        answer = await self._answer(
            self._client.query_points(
                self._collection,
                query=vector,
                using=name,
                query_filter=models.Filter(must=[_equals("tenant", tenant)]),
                limit=limit,
                with_payload=["passage_id", "document_id"],
            )
        )
        return in_order(hit for hit in map(_hit, answer.points) if hit.score >= min_score)

    async def count(self, tenant: str | None = None) -> int:
        """How many points there are: of one tenant, or of all."""
        self._opened()
        only = None if tenant is None else models.Filter(must=[_equals("tenant", tenant)])
        return (await self._answer(self._client.count(self._collection, count_filter=only, exact=True))).count

    async def ping(self) -> None:
        """Return when the index can answer a search now; raise IndexUnavailable when it cannot."""
        self._opened()
        await self._answer(self._client.get_collection(self._collection))

    async def close(self) -> None:
        """Close the connections. Closing twice does nothing."""
        self._vector_name = None
        await self._client.close()

    async def _ensure_collection(self, model: EmbeddingModel) -> None:
        if await self._client.collection_exists(self._collection):
            return
        vectors = {model.name: models.VectorParams(size=model.dimension, distance=models.Distance.COSINE)}
        try:
            await self._client.create_collection(self._collection, vectors_config=vectors)
        except UnexpectedResponse:
            # Another replica may have been first; if it was not that, the fault stands.
            if not await self._client.collection_exists(self._collection):
                raise
        for field, schema in _INDEXED.items():
            await self._client.create_payload_index(self._collection, field, field_schema=schema, wait=True)

    async def _refuse_other_model(self, model: EmbeddingModel) -> None:
        stored = (await self._answer(self._client.get_collection(self._collection))).config.params.vectors
        named = stored if isinstance(stored, dict) else {}
        if model.name in named and named[model.name].size == model.dimension:
            return
        described = ", ".join(f"{name} ({vectors.size} dimensions)" for name, vectors in named.items())
        raise IndexMismatch(
            f"The Qdrant collection {self._collection!r} holds vectors of {described or 'an unnamed model'}, but the "
            f"embedder is {model.name} ({model.dimension} dimensions). Name another collection or delete this one, and "
            "the index is built again from the document store; or configure the model that made it."
        )

    def _opened(self) -> str:
        if self._vector_name is None:
            raise IndexUnavailable("The vector index is not open.")
        return self._vector_name

    async def _answer(self, call: Awaitable[_Result]) -> _Result:
        try:
            return await call
        except (ApiException, QdrantException) as fault:
            raise IndexUnavailable("The vector index could not carry out the request.") from fault


def _server_point(point: Point, vector_name: str) -> models.PointStruct:
    payload = {
        "passage_id": point.passage_id,
        "document_id": point.document_id,
        "tenant": point.tenant,
        "version": point.version,
    }
    return models.PointStruct(id=str(point.point_id), vector={vector_name: point.vector}, payload=payload)


def _equals(field: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=field, match=models.MatchValue(value=value))


def _hit(found: models.ScoredPoint) -> Hit:
    payload = cast("dict[str, str]", found.payload)
    return Hit(passage_id=payload["passage_id"], document_id=payload["document_id"], score=clipped(found.score))
