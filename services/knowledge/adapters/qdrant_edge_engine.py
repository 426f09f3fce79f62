"""Qdrant's own engine as a library, in a folder that one process at a time owns.

It holds the GIL while it works (5 to 6 ms for a search among 100,000 passages), so it runs in a process of its own; see
`qdrant_edge_index`. Every write goes to the engine's write-ahead log before it returns, so a killed process loses
nothing that was written.

Vectors are compared by one bit a number first, and the best so found by all of it (0.995 of the best 50 of 100,000 are
then the best, in a sixth of the time). No graph is built: that would take minutes of a processor.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import msgspec
from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeOptimizersConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    FacetRequest,
    FieldCondition,
    Filter,
    HasIdCondition,
    IdfParams,
    KeywordIndexParams,
    MatchValue,
    Modifier,
    PayloadSchemaType,
    QuantizationSearchParams,
    Query,
    QueryBatchRequest,
    QueryRequest,
    RangeFloat,
    SearchParams,
    TurboQuantBitSize,
    TurboQuantQuantizationConfig,
    UpdateOperation,
    VectorStorageDatatype,
)
from qdrant_edge import Point as EdgePoint
from qdrant_edge import SparseVector as EdgeSparseVector

from services.knowledge.domain import EmbeddingModel, Point
from services.knowledge.domain.facts import scopes, wanted
from services.knowledge.ports import IndexLocked, IndexMismatch, IndexUnavailable

from .qdrant_edge_messages import Search
from .qdrant_union import PAYLOAD, WORDS, Kind, Scored, Union, models, payload, vector_names

_CONFIG_FILE = "edge_config.json"
# What the engine says of a folder that is in use: of its segments, or of its log.
_LOCKED = ("locked by another process", "WouldBlock")
_OVERSAMPLED = 400  # points whose vectors are compared whole, at least
_NO_GRAPH = 1_000_000_000  # KB of vectors from which a graph is built
_INDEXED = {
    "tenant": KeywordIndexParams(is_tenant=True),
    "document_id": PayloadSchemaType.Keyword,
    "session_id": PayloadSchemaType.Keyword,
    "facts": PayloadSchemaType.Keyword,
    "version": PayloadSchemaType.Integer,
}


class EdgeEngine:
    """An open collection in a folder, made where there is none.

    Raises IndexMismatch, IndexLocked, IndexUnavailable. The engine's own faults pass through its methods: it knows
    nothing more specific than `Exception`.
    """

    def __init__(self, folder: Path, model: EmbeddingModel) -> None:
        self._names = vector_names(model)
        self._shard = _opened(folder, model)
        # Whose passages there are: a few tenants' names at most, then it no longer matters.
        self._tenants = {str(hit.value) for hit in self._shard.facet(FacetRequest("tenant", limit=2, exact=True)).hits}

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points; a point of the same tenant and passage is replaced."""
        if len(self._tenants) < 2:
            self._tenants |= {point.tenant for point in points}
        self._shard.update(UpdateOperation.upsert_points([self._edge_point(point) for point in points]))

    def delete_document(self, tenant: str, document_id: str, before_version: int | None) -> None:
        """Delete the points of a document, or only those of versions below `before_version`."""
        conditions = [_equals("document_id", document_id), _equals("tenant", tenant)]
        if before_version is not None:
            conditions.append(FieldCondition("version", range=RangeFloat(lt=float(before_version))))
        self._shard.update(UpdateOperation.delete_points_by_filter(Filter(must=[*conditions])))

    def search(self, asked: Search) -> Union:
        """The best by meaning and by words, each with all scores."""
        kinds = self._kinds(asked)
        best_by: list[Kind] = [kind for kind in kinds if kind != "headline"]
        filters = [_having(wanted(scope, asked.filters)) for scope in scopes(asked.tenant, asked.session_id)]
        found = self._ask(asked, [(kind, each, asked.limit) for kind in best_by for each in filters], first=True)
        union = Union(asked.limit)
        for place, kind in enumerate(best_by):
            of_scopes = found[place * len(filters) : (place + 1) * len(filters)]
            union.take_best(kind, [each for scope in of_scopes for each in scope])
        lacking: list[tuple[Kind, list[str]]] = [(kind, ids) for kind in kinds if (ids := union.without(kind))]
        more = self._ask(asked, [(kind, _among(ids), len(ids)) for kind, ids in lacking], first=False)
        for (kind, _), scored in zip(lacking, more, strict=True):
            union.take(kind, scored)
        return union

    def count(self, tenant: str | None, document_id: str | None) -> int:
        """How many points there are: of all, of a tenant, or of one of its documents."""
        named = (("document_id", document_id), ("tenant", tenant))
        conditions = [_equals(field, value) for field, value in named if value is not None]
        return self._shard.count(CountRequest(filter=Filter(must=[*conditions]) if conditions else None))

    def ping(self) -> None:
        """Return when it can answer."""
        self._shard.info()

    def close(self) -> None:
        """Write everything out and give the folder free."""
        self._shard.close()

    def _kinds(self, asked: Search) -> list[Kind]:
        given: dict[Kind, bool] = {
            "meaning": bool(asked.vector), "headline": bool(asked.vector), "words": bool(asked.words.indices),
        }  # fmt: skip
        return [kind for kind in self._names if given[kind]]

    def _ask(self, asked: Search, queries: Sequence[tuple[Kind, Filter, int]], *, first: bool) -> list[list[Scored]]:
        if not queries:
            return []
        requests = [
            QueryRequest(
                limit=limit,
                query=self._query(kind, asked),
                filter=only,
                params=self._params(kind, asked, limit, first=first),
                with_payload=PAYLOAD if first else False,
            )
            for kind, only, limit in queries
        ]
        answers = self._shard.query_batch(QueryBatchRequest(requests))
        return [[Scored.of(each.id, each.score, each.payload) for each in answer] for answer in answers]

    def _query(self, kind: Kind, asked: Search) -> Query:
        if kind == "words":
            return Query.Nearest(EdgeSparseVector(asked.words.indices, asked.words.values), using=WORDS)
        return Query.Nearest(asked.vector, using=self._names[kind])

    def _params(self, kind: Kind, asked: Search, limit: int, *, first: bool) -> SearchParams | None:
        if kind == "meaning":
            if not first:
                return SearchParams(quantization=QuantizationSearchParams(ignore=True))
            more = max(8.0, _OVERSAMPLED / max(1, limit))
            return SearchParams(quantization=QuantizationSearchParams(rescore=True, oversampling=more))
        if kind == "headline" or self._tenants <= {asked.tenant}:
            return None  # all words are this tenant's; saying so would take twice the time
        return SearchParams(idf=IdfParams(corpus=Filter(must=[_equals("tenant", asked.tenant)])))

    def _edge_point(self, point: Point) -> EdgePoint:
        words = EdgeSparseVector(point.words.indices, point.words.values)
        vectors: dict[str, list[float] | EdgeSparseVector | list[list[float]]] = {WORDS: words}
        if "meaning" in self._names:
            vectors[self._names["meaning"]] = point.vector
            if point.headline:
                vectors[self._names["headline"]] = point.headline
        return EdgePoint(point.point_id, vectors, payload(point))


