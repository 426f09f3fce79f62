"""Vector indexes for tests: the same on each engine, with points in three dimensions."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from qdrant_client import AsyncQdrantClient

from services.knowledge.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.knowledge.adapters.qdrant_server_index import QdrantServerIndex
from services.knowledge.domain import NO_WORDS, Candidate, EmbeddingModel, Point, SparseVector, Vector
from services.knowledge.ports import VectorIndex

MODEL = EmbeddingModel(name="toy-3", dimension=3, origin="tests")
EAST, NORTH, UP = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]

# Makes another index over the same stored points, as the next process would.
Maker = Callable[[], VectorIndex]


def words(*hashes: int) -> SparseVector:
    """Words of weight 1."""
    return SparseVector([*hashes], [1.0] * len(hashes))


def point(
    passage: str,
    vector: Sequence[float],
    *said: int,
    tenant: str = "acme",
    version: int = 1,
    session_id: str = "",
    headline: Sequence[float] = (),
    **metadata: str | float | bool,
) -> Point:
    """The point of a passage: `document/position`, its vector, its words, and what it carries."""
    document_id, _, position = passage.partition("/")
    return Point(
        passage_id=f"{document_id}-v{version}-{position or 0}",
        document_id=document_id,
        tenant=tenant,
        session_id=session_id,
        version=version,
        vector=[*vector],
        headline=[*headline],
        words=words(*said),
        metadata=metadata,
    )


async def search(
    index: VectorIndex, vector: Vector | None, *said: int, tenant: str = "acme", limit: int = 10, **more: object
) -> list[Candidate]:
    """Search as most tests do."""
    session_id, filters = more.get("session_id"), more.get("filters")
    assert session_id is None or isinstance(session_id, str)
    assert filters is None or isinstance(filters, dict)
    asked = words(*said) if said else NO_WORDS
    return await index.search(vector, asked, tenant=tenant, session_id=session_id, filters=filters, limit=limit)


async def found(index: VectorIndex, vector: Vector | None, *said: int, **more: object) -> list[str]:
    """The ids of the documents that a search finds."""
    return [each.document_id for each in await search(index, vector, *said, **more)]  # type: ignore[arg-type]


@pytest.fixture(params=["embedded", "server, client's local mode", "server"])
async def maker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Maker]:
    """Each engine, over points of this test alone."""
    if request.param == "embedded":
        yield lambda: QdrantEdgeIndex(tmp_path / "index", lock_wait_s=0)
        return
    url = os.environ.get("DESKBUS_QDRANT_URL")
    if request.param == "server" and not url:
        pytest.skip("DESKBUS_QDRANT_URL is not set: a real server's payload indexes, timeouts and races are untested")
    client = AsyncQdrantClient(":memory:") if request.param != "server" else AsyncQdrantClient(url=url)
    collection = f"test_{uuid.uuid4().hex}"
    yield lambda: QdrantServerIndex(client, collection)
    if request.param == "server":
        await client.delete_collection(collection)
    await client.close()


@pytest.fixture
async def index(maker: Maker) -> AsyncIterator[VectorIndex]:
    """An open index on each engine."""
    opened = maker()
    await opened.open(MODEL)
    yield opened
    await let_go(opened)


async def let_go(index: VectorIndex) -> None:
    """Close what has to be closed for another to open it; the others share a client that is still needed."""
    if isinstance(index, QdrantEdgeIndex):
        await index.close()
