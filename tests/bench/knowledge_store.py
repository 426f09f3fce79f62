"""Very many passages, put directly where the service keeps them: in its tables and in its live build's index."""

import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import numpy as np

from services.knowledge.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.knowledge.domain import EmbeddingModel, Point, SparseVector, Vector
from services.knowledge.domain.lexical import passage_words

TENANT = "bench"
_PER_DOCUMENT = 4
_BATCH = 1_000
_TEXTS = 3_000  # different ones; counting the words of each of 100,000 would take longer than all else
_WORDS_EACH = 110


def words(text: str) -> SparseVector:
    """Words of a question, for the index alone."""
    hashes = sorted({zlib.crc32(word.lower().encode()) for word in text.split()})
    return SparseVector(hashes, [1.0] * len(hashes))


class Store:
    """The tables of a service that does not run.

    Attributes:
        build_id, model: of the live build.
    """

    def __init__(self, connection: Any, build_id: str, model: EmbeddingModel) -> None:
        self._connection = connection
        self.build_id = build_id
        self.model = model
        self._filled = 0
        self._random = np.random.default_rng(7)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> "AsyncIterator[Store]":
        """Connect, and look which build is live."""
        connection = await asyncpg.connect(url, server_settings={"search_path": "knowledge"})
        try:
            live = await connection.fetchrow("select * from builds where state = 'live'")
            model = EmbeddingModel(name=live["model"], dimension=live["dimension"], origin="bench")
            store = cls(connection, live["build_id"], model)
            store._filled = await connection.fetchval("select count(*) from passages where tenant = $1", TENANT)
            yield store
        finally:
            await connection.close()

    async def fill(self, index: QdrantEdgeIndex, size: int, text: Callable[[int], str]) -> None:
        """Add passages until there are so many."""
        texts = [text(_WORDS_EACH) for _ in range(_TEXTS)]
        said = [passage_words("", "", each) for each in texts]
        said = [words(text) if not known.indices else known for known, text in zip(said, texts, strict=True)]
        for start in range(self._filled, size, _BATCH):
            numbers = range(start, min(start + _BATCH, size))
            await self._insert(numbers, texts)
            vectors = self._random.standard_normal((len(numbers), 2, self.model.dimension)).tolist()
            await index.upsert([
                _point(number, said[number % _TEXTS], *both) for number, both in zip(numbers, vectors, strict=True)
            ])  # fmt: skip
        await self._connection.execute("insert into generations (tenant) values ($1) on conflict do nothing", TENANT)
        await self._connection.execute("analyze")
        self._filled = size

    async def _insert(self, numbers: range, texts: list[str]) -> None:
        documents = sorted({_document(number) for number in numbers})
        await self._connection.executemany(
            "insert into documents (tenant, document_id, title, source, version, newest_version) "
            "values ($1, $2, $3, $4, 1, 1) on conflict do nothing",
            [(TENANT, each, f"Title of {each}", f"bench/{each}") for each in documents],
        )
        await self._connection.copy_records_to_table(
            "passages",
            schema_name="knowledge",
            columns=["build_id", "tenant", "passage_id", "document_id", "version", "position", "heading", "text"],
            records=[
                (self.build_id, TENANT, _passage(number), _document(number), 1, number % _PER_DOCUMENT, "",
                 texts[number % _TEXTS])
                for number in numbers
            ],
        )  # fmt: skip


def _point(number: int, said: SparseVector, vector: Vector, headline: Vector) -> Point:
    return Point(
        passage_id=_passage(number),
        document_id=_document(number),
        tenant=TENANT,
        version=1,
        vector=vector,
        headline=headline,
        words=said,
    )


def _document(number: int) -> str:
    return f"doc_{number // _PER_DOCUMENT}"


def _passage(number: int) -> str:
    return f"{_document(number)}-v1-{number % _PER_DOCUMENT}"
