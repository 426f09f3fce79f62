"""What every VectorIndex promises, on each engine, and what only the embedded one does."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from qdrant_client import AsyncQdrantClient

from services.knowledge.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.knowledge.adapters.qdrant_server_index import QdrantServerIndex
from services.knowledge.domain import EmbeddingModel, Point
from services.knowledge.ports import IndexLocked, IndexMismatch, IndexUnavailable, VectorIndex
from tests.support.embedding import ROOT

# The client's local mode ignores payload indexes and says so.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning")

MODEL = EmbeddingModel(name="toy-3", dimension=3, origin="tests")
EAST, NORTH, UP = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]

# Makes another index over the same stored points, as the next process would.
Maker = Callable[[], VectorIndex]


def point(passage: str, vector: list[float], *, tenant: str = "acme", version: int = 1) -> Point:
    document_id, _, position = passage.partition("/")
    passage_id = f"{document_id}-v{version}-{position or 0}"
    return Point(passage_id=passage_id, document_id=document_id, tenant=tenant, version=version, vector=vector)


@pytest.fixture(params=["embedded", "server, client's local mode", "server"])
async def maker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Maker]:
    if request.param == "embedded":
        yield lambda: QdrantEdgeIndex(tmp_path / "index")
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
    opened = maker()
    await opened.open(MODEL)
    yield opened
    if isinstance(opened, QdrantEdgeIndex):  # closing the other would close the client that the fixture still needs
        await opened.close()


async def found(index: VectorIndex, vector: list[float], *, tenant: str = "acme", limit: int = 10) -> list[str]:
    return [hit.passage_id for hit in await index.search(vector, tenant=tenant, limit=limit)]


async def test_the_nearest_comes_first_with_the_cosine_as_score(index: VectorIndex) -> None:
    await index.upsert([point("north", NORTH), point("northeast", [2.0, 2.0, 0.0]), point("east", EAST)])
    hits = await index.search([3.0, 0.0, 0.0], tenant="acme", limit=10)
    assert [(hit.document_id, hit.passage_id) for hit in hits] == [
        ("east", "east-v1-0"),
        ("northeast", "northeast-v1-0"),
        ("north", "north-v1-0"),
    ]
    assert [hit.score for hit in hits] == pytest.approx([1.0, 0.7071, 0.0], abs=1e-3)


async def test_scores_stay_between_0_and_1(index: VectorIndex) -> None:
    await index.upsert([point("west", [-1.0, 0.0, 0.0]), point("east", [0.1, 0.0, 0.0])])
    assert [hit.score for hit in await index.search(EAST, tenant="acme", limit=10)] == [1.0, 0.0]


async def test_limit_and_min_score_bound_the_hits(index: VectorIndex) -> None:
    await index.upsert([point("east", EAST), point("northeast", [1.0, 1.0, 0.0]), point("north", NORTH)])
    assert await found(index, EAST, limit=1) == ["east-v1-0"]
    near = await index.search(EAST, tenant="acme", limit=10, min_score=0.5)
    assert [hit.document_id for hit in near] == ["east", "northeast"]
    assert await index.search(UP, tenant="acme", limit=10, min_score=0.5) == []


async def test_a_tenant_never_finds_what_is_anothers(index: VectorIndex) -> None:
    await index.upsert([point("canary", EAST, tenant="globex"), point("north", NORTH)])
    assert await found(index, EAST) == ["north-v1-0"]
    assert await found(index, EAST, tenant="globex") == ["canary-v1-0"]
    assert await found(index, EAST, tenant="initech") == []


async def test_tenants_may_hold_documents_of_the_same_id(index: VectorIndex) -> None:
    await index.upsert([point("refunds", EAST), point("refunds", NORTH, tenant="globex")])
    assert await index.count() == 2
    await index.delete_document("acme", "refunds")
    assert await found(index, NORTH) == []
    assert await found(index, NORTH, tenant="globex") == ["refunds-v1-0"]


async def test_writing_again_replaces(index: VectorIndex) -> None:
    await index.upsert([point("refunds", EAST)])
    await index.upsert([point("refunds", NORTH)])
    (hit,) = await index.search(NORTH, tenant="acme", limit=10)
    assert hit.score == pytest.approx(1.0)


async def test_a_document_goes_with_all_its_passages(index: VectorIndex) -> None:
    await index.upsert([point("refunds/0", EAST), point("refunds/1", NORTH), point("shipping", UP)])
    await index.delete_document("acme", "refunds")
    await index.delete_document("acme", "never-there")
    assert await found(index, EAST) == ["shipping-v1-0"]


async def test_only_older_versions_can_be_deleted(index: VectorIndex) -> None:
    await index.upsert([point("refunds", EAST, version=version) for version in (1, 2, 3)])
    await index.upsert([point("shipping", NORTH)])
    await index.delete_document("acme", "refunds", before_version=3)
    assert await found(index, EAST) == ["refunds-v3-0", "shipping-v1-0"]


async def test_many_points_are_written_and_counted(index: VectorIndex) -> None:
    many = [point(f"doc/{n}", [1.0, float(n), 0.0]) for n in range(600)]
    await index.upsert([*many, point("other", UP, tenant="globex")])
    assert (await index.count(), await index.count("acme"), await index.count("initech")) == (601, 600, 0)
    assert await found(index, EAST, limit=3) == ["doc-v1-0", "doc-v1-1", "doc-v1-2"]


async def test_equal_scores_come_in_the_order_of_their_ids(index: VectorIndex) -> None:
    await index.upsert([point(name, EAST) for name in "dhbgcafe"])
    assert await found(index, EAST) == [f"{name}-v1-0" for name in "abcdefgh"]


async def test_nothing_to_write_is_no_error(index: VectorIndex) -> None:
    await index.upsert([])
    assert await index.count() == 0
    await index.ping()


async def test_the_next_process_finds_what_was_written(maker: Maker) -> None:
    first = maker()
    await first.open(MODEL)
    await first.upsert([point("refunds", EAST)])
    if isinstance(first, QdrantEdgeIndex):
        await first.close()
    second = maker()
    await second.open(replace(MODEL, origin="another way of obtaining the same model"))
    assert await found(second, EAST) == ["refunds-v1-0"]
    await second.close()


@pytest.mark.parametrize(
    "other",
    [replace(MODEL, dimension=4), replace(MODEL, name="other-3")],
    ids=["dimension", "model"],
)
async def test_r32_an_index_of_another_model_is_refused(maker: Maker, other: EmbeddingModel) -> None:
    first = maker()
    await first.open(other)
    if isinstance(first, QdrantEdgeIndex):
        await first.close()
    second = maker()
    with pytest.raises(IndexMismatch) as refusal:
        await second.open(MODEL)
    assert f"{other.name} ({other.dimension} dimensions)" in str(refusal.value)
    assert "toy-3 (3 dimensions)" in str(refusal.value)
    assert "built again" in str(refusal.value)
    with pytest.raises(IndexUnavailable):
        await second.ping()


async def test_an_index_that_is_not_open_is_unavailable_never_empty(maker: Maker) -> None:
    unopened = maker()
    with pytest.raises(IndexUnavailable):
        await unopened.search(EAST, tenant="acme", limit=1)
    await unopened.open(MODEL)
    await unopened.open(MODEL)
    await unopened.close()
    await unopened.close()
    with pytest.raises(IndexUnavailable):
        await unopened.count()


async def test_a_vector_of_the_wrong_length_is_refused(tmp_path: Path) -> None:
    index = QdrantEdgeIndex(tmp_path / "index")
    await index.open(MODEL)
    with pytest.raises(IndexUnavailable):
        await index.upsert([point("refunds", [1.0, 0.0])])
    await index.close()


async def test_a_server_that_is_away_is_unavailable() -> None:
    index = QdrantServerIndex.at("http://127.0.0.1:9", timeout_seconds=1)
    with pytest.raises(IndexUnavailable):
        await index.open(MODEL)
    await index.close()


async def test_the_embedded_index_serves_one_process(tmp_path: Path) -> None:
    first = QdrantEdgeIndex(tmp_path / "index")
    await first.open(MODEL)
    second = QdrantEdgeIndex(tmp_path / "index")
    with pytest.raises(IndexLocked, match="Another process has the vector index"):
        await second.open(MODEL)
    await first.close()
    await second.open(MODEL)
    await second.close()


KILLED_WRITER = """
import asyncio, pathlib, sys, time
from services.knowledge.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.knowledge.domain import EmbeddingModel, Point

async def main():
    index = QdrantEdgeIndex(pathlib.Path(sys.argv[1]))
    await index.open(EmbeddingModel(name="toy-3", dimension=3, origin="tests"))
    await index.upsert([
        Point(passage_id=f"doc-v1-{n}", document_id="doc", tenant="acme", version=1, vector=[1.0, n, 0.0])
        for n in range(200)
    ])
    print("written", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_killed_process_loses_nothing_that_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED_WRITER, str(folder), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert writer.stdout is not None
        assert await asyncio.wait_for(writer.stdout.readline(), 30) == b"written\n"
        with pytest.raises(IndexLocked):
            await QdrantEdgeIndex(folder).open(MODEL)
    finally:
        writer.kill()
        await writer.wait()
    survivor = QdrantEdgeIndex(folder)
    await survivor.open(MODEL)
    assert await survivor.count("acme") == 200
    assert await found(survivor, EAST, limit=1) == ["doc-v1-0"]
    await survivor.close()