def _opened(folder: Path, model: EmbeddingModel) -> EdgeShard:
    """Load the collection and take the folder's lock; loading makes what is missing, also after half a creation."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_other_model(folder, model)
        shard = EdgeShard.load(str(folder), _config(model))
        _index_payload(shard)
        shard.optimize()  # does nothing but where a fifth is deleted: then it makes room, 14 s at 100,000 passages
    except IndexMismatch:
        raise
    except Exception as fault:  # the engine raises nothing more specific
        if any(words in str(fault) for words in _LOCKED):
            raise IndexLocked(
                f"Another process has the vector index in {folder} open. Stop it, give this one a folder of its own, "
                "or use a Qdrant server, which several processes can share."
            ) from fault
        raise IndexUnavailable(
            f"The vector index in {folder} cannot be opened. If that stays so, delete the folder, and the index is "
            "built again from the document store."
        ) from fault
    return shard


def _config(model: EmbeddingModel) -> EdgeConfig:
    names, size = vector_names(model), max(1, model.dimension)
    bits = TurboQuantQuantizationConfig(bits=TurboQuantBitSize.Bits1)
    vectors: dict[Kind, EdgeVectorParams] = {
        "meaning": EdgeVectorParams(size=size, distance=Distance.Cosine, quantization_config=bits),
        # It is only compared for what is found otherwise.
        "headline": EdgeVectorParams(size=size, distance=Distance.Cosine, datatype=VectorStorageDatatype.Float16),
    }
    return EdgeConfig(
        vectors={names[kind]: params for kind, params in vectors.items() if kind in names},
        sparse_vectors={WORDS: EdgeSparseVectorParams(modifier=Modifier.Idf)},
        optimizers=EdgeOptimizersConfig(indexing_threshold=_NO_GRAPH, default_segment_number=1),
    )


class _StoredVectors(msgspec.Struct):
    size: int


class _StoredConfig(msgspec.Struct):
    """The part of the engine's own `edge_config.json` that is read."""

    vectors: dict[str, _StoredVectors] = {}


def _refuse_other_model(folder: Path, model: EmbeddingModel) -> None:
    shape = folder / _CONFIG_FILE
    if not shape.exists():
        return
    stored = msgspec.json.decode(shape.read_bytes(), type=_StoredConfig).vectors
    sizes = models({name: vectors.size for name, vectors in stored.items()})
    if sizes == ({} if model.lexical else {model.vector_name: model.dimension}):
        return
    described = ", ".join(f"{name} ({size} dimensions)" for name, size in sizes.items()) or "no model"
    raise IndexMismatch(
        f"The vector index in {folder} holds vectors of {described}, but the embedder is {model.name} "
        f"({model.dimension} dimensions). Delete that folder, and the index is built again from the document store; "
        "or configure the model that made it."
    )


def _index_payload(shard: EdgeShard) -> None:
    known = shard.info().payload_schema
    for field, kind in _INDEXED.items():
        if field not in known:
            shard.update(UpdateOperation.create_field_index(field, kind))


def _equals(field: str, value: str) -> FieldCondition:
    return FieldCondition(field, match=MatchValue(value))


def _having(told: Sequence[str]) -> Filter:
    return Filter(must=[*(_equals("facts", fact) for fact in told)])


def _among(point_ids: Sequence[str]) -> Filter:
    return Filter(must=[HasIdCondition({UUID(each) for each in point_ids})])
