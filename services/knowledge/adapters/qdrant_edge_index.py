"""The vector index in this process: Qdrant's own engine as a library, in a folder that one process at a time owns.

Every write goes to the engine's write-ahead log before it returns, so a killed process loses nothing that was written.
The vector is named after the embedding model, so the collection itself says whose vectors it holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar, cast

import msgspec
from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeVectorParams,
    FieldCondition,
    Filter,
    MatchValue,
    PayloadSchemaType,
    Query,
    QueryRequest,
    RangeFloat,
    ScoredPoint,
    UpdateOperation,
)
from qdrant_edge import Point as EdgePoint

from services.knowledge.domain import EmbeddingModel, Hit, Point, Vector, clipped, in_order
from services.knowledge.ports import IndexLocked, IndexMismatch, IndexUnavailable

_Result = TypeVar("_Result")

# The engine holds the GIL while it works. Writes go in parts of this size (about 2 ms), so that the loop has its turn.
_POINTS_PER_WRITE = 64
# What the engine's error says when another process has the write-ahead log locked.
_LOCKED = "WouldBlock"
_CONFIG_FILE = "edge_config.json"  # where the engine keeps the collection's shape
_INDEXED = {
    "tenant": PayloadSchemaType.Keyword,
    "document_id": PayloadSchemaType.Keyword,
    "version": PayloadSchemaType.Integer,
}


class QdrantEdgeIndex:
    """A VectorIndex in `folder`.

    One thread of its own makes all calls, so they happen in order and never at once. It does not free the event loop:
    the engine never releases the GIL, so a search holds up the process for as long as it takes (measured: 0.3 ms at
    ten points, 1.6 ms at 20,000). A collection that outgrows that belongs on a server (`QdrantServerIndex`).
    `EdgeShard.optimize` is never called: it blocks for minutes, and exact search needs no graph.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._executor: ThreadPoolExecutor | None = None
        self._shard: EdgeShard | None = None
        self._vector_name = ""

    async def open(self, model: EmbeddingModel) -> None:
        """Open the folder's collection or make it. Raises IndexMismatch, IndexLocked, IndexUnavailable."""
        if self._shard is not None:
            return
        executor = ThreadPoolExecutor(1, thread_name_prefix="vector-index")
        try:
            self._shard = await asyncio.get_running_loop().run_in_executor(executor, _open, self._folder, model)
        except BaseException:
            executor.shutdown(wait=False)
            raise
        self._executor = executor
        self._vector_name = model.name

    async def upsert(self, points: Sequence[Point]) -> None:
        """Write points; a point of the same tenant and passage is replaced."""
        for start in range(0, len(points), _POINTS_PER_WRITE):
            part = [_edge_point(point, self._vector_name) for point in points[start : start + _POINTS_PER_WRITE]]
            await self._call(lambda shard, part=part: shard.update(UpdateOperation.upsert_points(part)))

    async def delete_document(self, tenant: str, document_id: str, *, before_version: int | None = None) -> None:
        """Delete the points of a document, or only those of versions below `before_version`."""
        conditions = [_equals("tenant", tenant), _equals("document_id", document_id)]
        if before_version is not None:
            conditions.append(FieldCondition("version", range=RangeFloat(lt=float(before_version))))
        operation = UpdateOperation.delete_points_by_filter(Filter(must=[*conditions]))
        await self._call(lambda shard: shard.update(operation))

    async def search(self, vector: Vector, *, tenant: str, limit: int, min_score: float = 0.0) -> list[Hit]:
        """The nearest passages of this tenant with at least `min_score`, nearest first, at most `limit`."""
        request = QueryRequest(
            limit=limit,
            query=Query.Nearest(vector, using=self._vector_name),
            filter=Filter(must=[_equals("tenant", tenant)]),
            with_payload=["passage_id", "document_id"],
        )
        found = await self._call(lambda shard: shard.query(request))
        return in_order(hit for hit in map(_hit, found) if hit.score >= min_score)

    async def count(self, tenant: str | None = None) -> int:
        """How many points there are: of one tenant, or of all."""
        only = None if tenant is None else Filter(must=[_equals("tenant", tenant)])
        return await self._call(lambda shard: shard.count(CountRequest(filter=only)))

    async def ping(self) -> None:
        """Return when the index can answer a search now; raise IndexUnavailable when it cannot."""
        await self._call(lambda shard: shard.info())

    async def close(self) -> None:
        """Write everything out and give the folder free. Closing twice does nothing."""
        executor, shard = self._executor, self._shard
        self._executor, self._shard = None, None
        if executor is None or shard is None:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(executor, shard.close)
        finally:
            executor.shutdown(wait=False)

    async def _call(self, work: Callable[[EdgeShard], _Result]) -> _Result:
        executor, shard = self._executor, self._shard
        if executor is None or shard is None:
            raise IndexUnavailable("The vector index is not open.")
        try:
            return await asyncio.get_running_loop().run_in_executor(executor, work, shard)
        except Exception as fault:  # the engine raises nothing more specific
            raise IndexUnavailable("The vector index could not carry out the request.") from fault


def _open(folder: Path, model: EmbeddingModel) -> EdgeShard:
    """Load the collection and take the folder's lock; loading makes what is missing, also after half a creation."""
    config = EdgeConfig(vectors={model.name: EdgeVectorParams(size=model.dimension, distance=Distance.Cosine)})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_other_model(folder, model)
        shard = EdgeShard.load(str(folder), config)
        _index_payload(shard)
    except IndexMismatch:
        raise
    except Exception as fault:  # the engine raises nothing more specific
        if _LOCKED in str(fault):
            raise IndexLocked(
                f"Another process has the vector index in {folder} open. Stop it, give this one a folder of its own, "
                "or use a Qdrant server, which several processes can share."
            ) from fault
        raise IndexUnavailable(
            f"The vector index in {folder} cannot be opened. If that stays so, delete the folder, and the index is "
            "built again from the document store."
        ) from fault
    return shard


def _refuse_other_model(folder: Path, model: EmbeddingModel) -> None:
    shape = folder / _CONFIG_FILE
    if not shape.exists():
        return
    stored = msgspec.json.decode(shape.read_bytes(), type=_StoredConfig).vectors
    if model.name in stored and stored[model.name].size == model.dimension:
        return
    described = ", ".join(f"{name} ({vectors.size} dimensions)" for name, vectors in stored.items()) or "no model"
    raise IndexMismatch(
        f"The vector index in {folder} holds vectors of {described}, but the embedder is {model.name} "
        f"({model.dimension} dimensions). Delete that folder, and the index is built again from the document store; "
        "or configure the model that made it."
    )


class _StoredVectors(msgspec.Struct):
    size: int


class _StoredConfig(msgspec.Struct):
    """The part of the engine's own `edge_config.json` that is read."""

    vectors: dict[str, _StoredVectors]


def _index_payload(shard: EdgeShard) -> None:
    known = shard.info().payload_schema
    for field, kind in _INDEXED.items():
        if field not in known:
            shard.update(UpdateOperation.create_field_index(field, kind))


def _edge_point(point: Point, vector_name: str) -> EdgePoint:
    payload = {
        "passage_id": point.passage_id,
        "document_id": point.document_id,
        "tenant": point.tenant,
        "version": point.version,
    }
    return EdgePoint(point.point_id, {vector_name: point.vector}, payload)


def _equals(field: str, value: str) -> FieldCondition:
    return FieldCondition(field, match=MatchValue(value))


def _hit(found: ScoredPoint) -> Hit:
    payload = cast("dict[str, str]", found.payload)
    return Hit(passage_id=payload["passage_id"], document_id=payload["document_id"], score=clipped(found.score))
